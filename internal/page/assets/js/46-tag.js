// The memo or destination tag beside the wallet address, on networks where an exchange's customers share one address. It is
// checked with the address. An address may have its tag inside: then there is nothing to fill in.

// tagName is what people call the tag on the chosen network; nothing where there is none.
function tagName() {
  const id = valueOf("network");
  const known = assetOf(valueOf("cryptoCurrency"))?.networks.find((one) => one.id === id);
  return known ? known.tagName : id && id === session.network && session.tagName;
}

const numeric = () => tagName() === "destination tag";

const wantsTag = () => Boolean(tagName()) && !address.answer?.addressTag;

const tagCode = (tag) => el("code", { class: "tag", dir: "ltr", translate: "no" }, tag);

function tagField() {
  const input = el("input", {
    spellcheck: "false", autocapitalize: "off", autocorrect: "off", dir: "ltr", maxlength: 255, input: () => changed("walletTag"),
    change: () => { input.value = valueOf("walletTag"); saveTyped(); },
  });
  input.value = initial("walletTag");
  return field("walletTag", text("tag_optional"), input, text("tag_hint"));
}

// ourTag is the tag that the session has for the address in the field, without which nobody can order to that address.
const ourTag = () => (session.destinationTag && valueOf("walletAddress") === session.destinationAddress ? session.destinationTag : "");

// tagMeant is the tag of what was typed.
function tagMeant(raw) {
  if (!wantsTag()) return "";
  const digits = latin(raw).replace(/\s/g, "");
  return (numeric() && /^\d+$/.test(digits) ? digits : raw) || ourTag();
}

// dropTag takes away the session's tag when it is another address that is typed.
function dropTag() {
  const input = controls.walletTag;
  if (input && input.value === session.destinationTag && !ourTag()) input.value = "";
}

// showTag shows the field where there are tags, and what the server said of the one in it.
function showTag() {
  const input = controls.walletTag;
  if (!input) return;
  const shown = input.closest(".field");
  shown.hidden = !wantsTag();
  input.inputMode = numeric() ? "numeric" : "text";
  const problem = tagProblem();
  if (problem && shown.querySelector("[data-problem]").textContent !== problem) say(problem);
  setProblem("walletTag", problem);
}

// tagProblem is what is wrong with the tag as far as is known.
function tagProblem() {
  if (!valueOf("walletTag") || address.answer?.tagValid !== false) return "";
  return address.answered === JSON.stringify(addressToCheck()) ? text("problem_wallet_tag") : "";
}
