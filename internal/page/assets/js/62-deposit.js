// The deposit: where the payer of a sale must send the crypto, when no page of the gateway's tells it. It is shown until the
// order moves on or the time is over, and everything on it can be copied.

const LONG_SECONDS = 3600; // more than that is told as a time of day

const depositLeft = () => (session.order?.deposit?.until ? secondsUntil(session.order.deposit.until) : Infinity);
const depositOver = () => depositLeft() <= 0;

function depositValues(order) {
  const { amount } = order.deposit;
  return { amount: amount ? crypto(amount, order.cryptoCurrency) : order.cryptoCurrency, network: orderNetwork(order) };
}

function depositNodes(order) {
  if (depositOver()) return [];
  const { amount, address: to, tag, qr, until } = order.deposit;
  const groups = groupsOf(to);
  const rows = [depositRow("address", text("deposit_address"), to, groups, el("div", { class: "address" }, groups, qr && qrOf(qr)))];
  if (tag) {
    const code = tagCode(tag);
    rows.push(depositRow("tag", text("tag"), tag, code, code, el("p", { class: "warning" }, text("deposit_tag_warning", { asset: order.cryptoCurrency }))));
  }
  if (amount) {
    const figures = el("bdi", { class: "sum" }, crypto(amount, order.cryptoCurrency));
    rows.push(depositRow("amount", text("amount"), amount, figures, figures));
  }
  return [el("dl", { class: "deposit" }, ...rows), until && el("p", { class: "notice", "data-deposit-left": "" }, timeToSend())].filter(Boolean);
}

// depositRow is one thing that the payer takes over into their wallet.
function depositRow(name, label, value, node, ...content) {
  const row = fact(label, ...content.slice(0, 1), copyButton(name, label, value, node), ...content.slice(1));
  dress(row, { class: "tall", [`data-deposit-${name}`]: "" });
  return row;
}

function copyButton(name, label, value, node) {
  const button = el("button", { type: "button", class: "small", [`data-copy-${name}`]: "", click: async () => {
    if (!await copied(value, node)) return;
    say(text("copied"));
    write("copied");
    setTimeout(write, 3000, "copy");
  } });
  const write = (key) => {
    button.textContent = text(key);
    button.setAttribute("aria-label", `${text(key)}: ${label}`);
  };
  write("copy");
  return button;
}

// copied copies the value. Frames and pages without TLS may have no clipboard: then what is shown is selected and copied.
async function copied(value, node) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    getSelection().selectAllChildren(node);
    return document.execCommand("copy");
  }
}

function timeToSend() {
  const left = depositLeft();
  return left > LONG_SECONDS ? text("deposit_until", { time: moment(session.order.deposit.until) }) : text("deposit_left", { time: countdown(Math.max(left, 0)) });
}

// tickDeposit shows what is left of the time to send the crypto, and ends it.
function tickDeposit() {
  const node = main.querySelector("[data-deposit-left]");
  if (!node) return;
  if (depositOver()) {
    route(notice);
    return say(text("deposit_over", { asset: session.order.cryptoCurrency }));
  }
  node.textContent = timeToSend();
  node.classList.toggle("late", depositLeft() < 60);
}
