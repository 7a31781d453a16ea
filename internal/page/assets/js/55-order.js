// Making the order. One click makes one order: the button is deaf while one is under way, and the server lets a session have
// no second. Whatever goes wrong is said where it can be put right.

let submitting = false;

function labelSubmit() {
  const button = formNodes[1].querySelector("button[type=submit]");
  const name = namedChoice()?.name;
  const any = buys() ? "submit_buy_any" : "submit_sell_any";
  const idle = noneTakes() ? text("try_again") : name ? text("submit_with", { gateway: name }) : text(any);
  button.textContent = submitting ? text("submit_busy") : idle;
  button.classList.toggle("main", !noneTakes());
  button.hidden = hopeless();
  button.setAttribute("aria-disabled", submitting);
}

async function submit(event) {
  event.preventDefault();
  if (!submitting && noneTakes()) {
    quotes.dated = true; // so that the answer is spoken
    return askForQuotes();
  }
  if (submitting || !showProblems(problems())) return;
  const meant = { order: JSON.stringify(orderBody()), gateway: chosenGateway(), doubt: addressDoubt() };
  setSubmitting(true);
  let opened = framed ? openWindow() : null; // now, while it is still the payer's click
  try {
    if (!await agreed(meant)) return;
    const order = await post("/order", { ...orderBody(), gateway: chosenGateway() || undefined }, { once: true, patience: 90 });
    const given = opened;
    opened = null;
    ordered(order, given);
  } catch (error) {
    await refused(error);
  } finally {
    setSubmitting(false);
    opened?.close();
  }
}

// chosenGateway is the one that the order names: the payer's choice, or else the best. It is empty where the server finds one.
const chosenGateway = () => quotes.wanted || (routed() ? "" : pickedChoice()?.id);

// agreed waits for prices and checks that are under way, and tells whether the order is still the one that the payer saw when
// they clicked. Where it isn't, it shows what is new, and the payer clicks again.
async function agreed(meant) {
  if (quotes.state === "failed" || quotes.state === "old") askForQuotes();
  await Promise.all([settled(), addressChecked()]);
  if (main.dataset.state !== "form" || !showProblems(problems())) return false;
  const doubt = addressDoubt();
  if (doubt && doubt !== meant.doubt) {
    say(doubt);
    controls.walletAddress.focus();
    return false;
  }
  // A provider that is the only one can't be another than was meant, though its price was not there yet.
  const gateway = meant.gateway ?? (choices().length === 1 ? choices()[0].id : "");
  const picked = quotes.state === "ready" && pickedChoice();
  if (picked && (routed() ? "" : picked.id) === gateway && JSON.stringify(orderBody()) === meant.order) return true;
  setSubmitting(false); // so that the button names the provider
  showQuotes();
  return false;
}

function setSubmitting(now) {
  submitting = now;
  labelSubmit();
}

function orderBody() {
  const body = { language: LANG, embedded: framed };
  for (const member of MEMBERS.filter((one) => one !== "gateway")) {
    const value = valueOf(member);
    if (value) body[member] = value;
  }
  return body;
}

// ordered leaves for the gateway; a frame stays, since most gateways can't be framed, and follows the order.
function ordered(order, opened) {
  session.order = order;
  store("typed", "");
  store("estimate", quotes.list.find((quote) => quote.gateway === order.gateway)?.cryptoAmount); // the order has no amount of its own before the end
  report();
  const url = webURL(order.checkoutUrl);
  if (!url) return route();
  if (framed) {
    if (opened) opened.location.href = url;
    elsewhere = Boolean(opened);
    return route(text(opened ? "window_opened" : "window_blocked", { gateway: order.gatewayName }));
  }
  showRedirecting(order, url);
  location.assign(url);
}

// webURL is the address if it is one of the web, or null.
function webURL(address) {
  try {
    const url = new URL(address, location.href);
    return address && /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

// openWindow opens the window that the gateway is to come into, or null where the browser won't.
function openWindow() {
  const opened = window.open("", "_blank");
  if (!opened) return null;
  opened.opener = null; // the gateway's page has no business with this one
  opened.document.title = text("submit_busy");
  opened.document.body.textContent = text("submit_busy");
  return opened;
}

// MEMBERS are the fields in the order of the page.
const MEMBERS = ["fiatAmount", "fiatCurrency", "cryptoCurrency", "network", "walletAddress", "walletTag", "gateway", "email"];

// showProblems marks the fields and takes the payer to the first. True if there is nothing to mark.
function showProblems(found) {
  const marked = MEMBERS.filter((member) => member in found && setProblem(member, found[member]) && found[member]);
  if (!marked.length) return true;
  say(text("problem_summary"));
  const [member] = marked;
  const target = controls[member] ?? formNodes[1].querySelector(`input[name=${member}]:checked`);
  if (target && !target.hidden) target.focus();
  else formNodes[1].querySelector(`[data-problem=${member}]`).scrollIntoView({ block: "center" });
  return false;
}

const CONFLICTS = { SESSION_ALREADY_USED: true, SESSION_EXPIRED: true, SESSION_CANCELLED: true };

// refused says why there is no order. A session that has come to its end, or has an order already, has a page of its own.
async function refused(error) {
  if (error instanceof Disconnected) return lost(); // it may have been made all the same: lost looks
  if (CONFLICTS[error.code] || error.status === 403 || error.status === 404) return reread(text("notice_already_ordered"));
  const found = fieldProblems(error);
  if (Object.keys(found).length) {
    if (found.gateway) askForQuotes();
    showProblems(found);
    return;
  }
  setProblem("form", formProblem(error));
  if (error.code === "GATEWAY_UNAVAILABLE") askForQuotes();
  formNodes[1].querySelector("button[type=submit]").focus();
}

const FIELD_OF = { INVALID_AMOUNT: "fiatAmount", INVALID_CURRENCY: "cryptoCurrency", INVALID_NETWORK: "network", INVALID_GATEWAY: "gateway" };

// BESIDE are the members that could be changed in the place of a fixed one.
const BESIDE = { fiatAmount: ["fiatCurrency"], cryptoCurrency: ["network"], network: ["cryptoCurrency"], walletAddress: ["network", "cryptoCurrency"], walletTag: ["walletAddress", "network"] };

// labelOf is a member's name in the summary, where it is fixed.
function labelOf(member) {
  if (member === "fiatAmount") return text(buys() ? "you_pay" : "you_get");
  const key = { fiatCurrency: "currency", cryptoCurrency: "crypto_currency", network: "network", walletAddress: "wallet", walletTag: "tag" }[member];
  return key && text(key);
}

// membersOf are the members that the answer finds wrong.
function membersOf(error) {
  const named = error.details.map((one) => one.field);
  return named.length || !FIELD_OF[error.code] ? named : [FIELD_OF[error.code]];
}

// fieldProblems are those of the answer's problems that belong to something the payer can change here.
function fieldProblems(error) {
  if (error.code === "INVALID_GATEWAY" && membersOf(error).includes("walletTag")) { // the tag is right, and lost with this gateway
    return { gateway: text("problem_tag_gateway", { gateway: namedChoice()?.name ?? text("provider") }) };
  }
  const here = membersOf(error).map((member) => (member === "gateway" ? member : [member, ...BESIDE[member] ?? []].find((one) => controls[one] && !controls[one].closest("[hidden]"))));
  return Object.fromEntries(here.filter(Boolean).map((member) => [member, fieldProblem(member)]));
}

function fieldProblem(member) {
  if (member === "walletAddress" && !valueOf(member)) return text(buys() ? "problem_address_required" : "problem_address_refund_required");
  return text(`problem_${member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`);
}

function formProblem(error) {
  const gateway = namedChoice()?.name ?? text("provider");
  switch (error.code) {
    case "GATEWAY_UNAVAILABLE": return text(choices().length > 1 ? "problem_gateway_unavailable" : "problem_gateway_unavailable_only", { gateway });
    case "RATE_LIMIT_EXCEEDED": return text("problem_too_many", { time: duration(error.seconds) });
    case "DATABASE_UNAVAILABLE": return text("problem_busy");
    case "INVALID_AMOUNT": case "INVALID_CURRENCY": case "INVALID_NETWORK": return noQuotes();
  }
  const fixedOnes = membersOf(error).map(labelOf).filter(Boolean);
  if (fixedOnes.length) return `${fixedOnes.join(", ")}: ${noQuotes()}`;
  return sentences(text("problem_other"), error.reference && text("problem_reference", { id: error.reference }));
}
