// The form: what of the order is fixed, what may be filled in, and what is wrong with what was filled in. A "member" is one
// of the order's, by its name in the API. Its value is the session's where that is fixed, and its control's otherwise.

const LOCKS = {
  fiatAmount: "sourceAmount", fiatCurrency: "sourceCurrency", cryptoCurrency: "destinationCurrency",
  network: "network", walletAddress: "destinationAddress", walletTag: "destinationTag",
};

const controls = {}; // the free members' inputs and selects, and the e-mail's
let formNodes = null; // kept while another state is shown, so that nothing typed is lost
let typed = {}; // what was typed, from before a reload

const buys = () => session.type !== "offramp";
const wording = (key) => `${key}_${buys() ? "buy" : "sell"}`;

// fixed tells whether the payer can't change a member. An amount with a range can be chosen within it, and a tag is fixed with
// its address.
function fixed(member) {
  const lock = session.fieldLocks?.[LOCKS[member === "walletTag" ? "walletAddress" : member]];
  return Boolean(lock?.locked) && !lock.min && !lock.max;
}

const needsChoice = () => ["fiatCurrency", "cryptoCurrency", "network"].some((member) => !fixed(member));

function valueOf(member) {
  if (fixed(member)) return session[LOCKS[member]];
  const raw = controls[member]?.value ?? "";
  if (member === "fiatAmount") return parseAmount(raw, valueOf("fiatCurrency")) ?? "";
  if (member === "walletTag") return tagMeant(raw.trim());
  return member === "walletAddress" ? raw.replace(/[\s\u200b-\u200f\u2060\ufeff]/g, "") : raw.trim();
}

const assetOf = (code) => supported?.cryptos.find((one) => one.code === code);

function assetName(code = valueOf("cryptoCurrency")) {
  if (!code) return "";
  return assetOf(code)?.name ?? (code === session.destinationCurrency && session.cryptoName ? session.cryptoName : code);
}

function networkName(id = valueOf("network")) {
  if (!id) return "";
  const known = assetOf(valueOf("cryptoCurrency"))?.networks.find((one) => one.id === id);
  return known?.name ?? (id === session.network && session.networkName ? session.networkName : titled(id));
}

// named is a name with its code, or just that where both are the same.
const named = (name, code) => (name === code ? code : `${name} (${code})`);

// initial is what a free member begins with: what was typed before a reload, or the session's default.
const initial = (member) => typed[member] ?? session[LOCKS[member]] ?? "";

// field is a labelled control with its hint and the place for its problem.
function field(member, label, control, hint, around = control) {
  const id = `field-${member}`;
  dress(control, { id, name: member, autocomplete: control.autocomplete || "off", "aria-describedby": `${id}-problem ${id}-hint` });
  controls[member] = control;
  return el("div", { class: "field" },
    el("label", { for: id }, label), around,
    el("p", { class: "problem", id: `${id}-problem`, "data-problem": member, hidden: true }),
    el("p", { class: "hint", id: `${id}-hint`, hidden: !hint }, hint));
}

function setHint(member, hint) {
  const node = formNodes[1].querySelector(`#field-${member}-hint`);
  node.textContent = hint;
  node.hidden = !hint;
}

// setProblem says at a member what is wrong with it; an empty problem takes that back. It is false where the page has no
// such place.
function setProblem(member, problem) {
  const spot = formNodes[1].querySelector(`[data-problem=${member}]`);
  if (!spot) return false;
  spot.textContent = problem;
  spot.hidden = !problem;
  if (problem) controls[member]?.setAttribute("aria-invalid", "true");
  else controls[member]?.removeAttribute("aria-invalid");
  return true;
}

function fillSelect(select, options, value) {
  const known = options.some(([code]) => code === value);
  const blank = known || options.length === 1 ? [] : [el("option", { value: "" }, text("choose"))];
  select.replaceChildren(...blank, ...options.map(([code, name]) => el("option", { value: code }, name)));
  select.value = known ? value : blank.length ? "" : options[0][0];
}

// LOCAL are the currencies of countries where most gateways sell, for a first choice.
const LOCAL = {
  EUR: "AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK", GBP: "GB", CHF: "CH LI", PLN: "PL", CZK: "CZ", SEK: "SE",
  DKK: "DK", NOK: "NO", HUF: "HU", RON: "RO", TRY: "TR", BRL: "BR", MXN: "MX", CAD: "CA", AUD: "AU", NZD: "NZ", JPY: "JP", KRW: "KR",
  IDR: "ID", INR: "IN", SGD: "SG", HKD: "HK", THB: "TH", VND: "VN", PHP: "PH", ZAR: "ZA", NGN: "NG", AED: "AE", ILS: "IL",
};

function firstCurrency() {
  const local = Object.keys(LOCAL).find((code) => session.country && LOCAL[code].includes(session.country));
  return [initial("fiatCurrency"), local, "USD", "EUR"].find((code) => supported.fiats.some((one) => one.code === code));
}

function amountField() {
  const input = el("input", { inputmode: "decimal", autocomplete: "transaction-amount", spellcheck: "false", maxlength: 40, input: () => changed("fiatAmount"), change: settleAmount });
  input.value = typedAmount() ?? (session.sourceAmount ? whole(session.sourceAmount, session.sourceCurrency) : "");
  if (!fixed("fiatCurrency")) return field("fiatAmount", text(buys() ? "you_pay" : "you_get"), input, " ");
  const code = el("span", { class: "code", "data-fixed": "sourceCurrency" }, session.sourceCurrency);
  return field("fiatAmount", text(buys() ? "you_pay" : "you_get"), input, " ", el("div", { class: "suffix" }, input, code));
}

// typedAmount is the amount from before a reload, written anew: the page may be in another language now.
function typedAmount() {
  const amount = typed.fiatAmount;
  return /^\d+(\.\d+)?$/.test(amount) ? whole(amount, fixed("fiatCurrency") ? session.sourceCurrency : typed.fiatCurrency) : amount;
}

// whole writes an amount that has decimal places with all that its currency has, as 150.5 with 150.50.
function whole(amount, currency) {
  const places = fractionOf(amount).length;
  return number(amount, digits(places && currency ? Math.max(places, minorDigits(currency)) : places));
}

// settleAmount shows how the amount was understood, or why it wasn't, once it is entered.
function settleAmount() {
  const amount = valueOf("fiatAmount");
  if (amount) controls.fiatAmount.value = whole(amount, valueOf("fiatCurrency"));
  if (controls.fiatAmount.value) setProblem("fiatAmount", amountProblem());
  saveTyped();
}

function currencyField() {
  const select = el("select", { autocomplete: "transaction-currency", change: () => changed("fiatCurrency") });
  const options = supported.fiats.map((one) => [one.code, `${one.code} – ${currencyName(one.code, one.name)}`]);
  fillSelect(select, options, firstCurrency());
  return field("fiatCurrency", text("currency"), select, "", el("div", { class: "short" }, select, el("span", { "aria-hidden": "true" })));
}

function assetField() {
  const select = el("select", { change: () => { fillNetworks(""); changed("cryptoCurrency"); } });
  const offered = supported.cryptos.filter((one) => !fixed("network") || one.networks.some((network) => network.id === session.network));
  fillSelect(select, offered.map((one) => [one.code, named(one.name, one.code)]), initial("cryptoCurrency"));
  return field("cryptoCurrency", text("crypto_currency"), select);
}

function networkField() {
  const node = field("network", text("network"), el("select", { change: () => changed("network") }), text("network_hint"));
  fillNetworks(initial("network"));
  return node;
}

// fillNetworks offers the networks of the asset, with the wanted or else its usual one chosen.
function fillNetworks(wanted) {
  if (!controls.network) return;
  const networks = assetOf(valueOf("cryptoCurrency"))?.networks ?? [];
  const chosen = networks.find((one) => one.id === wanted) ?? networks.find((one) => one.isDefault);
  fillSelect(controls.network, networks.map((one) => [one.id, one.name]), chosen?.id);
}

function addressField() {
  const input = el("input", {
    spellcheck: "false", autocapitalize: "off", autocorrect: "off", dir: "ltr", maxlength: 255, input: () => changed("walletAddress"),
    change: () => { input.value = valueOf("walletAddress"); },
  });
  input.value = initial("walletAddress");
  const node = field("walletAddress", text(wording("address")), input, " ");
  node.append(el("p", { role: "status", class: "hint", "data-address-state": "" }), el("div", { class: "panel", "data-address-panel": "" }));
  return node;
}

function emailField() {
  const input = el("input", { type: "email", autocomplete: "email", maxlength: 254, input: () => changed("email") });
  input.value = typed.email ?? "";
  return field("email", text("email"), input, text("email_hint"));
}

// pair puts two fields side by side where there is room, with what one of them has to say below both. A lone one stands alone.
function pair(kind, below, ...fields) {
  const there = fields.filter(Boolean);
  return there.length > 1 ? el("div", { class: `pair ${kind}` }, ...there, ...there.flatMap((one) => [...one.querySelectorAll(below)])) : there[0];
}

function buildForm() {
  try {
    typed = JSON.parse(stored("typed") || "{}");
  } catch { /* then nothing was */ }
  quotes.wanted = typed.gateway ?? "";
  const free = (member, make) => !fixed(member) && make();
  const form = el("form", { class: "sheet", novalidate: true, "aria-label": text("details"), submit },
    pair("amount", "#field-fiatAmount-problem, #field-fiatAmount-hint", free("fiatAmount", amountField), free("fiatCurrency", currencyField)),
    pair("choice", "#field-network-hint", free("cryptoCurrency", assetField), free("network", networkField)),
    free("walletAddress", addressField), free("walletTag", tagField), quotesField(), emailField(),
    el("p", { class: "problem", role: "alert", "data-problem": "form", hidden: true }),
    el("p", { class: "notice", "data-time-left": "", hidden: true }),
    el("button", { type: "submit", class: "main" }), el("p", { class: "note" }, text(wording("submit_note"))));
  formNodes = [buildSummary(), form];
}

// showForm shows the form, made once, and brings up to date what may have grown old meanwhile.
function showForm() {
  if (!formNodes) buildForm();
  show("form", el("div", { class: "two" }, ...formNodes));
  updateForm();
  checkAddress();
  askForQuotes();
}

const limits = () => {
  const lock = session.fieldLocks?.sourceAmount;
  if (lock?.min || lock?.max) return lock;
  const known = supported?.fiats.find((one) => one.code === valueOf("fiatCurrency"));
  return { min: known?.minAmount, max: known?.maxAmount };
};

function limitHint() {
  const { min, max } = limits();
  const currency = valueOf("fiatCurrency");
  const key = min && max ? "amount_between" : min ? "amount_min" : max ? "amount_max" : "";
  return key && currency ? text(key, { min: min && fiat(min, currency), max: max && fiat(max, currency) }) : "";
}

function amountProblem() {
  if (!controls.fiatAmount) return "";
  const currency = valueOf("fiatCurrency");
  if (!controls.fiatAmount.value.trim()) return text("problem_amount_required");
  const amount = valueOf("fiatAmount");
  if (!amount) return text("problem_amount_form", { example: number("1234.50", digits(2)) });
  if (/^[0.]*$/.test(amount)) return text("problem_amount_zero");
  const places = currency ? minorUnits(currency) ?? Math.max(2, minorDigits(currency)) : fractionOf(amount).length;
  if (fractionOf(amount).length > places) {
    return text(places ? "problem_amount_digits" : "problem_amount_whole", { currency, digits: places });
  }
  const { min, max } = limits();
  if (min && compareAmounts(amount, min) < 0) return text("problem_amount_low", { min: fiat(min, currency) });
  if (max && compareAmounts(amount, max) > 0) return text("problem_amount_high", { max: fiat(max, currency) });
  return "";
}

// problems are what can be told without the server, member by member in the order of the page.
function problems() {
  const found = {};
  if (controls.fiatAmount) found.fiatAmount = amountProblem();
  for (const member of ["fiatCurrency", "cryptoCurrency", "network"]) {
    if (controls[member] && !valueOf(member)) found[member] = text("problem_choose");
  }
  if (controls.walletAddress) Object.assign(found, { walletAddress: addressProblem(), walletTag: tagProblem() });
  const email = valueOf("email");
  if (email && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) found.email = text("problem_email");
  for (const [member, problem] of Object.entries(quotes.problems)) found[member] ||= problem;
  return found;
}

// changed brings the page in line with what was just typed or chosen.
function changed(member) {
  const shown = member === "fiatAmount" && !formNodes[1].querySelector("[data-problem=fiatAmount]").hidden;
  setProblem(member, shown ? amountProblem() : "");
  setProblem("form", "");
  if (member === "fiatCurrency" && valueOf("fiatAmount")) setProblem("fiatAmount", amountProblem());
  if (member === "walletAddress") dropTag();
  saveTyped();
  updateForm();
  const wallet = member === "walletAddress" || member === "walletTag";
  if (wallet || member === "network" || member === "cryptoCurrency") checkAddress(wallet ? 350 : 0);
  if (!wallet && member !== "email") askForQuotes(member === "fiatAmount" ? 400 : 0);
}

// saveTyped keeps an amount as the decimal that it is, since another language would read what was typed as another one.
function saveTyped() {
  if (session.order) return;
  const values = Object.entries(controls).map(([member, control]) => [member, (member === "fiatAmount" && valueOf(member)) || control.value]);
  store("typed", JSON.stringify({ ...Object.fromEntries(values), gateway: quotes.wanted }));
}

function updateForm() {
  const closed = controls.fiatCurrency?.nextElementSibling; // the select has the room for the code alone on a small screen
  if (closed) closed.textContent = valueOf("fiatCurrency");
  if (controls.fiatAmount) setHint("fiatAmount", limitHint());
  const asset = valueOf("cryptoCurrency");
  if (controls.walletAddress) setHint("walletAddress", asset && text(`${wording("address")}_hint`, { asset }));
  showTag();
  updateSummary();
}
