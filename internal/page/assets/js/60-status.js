// The pages of all states but the form's, and the choice between them. What is shown follows from the session as the server
// told it last, and from nothing else, so that reloads, second windows and the back button all end up at the same page.

let notice = ""; // said above the page, as long as it stays in its state
let elsewhere = false; // the gateway has a window of its own now

const orderOpen = { created: true, pending: true };

// stateOf is the state that the session is in.
function stateOf() {
  const { order, status } = session;
  if (order) {
    if (!orderOpen[order.status]) return order.status;
    if (order.deposit) return "deposit";
    return order.checkoutUrl || place.returned ? "waiting" : "used";
  }
  if (status === "cancelled" || status === "completed") return status;
  if (status === "processing") return "preparing"; // an order that is being made is not stopped by the session's end
  if (status === "expired" || secondsUntil(session.expiresAt) <= 0) return "expired";
  return session.access === "full" ? "form" : "unknown";
}

const FINAL = { completed: "good", failed: "bad", cancelled: "stop", expired: "wait", refunded: "back" };
const FOLLOWED = { waiting: true, deposit: true, used: true, processing: true, preparing: true };

// route shows the page of the state that the session is in, with a notice above it if there is something to say.
function route(said = "") {
  notice = said;
  const state = stateOf();
  if (state === "form") showForm();
  else if (state === "preparing") showPreparing();
  else if (state === "unknown") showUnknown();
  else showOrder(state);
  report();
  if (FOLLOWED[state]) follow();
  else stopFollowing();
  if (leavesSoon(state)) leaveSoon();
}

// showPreparing is for the moment in which another window's order is being made.
function showPreparing() {
  show("loading", el("section", { class: "sheet state" }, icon("busy"), heading(text("submit_busy"))));
}

function showRedirecting(order, url) {
  show("redirecting", el("section", { class: "sheet state" }, icon("busy"),
    heading(text("redirecting_title", { gateway: order.gatewayName })), el("p", null, text(wording("redirecting_text"))),
    el("div", { class: "actions" }, el("a", { class: "button", href: url, "data-continue": "" }, text("continue_at", { gateway: order.gatewayName })))));
}

function showUnknown() {
  show("unknown", el("section", { class: "sheet state" }, icon("bad"), heading(text("unknown_title")), el("p", null, text("unknown_text"))));
}

// wordsOf are the title and the texts of a state.
function wordsOf(state) {
  const { order } = session;
  const kind = buys() ? "buy" : "sell";
  const again = SHORT_BRAND ? "start_again" : "start_again_any";
  const values = order ? { gateway: order.gatewayName, asset: order.cryptoCurrency } : { gateway: "", asset: session.destinationCurrency ?? "" };
  const both = (name) => [`${name}_title_${kind}`, `${name}_text_${kind}`];
  const [title, ...texts] = {
    waiting: both(place.returned || elsewhere ? "confirming" : "waiting"),
    deposit: depositOver() ? ["expired_title", "deposit_over"] : ["deposit_title", "deposit_text"],
    used: ["used_title", "used_text"],
    processing: [...both("processing"), "processing_leave"],
    completed: both("completed"),
    failed: [...both("failed"), again],
    cancelled: ["cancelled_title", order ? `cancelled_text_${kind}` : "cancelled_text_session", again],
    expired: ["expired_title", order ? `expired_text_${kind}` : "expired_text_session", again],
    refunded: ["refunded_title", `refunded_text_${kind}`],
  }[state];
  values.brand = SHORT_BRAND;
  if (state === "deposit") Object.assign(values, depositValues(order));
  return { title: text(title, values), texts: texts.map((key) => text(key, values)) };
}

function showOrder(state) {
  const { title, texts } = wordsOf(state);
  const { order } = session;
  if (state === "waiting" && order.checkoutUrl) texts.push(text("waiting_until", { time: moment(order.checkoutExpiresAt) }));
  const soon = leavesSoon(state) && !place.popup && !leaving.stopped;
  const buttons = actions(state);
  if (place.popup && state !== "waiting" && state !== "deposit") texts.push(text("close_text"));
  show(state, el("section", { class: "sheet state" },
    notice && el("p", { class: "notice", role: "status" }, notice),
    state === "deposit" ? depositOver() && icon("wait") : icon(FINAL[state] ?? (state === "processing" || place.returned || elsewhere ? "busy" : "wait")),
    heading(title), ...texts.map((one) => el("p", null, one)), ...(state === "deposit" ? depositNodes(order) : []), soon && el("p", { "data-soon": "" }, text("return_soon")), buttons.length > 0 && el("div", { class: "actions" }, ...buttons),
    order && el("dl", null, ...orderFacts(order))));
}

function actions(state) {
  const { order } = session;
  const list = [];
  const url = (state === "waiting" || state === "deposit") && webURL(order.checkoutUrl);
  if (url) {
    const away = framed ? { target: "_blank", rel: "noopener noreferrer" } : {};
    list.push(el("a", { class: elsewhere || state === "deposit" ? "button" : "button main", href: url, "data-continue": "", ...away }, text("continue_at", { gateway: order.gatewayName }),
      framed && el("span", { class: "unseen" }, ` (${text("new_window")})`)));
  }
  const back = returnURL();
  const over = state === "deposit" && depositOver();
  const done = FINAL[state] || state === "processing" || over || place.returned; // who has come back from the gateway can go on to the shop
  if (done && place.popup) list.push(el("button", { type: "button", click: () => close() }, text("close_button")));
  else if (done && back) list.push(backLink(back, FINAL[state]));
  else if (done && partner) list.push(el("button", { type: "button", click: () => tell("close") }, text("close_button")));
  return list;
}

function backLink(back, main) {
  return el("a", { class: main ? "button main" : "button", href: back, "data-return": "", target: framed && "_top" },
    SHORT_BRAND ? text("return_to", { brand: SHORT_BRAND }) : text("return_any"));
}

// tradeNames name the money and the crypto of an order, as what is to be, what has been, or what has come to nothing.
function tradeNames({ status }) {
  if (status === "completed") return buys() ? ["paid", "received"] : ["paid_out", "sold"];
  if (FINAL[status]) return ["amount", "asset"];
  return buys() ? ["you_pay", "you_get"] : ["you_get", "you_send"];
}

function cryptoOf({ cryptoAmount, cryptoCurrency, status, deposit }) {
  const exact = cryptoAmount ?? (orderOpen[status] && deposit?.amount);
  if (exact) return crypto(exact, cryptoCurrency);
  const expected = !FINAL[status] && stored("estimate");
  return expected ? text("about", { amount: estimate(expected, cryptoCurrency) }) : cryptoCurrency;
}

function orderFacts(order) {
  const [money, coins] = tradeNames(order);
  const paid = order.fiatAmount && fact(text(money), el("bdi", null, fiat(order.fiatAmount, order.fiatCurrency)));
  const traded = fact(text(coins), el("bdi", null, cryptoOf(order)));
  const to = order.walletAddress && fact(text(buys() ? "wallet" : "refund_wallet"), groupsOf(order.walletAddress));
  if (to) to.classList.add("tall"); // it has the same lines everywhere, to be compared
  return [
    ...(buys() ? [paid, traded] : [traded, paid]),
    fact(text("network"), orderNetwork(order)),
    to,
    order.walletTag && fact(text("tag"), tagCode(order.walletTag)),
    fact(text("provider"), order.gatewayName),
    fact(text("order"), el("code", { class: "id", dir: "ltr", translate: "no" }, order.orderId)),
    order.transactionHash && fact(text("transaction"), el("code", { class: "id", dir: "ltr", translate: "no" }, order.transactionHash)),
  ].filter(Boolean);
}

// orderNetwork is the network's name, as far as one is known: else its id, written as a name.
function orderNetwork({ network, networkName, cryptoCurrency }) {
  const known = assetOf(cryptoCurrency)?.networks.find((one) => one.id === network)?.name;
  return networkName ?? known ?? ((network === session.network && session.networkName) || titled(network));
}

// returnURL is the shop's, with what became of the order after its own query; null if the shop gave none.
function returnURL() {
  if (!webURL(session.redirectUrl)) return null;
  const { order } = session;
  const state = stateOf();
  const status = order?.status ?? (state === "form" ? session.status : state); // the time may be over before the server has been asked
  const query = new URLSearchParams({ sessionId: session.sessionId, ...(order && { orderId: order.orderId }), status });
  const [address, ...fragment] = session.redirectUrl.split("#");
  const joint = !address.includes("?") ? "?" : /[?&]$/.test(address) ? "" : "&";
  return address + joint + query + (fragment.length ? `#${fragment.join("#")}` : "");
}

const LEAVE_SECONDS = 5;
const leaving = { timer: 0, stopped: false };

// leavesSoon tells whether the payer goes on without a click: to the shop if all went well, since there is more to read and to
// decide where it didn't; and the gateway's window closes, for the page that opened it shows the same.
const leavesSoon = (state) => place.returned && (place.popup ? Boolean(FINAL[state]) : state === "completed" && Boolean(returnURL()));

// leaveSoon takes the payer who has come back from the gateway on to the shop, once there was time to read how it ended. One who
// does anything on the page stays, and goes by the button.
function leaveSoon() {
  if (leaving.stopped) return;
  clearTimeout(leaving.timer);
  leaving.timer = setTimeout(leave, LEAVE_SECONDS * 1000);
}

function leave() {
  if (!navigator.onLine) leaveSoon(); // the shop can't be had now
  else if (place.popup) close();
  else location.replace(returnURL());
}

// stay is what the payer does. Our own focus is on the heading, and our own scrolling to the top.
function stay({ type, target }) {
  if (!FINAL[main.dataset.state] || (type === "focusin" && target.matches("h1")) || (type === "scroll" && scrollY === 0)) return;
  clearTimeout(leaving.timer);
  leaving.stopped = true;
  main.querySelector("[data-soon]")?.remove();
}
