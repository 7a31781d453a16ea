// The wallet address: asked of the server as it is typed, with the tag beside it, and shown in groups and as a QR code to be
// compared. Of several questions under way only the answer to the latest counts.

const address = { timer: 0, number: 0, order: null, asked: "", answered: "", answer: null, running: null, start: null };

// groupsOf shows an address four characters at a time. The breaks are for the eye: what is copied has none.
function groupsOf(value) {
  const groups = value.match(/.{1,4}/gsu) ?? [];
  return el("code", { "data-address": value, dir: "ltr", translate: "no" }, ...groups.map((group) => el("span", null, group)));
}

// qrOf draws the modules as one path, with the quiet zone of four that readers want.
function qrOf({ size, modules }) {
  let path = "";
  for (let i = 0; i < modules.length; i++) {
    if (modules[i] === "1") path += `M${i % size},${Math.floor(i / size)}h1v1h-1z`;
  }
  return svg("svg", { "data-qr": "", role: "img", "aria-label": text("address_qr"), viewBox: `-4 -4 ${size + 8} ${size + 8}`, "shape-rendering": "crispEdges" },
    svg("path", { d: path, fill: "currentColor" }));
}

function showAddress(panel, value, answer) {
  panel.replaceChildren(groupsOf(value), ...(answer?.qr ? [qrOf(answer.qr)] : []));
}

function addressToCheck() {
  const [network, value] = [valueOf("network"), valueOf("walletAddress")];
  return network && value ? { network, address: value, tag: valueOf("walletTag") || undefined } : null;
}

// checkAddress asks after a pause in typing. A fixed address is asked about for its QR code. While only the tag is another, what is
// known of the address stays.
function checkAddress(pause = 0) {
  clearTimeout(address.timer);
  const order = addressToCheck();
  const key = JSON.stringify(order);
  if (key === address.asked && key === address.answered) return;
  const kept = Boolean(order && address.answer) && order.network === address.order.network && order.address === address.order.address;
  Object.assign(address, { order, asked: key });
  const number = ++address.number;
  if (!kept) {
    address.answer = null;
    showAddressState(order ? "checking" : "");
  }
  address.running = order && new Promise((finish) => {
    address.start = () => {
      clearTimeout(address.timer);
      address.start = null;
      readAddress(order, number, kept).then(finish);
    };
  });
  if (order) address.timer = setTimeout(() => address.start?.(), pause);
}

// addressChecked waits for the answer to what is in the field now, without the pause for typing. An address that could not be
// checked is asked about again.
async function addressChecked() {
  if (!controls.walletAddress) return; // a fixed one is asked about for its code only
  checkAddress();
  for (let number = 0; number !== address.number && address.running;) {
    number = address.number;
    address.start?.();
    await address.running;
  }
}

// addressDoubt is what the payer has to have seen before an order goes to the address that they typed, though it is taken.
function addressDoubt() {
  if (!controls.walletAddress || !addressToCheck()) return "";
  return formNodes[1].querySelector("[data-address-state]:not(.fine)")?.textContent ?? "";
}

async function readAddress(order, number, kept) {
  let answer = null;
  try {
    answer = await post("/address", order);
  } catch (error) {
    if (number !== address.number) return;
    if (error instanceof Disconnected) return lost();
    address.asked = ""; // so that the next occasion asks again
  }
  if (number !== address.number) return;
  Object.assign(address, { answer, answered: answer ? address.asked : "" });
  if (!kept || !answer) showAddressState(answer ? "answered" : "failed");
  showTag();
}

function showAddressState(state) {
  const node = formNodes[1].querySelector("[data-address-state]");
  const panel = formNodes.map((part) => part.querySelector("[data-address-panel]")).find(Boolean);
  if (!node) { // fixed: there is nothing to say, but the code to show
    if (address.answer) showAddress(panel, valueOf("walletAddress"), address.answer);
    return;
  }
  const told = { checking: ["hint", "address_checking"], failed: ["hint", "address_check_failed"] }[state];
  node.className = told?.[0] ?? "";
  node.textContent = told ? text(told[1]) : "";
  panel.replaceChildren();
  setProblem("walletAddress", "");
  if (state === "answered") showAnswer(node, panel);
}

function showAnswer(node, panel) {
  const { answer } = address;
  const problem = addressProblem();
  if (problem) {
    setProblem("walletAddress", problem);
    node.textContent = "";
    say(problem);
    return;
  }
  const [kind, key] = answer.problem ? ["warning", "address_checksum"] : answer.checked ? ["fine", "address_valid"] : ["warning", "address_unchecked"];
  node.className = kind;
  node.textContent = text(key, { network: answer.networkName ?? networkName() });
  const box = el("div", { class: "address" });
  showAddress(box, valueOf("walletAddress"), answer);
  panel.append(box, el("p", { class: "hint" }, text("address_compare")));
  if (answer.suggestion && answer.problem) {
    panel.append(el("p", { class: "hint" }, text("address_suggestion")), el("div", { class: "address" }, groupsOf(answer.suggestion)));
  }
  if (answer.addressTag) panel.append(el("p", { class: "hint" }, text("tag_inside", { tag: answer.addressTag })));
}

// addressProblem is what is wrong with the address as far as is known.
function addressProblem() {
  const value = valueOf("walletAddress");
  if (!value) return buys() || valueOf("walletTag") ? text("problem_address_required") : "";
  const { answer } = address;
  if (!answer || answer.valid || address.asked !== JSON.stringify(addressToCheck())) return "";
  const network = answer.networkName ?? networkName();
  const parts = [answer.problem === "checksum" ? text("address_checksum_refused") : text("address_invalid", { network })];
  if (answer.looksLike?.length) parts.push(text("address_looks_like", { networks: anyOf(answer.looksLike) }));
  return sentences(...parts);
}
