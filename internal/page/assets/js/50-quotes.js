// Live prices of the gateways: asked for when the order changes and when they grow old, shown as cards to choose from. A
// price that belongs to another order than the one on the page is dropped.

const quotes = {
  state: "idle", // idle: something is missing; loading; ready; failed
  refusal: null, problems: {}, // the server's answer that it can't be asked for these, and what of it belongs to a field
  list: [], errors: [], key: "", wanted: "", // wanted: the gateway that the payer chose
  gone: false, // it takes the order no more, which the page says
  dated: false, // what is in the list belongs to another order than the one on the page
  timer: 0, expiry: 0, abort: null, running: null, start: null, finish: null,
};

function quotesField() {
  return el("fieldset", { "data-quotes": "", "aria-describedby": "quotes-note" }, el("legend", null, text("quotes_choose")),
    el("div", { class: "cards" }), el("p", { class: "problem", "data-problem": "gateway", hidden: true }),
    el("p", { class: "note", id: "quotes-note" }));
}

// orderToQuote is what prices are asked for, or null while something is missing or wrong.
function orderToQuote() {
  const order = {};
  for (const member of ["fiatAmount", "fiatCurrency", "cryptoCurrency", "network"]) {
    order[member] = valueOf(member);
    if (!order[member]) return null;
  }
  return amountProblem() ? null : order;
}

// askForQuotes asks after a pause. `running` ends when the answer is there or nobody waits for it any more.
function askForQuotes(pause = 0) {
  const order = orderToQuote();
  const key = JSON.stringify(order);
  stopQuotes();
  takeRefusal(null);
  if (key !== quotes.key) Object.assign(quotes, { key, errors: [], list: order ? quotes.list : [], dated: true });
  quotes.state = order ? "loading" : "idle";
  renderQuotes();
  if (!order) return;
  quotes.running = new Promise((finish) => {
    quotes.finish = finish;
    quotes.start = () => {
      clearTimeout(quotes.timer);
      quotes.start = null;
      fetchQuotes(order).then(finish);
    };
  });
  quotes.timer = setTimeout(quotes.start, pause);
}

function stopQuotes() {
  clearTimeout(quotes.timer);
  clearTimeout(quotes.expiry);
  quotes.abort?.abort();
  quotes.finish?.();
  quotes.start = null;
}

async function fetchQuotes(order) {
  const abort = quotes.abort = new AbortController();
  let answer = null;
  try {
    answer = await readQuotes(order, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return;
    if (error instanceof Disconnected) lost();
    if (error.status === 400) takeRefusal(error);
    if (error.status === 429) quotes.expiry = setTimeout(refreshQuotes, error.seconds * 1000);
  }
  if (abort.signal.aborted) return;
  const asked = quotes.dated; // by the payer, and not by the clock
  Object.assign(quotes, { state: answer ? "ready" : "failed", list: answer?.quotes ?? [], errors: answer?.errors ?? [], dated: false });
  renderQuotes();
  if (!answer) return;
  if (asked) announceQuotes();
  watchExpiry();
  nameGateways();
}

// takeRefusal says at the fields what the server won't give prices for, or takes it back.
function takeRefusal(error) {
  for (const member of Object.keys(quotes.problems)) setProblem(member, member === "fiatAmount" ? amountProblem() : "");
  Object.assign(quotes, { refusal: error, problems: error ? fieldProblems(error) : {} });
  for (const [member, problem] of Object.entries(quotes.problems)) setProblem(member, problem);
}

// settled waits for prices that are under way, without the pause for typing.
async function settled() {
  while (quotes.state === "loading") {
    quotes.start?.();
    await quotes.running;
  }
}

// watchExpiry asks again when the first price is over, or a gateway may have recovered. A page that nobody sees waits until it is seen.
function watchExpiry() {
  const ends = quotes.list.map((quote) => Date.parse(quote.expiresAt));
  if (quotes.errors.some((one) => one.code === "GATEWAY_UNAVAILABLE")) ends.push(serverNow() + 60000); // which may have a price by then
  if (ends.length) quotes.expiry = setTimeout(refreshQuotes, Math.max(5000, Math.min(...ends) - serverNow()));
}

function refreshQuotes() {
  if (main.dataset.state === "form" && !document.hidden) askForQuotes();
  else quotes.state = "old";
}

// nameGateways learns the names of gateways that gave no price, which the answer does not tell.
async function nameGateways() {
  if (supported || !quotes.errors.some((one) => one.code !== "INVALID_GATEWAY" || one.eligible)) return;
  try {
    await readSupported();
    renderQuotes();
  } catch { /* their ids will do */ }
}

const gatewayName = (id) => supported?.gateways.find((one) => one.id === id)?.name ?? id;

// choices are the gateways that would take the order, the best price first, and those that tell none last.
function choices() {
  const silent = quotes.errors.filter((one) => one.eligible).map((one) => ({ id: one.gateway, name: gatewayName(one.gateway) }));
  return [...quotes.list.map((quote) => ({ id: quote.gateway, name: quote.gatewayName, quote })), ...silent];
}

// pickedChoice is the payer's choice, and the best one only for a payer who has made none: nobody is sent to another than the
// one that they chose.
const pickedChoice = () => choices().find((one) => !quotes.wanted || one.id === quotes.wanted);

// routed tells that the server finds the gateway, because the project has it so and the payer has chosen none. The best price
// then stands for what the order will come to, and no gateway is named while it could be another.
const routed = () => session.routed && !quotes.wanted;
const namedChoice = () => (routed() && choices().length > 1 ? null : pickedChoice());

function pick(id) {
  quotes.wanted = id;
  saveTyped();
  setProblem("gateway", "");
  quotes.gone = false;
  for (const card of formNodes[1].querySelectorAll(".card")) card.classList.toggle("picked", card.dataset.gateway === id);
  labelSubmit();
  updateSummary();
}

function announceQuotes() {
  const best = quotes.list[0];
  if (best) say(text("quotes_announce", { amount: estimate(best.cryptoAmount, best.cryptoCurrency), gateway: best.gatewayName }));
  else say(choices().length ? text("quotes_own_page") : noQuotes());
}

// renderQuotes draws the cards anew, and leaves the focus and what was opened as it was.
function renderQuotes() {
  const set = formNodes[1].querySelector("[data-quotes]");
  const cards = set.querySelector(".cards");
  const all = choices();
  const focused = cards.contains(document.activeElement) && document.activeElement;
  const within = focused && { id: focused.closest(".card")?.dataset.gateway, tag: focused.tagName };
  const opened = [...cards.querySelectorAll("details[open]")].map((one) => one.closest(".card").dataset.gateway);
  set.setAttribute("aria-busy", quotes.state === "loading");
  const only = all.length === 1 && Boolean(pickedChoice()); // else it is there to be chosen
  set.querySelector("legend").textContent = text(only || !all.length ? "provider" : "quotes_choose");
  cards.classList.toggle("stale", quotes.dated && quotes.state === "loading");
  cards.replaceChildren(...(all.length ? all.map((one) => card(one, only, opened)) : [emptyQuotes()].flat()));
  if (within?.id) cards.querySelector(`[data-gateway="${CSS.escape(within.id)}"] ${within.tag}`)?.focus();
  set.querySelector("#quotes-note").replaceChildren(...quoteNotes(all).flatMap((note) => [note, el("br")]).slice(0, -1));
  if (quotes.state !== "loading") tellGone(all.length > 0 && !pickedChoice());
  labelSubmit();
  updateSummary();
}

// tellGone says that the payer's choice is not among the cards any more, or takes it back.
function tellGone(gone) {
  if (gone !== quotes.gone) setProblem("gateway", gone ? text("problem_gateway") : "");
  quotes.gone = gone;
}

// emptyQuotes is what stands in the place of cards.
function emptyQuotes() {
  if (quotes.state === "loading") return [el("div", { class: "ghost" }), el("p", { class: "unseen" }, text("quotes_loading"))];
  if (quotes.state === "idle") return el("p", { class: "hint" }, text("quotes_waiting"));
  if (quotes.refusal) return el("p", { class: "warning" }, formProblem(quotes.refusal));
  if (quotes.state === "failed") {
    return [el("p", { class: "hint" }, text("quotes_failed")), el("button", { type: "button", class: "small", click: () => askForQuotes() }, text("try_again"))];
  }
  const back = returnURL();
  const why = el("p", { class: "warning" }, noQuotes());
  return back ? [why, backLink(back, hopeless())] : why;
}

// noQuotes says why no gateway takes the order, and what the payer can do about it.
function noQuotes() {
  const codes = quotes.errors.map((one) => one.code);
  if (codes.includes("GATEWAY_UNAVAILABLE")) return text("quotes_none");
  if (controls.fiatAmount && codes.includes("INVALID_AMOUNT")) return text("quotes_none_amount");
  if (controls.fiatCurrency || controls.cryptoCurrency || controls.network) return text("quotes_none_choice");
  return text(codes.includes("INVALID_AMOUNT") ? "quotes_none_shop" : "quotes_none_fixed");
}

// noneTakes tells that there is nobody to continue with; hopeless, that asking again would change nothing.
const noneTakes = () => quotes.state === "ready" && !choices().length;
const hopeless = () => noneTakes() && noQuotes() === text("quotes_none_shop");

// showQuotes takes the payer to the choice of a provider, or to why there is none.
function showQuotes() {
  if (quotes.refusal) say(formProblem(quotes.refusal));
  else if (quotes.state === "failed") say(text("quotes_failed"));
  else if (!choices().length) say(noQuotes());
  else if (pickedChoice()) say(formNodes[1].querySelector("button[type=submit]").textContent);
  else say(text("problem_gateway"));
  formNodes[1].querySelector("[data-quotes]").scrollIntoView({ block: "center" });
}

const REASONS = { INVALID_AMOUNT: "amount", INVALID_CURRENCY: "currency", INVALID_NETWORK: "network", GATEWAY_UNAVAILABLE: "unavailable" };

// quoteNotes are the quiet lines below the cards: that prices are estimates, and which gateways gave none.
function quoteNotes(all) {
  const estimates = text(wording("quotes_estimate"));
  if (!all.length) return quotes.state === "loading" ? [estimates] : [];
  const silent = quotes.errors.filter((one) => !one.eligible && REASONS[one.code]);
  const notes = silent.map((one) => text(`quotes_error_${REASONS[one.code]}`, { gateway: gatewayName(one.gateway) }));
  return quotes.list.length ? [estimates, ...notes] : notes;
}

function card(choice, only, opened) {
  const { id, name, quote } = choice;
  const picked = namedChoice()?.id === id;
  const radio = el("input", { type: "radio", name: "gateway", value: id, checked: picked, hidden: only, change: () => pick(id) });
  return el("div", { class: `card${picked ? " picked" : ""}${only ? " only" : ""}`, "data-gateway": id },
    el("label", null, radio, el("span", null,
      el("span", { class: "name" }, el("bdi", null, name), quote?.isBestRate && !only && el("span", { class: "best" }, text("quotes_best")), quote?.paymentMethod && el("span", { class: "hint" }, methodName(quote.paymentMethod))),
      quote ? el("span", { class: "price" }, ...aroundAmount(buys() ? "quotes_get" : "quotes_send", quote)) : el("span", { class: "hint" }, text("quotes_own_page")))),
    quote && quoteDetails(quote, opened.includes(id)));
}

// aroundAmount is a text about what is got or sent, of which the amount is what the eye looks for.
function aroundAmount(key, { cryptoAmount, cryptoCurrency }) {
  const amount = estimate(cryptoAmount, cryptoCurrency);
  const [before, after] = text(key, { amount }).split(isolate(amount));
  return [before, el("bdi", null, amount), after];
}

const FEES = { gateway: "fee_gateway", network: "fee_network", partner: "fee_partner" };

function quoteDetails({ fees, rate, cryptoCurrency, fiatCurrency }, open) {
  const none = /^[0.]*$/.test(fees.total);
  const summed = none ? text("quotes_no_fees") : text("quotes_fees", { amount: fiat(fees.total, fees.currency) });
  return el("details", { open },
    el("summary", null, summed),
    el("p", null, text("quotes_rate", { asset: cryptoCurrency, price: price(rate, fiatCurrency) })),
    !none && el("dl", null, ...fees.items.map((item) => fact(text(FEES[item.type] ?? "fee_other"), fiat(item.amount, fees.currency)))));
}

function methodName(id) {
  const key = `method_${id.replaceAll("-", "_")}`;
  return TEXTS[key] ?? supported?.paymentMethods.find((one) => one.id === id)?.name ?? text("method_other");
}
