// The pages of all states but the form's, and the choice between them. What is shown follows from the session as the server
// told it last, and from nothing else, so that reloads, second windows and the back button all end up at the same page.

let notice = ""; // said once above the next page

const orderOpen = { created: true, pending: true };

// stateOf is the state that the session is in.
function stateOf() {
  const { order, status } = session;
  if (order) {
    if (!orderOpen[order.status]) return order.status;
    return order.checkoutUrl || place.returned ? "waiting" : "used";
  }
  if (status === "cancelled" || status === "completed") return status;
  if (status === "expired" || secondsUntil(session.expiresAt) <= 0) return "expired";
  if (status === "processing") return "preparing";
  return session.access === "full" ? "form" : "unknown";
}

const FINAL = { completed: "good", failed: "bad", cancelled: "bad", expired: "wait", refunded: "back" };
const FOLLOWED = { waiting: true, used: true, processing: true, preparing: true };

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
  if (FINAL[state]) leaveSoon();
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
  session = null;
  show("unknown", el("section", { class: "sheet state" }, icon("bad"), heading(text("unknown_title")), el("p", null, text("unknown_text"))));
}

// wordsOf are the title and the texts of a state.
function wordsOf(state) {
  const { order } = session;
  const kind = buys() ? "buy" : "sell";
  const again = order ? "start_again" : "start_new";
  const values = order ? { gateway: order.gatewayName, asset: order.cryptoCurrency } : { gateway: "", asset: session.destinationCurrency ?? "" };
  const both = (name) => [`${name}_title_${kind}`, `${name}_text_${kind}`];
  const [title, ...texts] = {
    waiting: both(place.returned ? "confirming" : "waiting"),
    used: ["used_title", "used_text"],
    processing: [...both("processing"), "processing_leave"],
    completed: both("completed"),
    failed: [...both("failed"), "start_again"],
    cancelled: ["cancelled_title", order ? `cancelled_text_${kind}` : "cancelled_text_session", again],
    expired: ["expired_title", order ? `expired_text_${kind}` : "expired_text_session", again],
    refunded: ["refunded_title", `refunded_text_${kind}`],
  }[state];
  return { title: text(title, values), texts: texts.map((key) => text(key, values)) };
}

function showOrder(state) {
  const { title, texts } = wordsOf(state);
  const { order } = session;
  if (state === "waiting" && order.checkoutUrl) texts.push(text("waiting_until", { time: moment(order.checkoutExpiresAt) }));
  if (FINAL[state] && returnURL() && place.returned && !place.popup) texts.push(text("return_soon"));
  if (place.popup && state !== "waiting") texts.push(text("close_text"));
  show(state, el("section", { class: "sheet state" },
    notice && el("p", { class: "notice", role: "status" }, notice),
    icon(FINAL[state] ?? (state === "processing" || place.returned ? "busy" : "wait")),
    heading(title), ...texts.map((one) => el("p", null, one)), el("div", { class: "actions" }, ...actions(state)),
    order && el("dl", null, ...orderFacts(order))));
}

function actions(state) {
  const { order } = session;
  const list = [];
  const url = state === "waiting" && webURL(order.checkoutUrl);
  if (url) {
    const away = framed ? { target: "_blank", rel: "noopener noreferrer" } : {};
    list.push(el("a", { class: "button main", href: url, "data-continue": "", ...away }, text("continue_at", { gateway: order.gatewayName }),
      framed && el("span", { class: "unseen" }, ` (${text("new_window")})`)));
  }
  const back = returnURL();
  const done = FINAL[state] || state === "processing";
  if (done && place.popup) list.push(el("button", { type: "button", click: () => close() }, text("close_button")));
  else if (done && back) {
    list.push(el("a", { class: FINAL[state] ? "button main" : "button", href: back, "data-return": "", target: framed && "_top" },
      BRAND ? text("return_to", { brand: BRAND }) : text("return_any")));
  } else if (done && partner) list.push(el("button", { type: "button", click: () => tell("close") }, text("close_button")));
  return list;
}

function orderFacts(order) {
  const paid = order.fiatAmount && fact(text(buys() ? "you_pay" : "you_get"), el("bdi", null, fiat(order.fiatAmount, order.fiatCurrency)));
  const coins = order.cryptoAmount ? crypto(order.cryptoAmount, order.cryptoCurrency) : order.cryptoCurrency;
  const traded = fact(text(buys() ? "you_get" : "you_send"), el("bdi", null, coins));
  return [
    ...(buys() ? [paid, traded] : [traded, paid]),
    fact(text("network"), orderNetwork(order)),
    order.walletAddress && fact(text(buys() ? "wallet" : "refund_wallet"), groupsOf(order.walletAddress)),
    fact(text("provider"), order.gatewayName),
    fact(text("order"), el("code", { dir: "ltr", translate: "no" }, order.orderId)),
    order.transactionHash && fact(text("transaction"), el("code", { dir: "ltr", translate: "no" }, order.transactionHash)),
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
  const query = new URLSearchParams({ sessionId: session.sessionId, ...(order && { orderId: order.orderId }), status: order?.status ?? stateOf() });
  const [address, ...fragment] = session.redirectUrl.split("#");
  const joint = !address.includes("?") ? "?" : /[?&]$/.test(address) ? "" : "&";
  return address + joint + query + (fragment.length ? `#${fragment.join("#")}` : "");
}

let leaving = 0;

// leaveSoon takes the payer who has come back from the gateway on to the shop, once there was time to read how it ended.
function leaveSoon() {
  if (!place.returned || leaving) return;
  const back = returnURL();
  if (place.popup) leaving = setTimeout(() => close(), 3000);
  else if (back) leaving = setTimeout(() => location.replace(back), 3000);
}
