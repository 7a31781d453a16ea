// Reading the amount that a payer types, in whatever way their language writes figures, into a decimal string: no float, and
// no guess that could be wrong by a factor of a thousand.

const MARKS = (() => {
  const parts = new Intl.NumberFormat(LOCALE).formatToParts(1234567.5);
  const mark = (type, otherwise) => parts.find((part) => part.type === type)?.value ?? otherwise;
  return { decimal: mark("decimal", "."), group: mark("group", ",") };
})();

// latin turns the digits and marks of other scripts into ours: Arabic, Persian, Devanagari and full-width ones.
function latin(typed) {
  return typed
    .replace(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff10-\uff19]/g, (digit) => String((digit.codePointAt() - zeroOf(digit)) % 10))
    .replace(/[\uff0c\u3001]/g, ",")
    .replace(/[\uff0e\u3002]/g, ".");
}

const zeroOf = (digit) => [0xff10, 0x0966, 0x06f0, 0x0660].find((zero) => digit.codePointAt() >= zero);

// parseAmount is the decimal string that is meant, or null. A sign or code of the currency may stand around it.
function parseAmount(typed, currency = "") {
  let rest = latin(typed).toUpperCase().replace(currency, "").replace(sign(currency).toUpperCase(), "");
  rest = rest.replace(/\p{Sc}/u, "").replace(/[\s'\u2019\u066c\u200e\u200f\u061c]/gu, "");
  const sure = rest.includes("\u066b"); // the Arabic decimal sign has no other meaning
  rest = rest.replace("\u066b", MARKS.decimal);
  if (!/^[\d.,]*\d[\d.,]*$/.test(rest)) return null;
  const [whole, fraction] = splitAmount(rest, sure);
  if (whole === null) return null;
  return (whole.replace(/^0+(?=\d)/, "") || "0") + (fraction ? `.${fraction}` : "");
}

// splitAmount parts the figures at the decimal sign and takes the grouping away.
function splitAmount(figures, sure) {
  const last = Math.max(figures.lastIndexOf("."), figures.lastIndexOf(","));
  if (last < 0) return [figures, ""];
  const mark = figures[last];
  const [head, tail] = [figures.slice(0, last), figures.slice(last + 1)];
  if (!sure && isGrouping(figures, mark, head, tail)) return grouped(figures, mark, "");
  if (head.includes(mark)) return [null];
  return grouped(head, mark === "." ? "," : ".", tail);
}

// isGrouping tells whether the last mark parts thousands: it is there twice, or it is the language's and three figures follow.
function isGrouping(figures, mark, head, tail) {
  if (head.includes(mark)) return true;
  const other = mark === "." ? "," : ".";
  return mark === MARKS.group && !figures.includes(other) && /^[1-9]\d{0,2}$/.test(head) && tail.length === 3;
}

function grouped(figures, mark, fraction) {
  const groups = figures.split(mark);
  const regular = groups.length === 1 || (/^\d{1,3}$/.test(groups[0]) && groups.slice(1, -1).every((group) => /^\d{2,3}$/.test(group)) && /^\d{3}$/.test(groups.at(-1)));
  return regular && /^\d*$/.test(groups.join("")) ? [groups.join(""), fraction] : [null];
}

// compareAmounts is below, at or above zero as a is to b.
function compareAmounts(a, b) {
  const places = Math.max(fractionOf(a).length, fractionOf(b).length);
  const scaled = (amount) => BigInt(amount.split(".")[0] + fractionOf(amount).padEnd(places, "0"));
  const [x, y] = [scaled(a), scaled(b)];
  return x < y ? -1 : Number(x > y);
}
