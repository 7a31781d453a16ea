// The server: where this page stands, what opens it, and the calls. The secret goes into the Authorization header and into
// this tab's sessionStorage, and nowhere else. What the payer typed is kept there too, until there is an order.

const place = (() => {
  const parts = location.pathname.split("/").filter(Boolean).slice(1).map(decodeURIComponent);
  const returned = parts.length > 1 && parts.at(-1) === "return";
  const query = new URLSearchParams(location.search);
  return {
    session: parts[0] ?? "",
    project: (returned ? parts.slice(0, -1) : parts)[1] ?? "",
    returned,
    token: query.get("k") ?? "",
    popup: query.get("embed") === "1",
  };
})();

// The storage is closed to frames in some browsers: then a reload begins anew, and all else works.
function stored(name) {
  try {
    return sessionStorage.getItem(`sliproad:${place.session}:${name}`) ?? "";
  } catch {
    return "";
  }
}

function store(name, value) {
  try {
    const key = `sliproad:${place.session}:${name}`;
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  } catch { /* as above */ }
}

// Refused is the server's answer that it won't; Disconnected is no answer.
class Refused extends Error {
  constructor(response, error) {
    super(error?.message ?? "");
    this.status = response.status;
    this.code = error?.code ?? "";
    this.details = error?.details ?? [];
    this.reference = error?.requestId ?? response.headers.get("X-Request-Id");
    this.seconds = Number(response.headers.get("Retry-After")) || 1;
  }
}
class Disconnected extends Error {}

// ask sends a request and returns the data of its answer. A question that the network lost is asked once more, since changing
// from one network to another loses what is under way; an order never is.
async function ask(path, options = {}) {
  try {
    return await send(path, options);
  } catch (error) {
    if (!(error instanceof Disconnected) || options.once || options.signal?.aborted || !navigator.onLine) throw error;
    await new Promise((resolve) => setTimeout(resolve, 600));
    return send(path, options);
  }
}

async function send(path, { query = {}, body, key, signal, cache = "no-store", patience = 20 }) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), patience * 1000);
  signal?.addEventListener("abort", () => stop.abort());
  let response, answer;
  try {
    response = await fetch(url, {
      method: body ? "POST" : "GET", cache, credentials: "omit", signal: stop.signal,
      headers: { ...(key && { Authorization: `Bearer ${key}` }), ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    answer = await response.json();
  } catch {
    // An error page that isn't ours has no JSON; anything else that can't be read is a lost connection.
    if (!response || response.ok) throw new Disconnected();
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new Refused(response, answer?.error);
  return answer.data;
}

let session = null; // as the server told it last
let credential = "";
let clockAhead = 0; // the server's clock before ours, in milliseconds

const serverNow = () => Date.now() + clockAhead;
const secondsUntil = (time) => Math.ceil((Date.parse(time) - serverNow()) / 1000);
const projectID = () => place.project || session.projectId;
const checkoutPath = (rest) => `/public/v1/checkouts/${encodeURIComponent(place.session)}${rest}`;

// readSession asks how things stand. A secret in the address counts alone, so that a link that was changed opens nothing.
async function readSession() {
  const fragment = location.hash.slice(1);
  const keys = fragment ? [fragment] : [stored("secret"), place.token].filter(Boolean);
  for (const key of keys) {
    try {
      const data = await ask(checkoutPath(""), { query: { projectId: place.project }, key });
      clockAhead = Date.parse(data.now) - Date.now();
      if (data.access === "full") store("secret", key);
      credential = key;
      session = data;
      return;
    } catch (error) {
      if (error.status !== 403 || key === keys.at(-1)) throw error;
    }
  }
  throw new Refused(new Response(null, { status: 404 }));
}

function post(rest, body, options) {
  return ask(checkoutPath(rest), { query: { projectId: projectID() }, body, key: credential, ...options });
}

const orderType = () => (session.type === "offramp" ? "sell" : "buy");

let supported = null; // what there is to choose from, once something is free

async function readSupported() {
  supported ??= await ask("/public/v1/onramp/supported", {
    query: { projectId: projectID(), orderType: orderType(), country: session.country }, cache: "default",
  });
}

function readQuotes(order, signal) {
  return ask("/public/v1/onramp/quotes", {
    query: { projectId: projectID(), orderType: orderType(), country: session.country, ...order }, signal,
  });
}
