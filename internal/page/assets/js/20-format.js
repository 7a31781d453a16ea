// Amounts, times and names in the page's language. Amounts are decimal strings from end to end: no number is made of one, so
// nothing is rounded unless a function says so. Digits are always Latin, so that figures can be compared with the gateway's.

const LOCALE = `${LANG}-u-nu-latn`;

// Whether Intl formats decimal strings exactly. Where it goes through a float, amounts are shown as they are.
const EXACT = (() => {
  try {
    const format = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });
    return format.format("9007199254740993.000000000000000001") === "9,007,199,254,740,993.000000000000000001";
  } catch {
    return false;
  }
})();

const fractionOf = (amount) => amount.split(".")[1] ?? "";

function number(amount, options) {
  if (!EXACT) return amount;
  try {
    return new Intl.NumberFormat(LOCALE, options).format(amount);
  } catch { // more decimal places than this browser formats
    return amount;
  }
}

const digits = (least, most = least) => ({ minimumFractionDigits: least, maximumFractionDigits: Math.max(least, most) });

// plain writes an amount with just the decimal places that it has.
const plain = (amount) => number(amount, digits(fractionOf(amount).length));

// minorDigits is how many decimal places a fiat currency has.
function minorDigits(currency) {
  try {
    return new Intl.NumberFormat(LOCALE, { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2;
  }
}

// sign is a currency's sign in the page's language, or its code where it has none.
function sign(currency) {
  try {
    const parts = new Intl.NumberFormat(LOCALE, { style: "currency", currency }).formatToParts(1);
    return parts.find((part) => part.type === "currency").value;
  } catch {
    return currency;
  }
}

// Right-to-left text would pull a figure and its sign apart and turn "US$" around, so they are held together, as they are in
// the gateway's own page.
const together = (figures) => (RTL ? `\u2066${figures.replace(/[\u200e\u200f\u061c]/g, "")}\u2069` : figures);

// inCurrency writes a fiat amount with the currency's sign, and with at least `least` decimal places.
function inCurrency(amount, currency, least, most) {
  if (!EXACT || sign(currency) === currency) return together(`${number(amount, digits(least, most))}\u00a0${currency}`);
  return together(number(amount, { style: "currency", currency, ...digits(least, most) }));
}

// fiat writes a fiat amount exactly.
function fiat(amount, currency) {
  return inCurrency(amount, currency, minorDigits(currency), fractionOf(amount).length);
}

// leadingZeros counts the zeros between the decimal sign and the first figure of an amount below one.
function leadingZeros(amount) {
  const [whole, fraction = ""] = amount.split(".");
  return /^0*$/.test(whole) ? fraction.search(/[^0]|$/) : 0;
}

// price writes a rate or a fee, rounded to what tells something: the currency's decimal places, or more for a small one.
function price(amount, currency) {
  const least = minorDigits(currency);
  return inCurrency(amount, currency, least, /^0*\./.test(amount) ? Math.max(least, leadingZeros(amount) + 3) : least);
}

const crypto = (amount, code) => together(`${plain(amount)}\u00a0${code}`);

// estimate writes an amount of crypto that is not promised, without the places that change from second to second.
function estimate(amount, code) {
  const most = Math.max(8, leadingZeros(amount) + 4);
  return together(`${number(amount, digits(0, Math.min(most, fractionOf(amount).length)))}\u00a0${code}`);
}

function currencyName(code, otherwise = code) {
  try {
    const name = new Intl.DisplayNames(LANG, { type: "currency" }).of(code);
    return name === code ? otherwise : name;
  } catch {
    return otherwise;
  }
}

// titled writes an id such as world-chain as a name.
const titled = (id) => id.split("-").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");

const anyOf = (names) => new Intl.ListFormat(LANG, { type: "disjunction" }).format(names);

function unit(count, name) {
  return new Intl.NumberFormat(LOCALE, { style: "unit", unit: name, unitDisplay: "long" }).format(count);
}

const duration = (seconds) => (seconds < 60 ? unit(seconds, "second") : unit(Math.ceil(seconds / 60), "minute"));

// countdown writes 299 seconds as 4:59.
const countdown = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

function moment(time) {
  const at = new Date(time);
  const today = at.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(LOCALE, { timeStyle: "short", ...(today ? {} : { dateStyle: "medium" }) }).format(at);
}
