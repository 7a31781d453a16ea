// The summary beside the form: what is bought or sold, for how much, on which network and to which wallet. What is fixed
// stands here only; what is free follows the form, on screens with room for it.

function title() {
  const key = buys() ? "buy_title" : "sell_title";
  return valueOf("cryptoCurrency") ? text(key, { asset: assetName() }) : text(`${key}_any`);
}

function buildSummary() {
  const rows = buys() ? [moneyRow("you_pay"), cryptoRow("you_get")] : [cryptoRow("you_send"), moneyRow("you_get")];
  rows.push(el("div", { class: !fixed("network") && "live" }, el("dt", null, text("network")),
    el("dd", fixed("network") ? { "data-fixed": "network" } : { "data-now": "network" }, networkName(session.network))));
  if (fixed("walletAddress")) rows.push(walletRow());
  if (fixed("walletTag") && session.destinationTag) rows.push(el("div", { class: "tall" }, el("dt", null, text("tag")), el("dd", { "data-fixed": "destinationTag" }, tagCode(session.destinationTag))));
  return el("section", { class: "summary", "aria-label": text("summary") }, heading(title()), el("dl", null, ...rows));
}

function moneyRow(label) {
  const amount = fixed("fiatAmount") ? { "data-fixed": "sourceAmount" } : { "data-now": "fiatAmount" };
  const code = fixed("fiatAmount") && fixed("fiatCurrency") ? { "data-fixed": "sourceCurrency" } : { "data-now": "fiatCurrency" };
  return el("div", { class: !fixed("fiatAmount") && "live" }, el("dt", null, text(label)),
    el("dd", { class: "sum" }, el("bdi", amount), " ", el("small", code)));
}

function cryptoRow(label) {
  const asset = fixed("cryptoCurrency");
  return el("div", { class: !asset && "live" }, el("dt", null, text(label)),
    el("dd", null, el("div", { class: "estimate", "data-now": "estimate" }),
      el("span", asset ? { "data-fixed": "destinationCurrency" } : { "data-now": "cryptoCurrency" })));
}

function walletRow() {
  const panel = el("div", { class: "address", "data-address-panel": "" });
  showAddress(panel, session.destinationAddress, null);
  const warned = session.warnings?.some((one) => one.code === "ADDRESS_CHECKSUM");
  return el("div", { class: "tall" }, el("dt", null, text(buys() ? "wallet" : "refund_wallet")),
    el("dd", { "data-fixed": "destinationAddress" }, panel,
      el("p", { class: "hint" }, text("address_compare")), warned && el("p", { class: "warning" }, text("address_checksum"))));
}

function updateSummary() {
  const summary = formNodes[0];
  const put = (name, value) => {
    const node = summary.querySelector(`[data-now=${name}], [data-fixed=${LOCKS[name] ?? "none"}]`);
    if (node) node.textContent = value;
  };
  const [amount, currency, code] = [valueOf("fiatAmount"), valueOf("fiatCurrency"), valueOf("cryptoCurrency")];
  const own = currency && sign(currency) === currency; // then the code stands in the sign's place
  put("fiatAmount", !amount ? "–" : own || !currency ? plain(amount) : fiat(amount, currency));
  const told = amount && sign(currency).includes(currency.slice(0, 2)) && !own; // as US$ tells USD
  put("fiatCurrency", !told && (amount || fixed("fiatAmount")) ? currency : "");
  put("cryptoCurrency", code ? named(assetName(), code) : "–");
  put("network", networkName() || "–");
  const quote = quotes.dated ? null : pickedChoice()?.quote;
  const none = !code ? "" : quotes.state === "loading" ? "…" : "–";
  summary.querySelector("[data-now=estimate]").replaceChildren(...(quote ? aroundAmount("about", quote) : [none]));
  summary.querySelector("h1").textContent = title();
  if (main.contains(summary)) retitle();
}
