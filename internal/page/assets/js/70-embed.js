// Life in a partner's frame: telling the page around us how high we are and how the order does. We answer only an origin that
// the session lists, and tell nothing to any other.

const framed = window.parent !== window;
let partner = ""; // the origin that greeted us and may hear
let inDialog = false;
const greetings = new Set(); // came before the session was known
const reported = { order: "", status: "", height: 0 };

function tell(type, more = {}) {
  if (partner) window.parent.postMessage({ sliproad: 1, type, sessionId: place.session, ...more }, partner);
}

function hear({ source, origin, data }) {
  if (!framed || source !== window.parent || data?.sliproad !== 1 || data.type !== "hello") return;
  greetings.add(origin);
  inDialog = data.modal === true;
  meet();
}

// The dialog around us doesn't hear of a key that is pressed in here.
function leaveDialog(event) {
  if (inDialog && event.key === "Escape" && !event.defaultPrevented) tell("close");
}

// meet answers who has greeted, once it is known whom the session lists.
function meet() {
  const known = session?.partnerOrigins?.find((origin) => greetings.has(origin));
  if (!known || partner) return;
  partner = known;
  tell("ready");
  tellHeight();
  report();
}

function tellHeight() {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  if (partner && height !== reported.height) tell("resize", { height });
  if (partner) reported.height = height;
}

const ENDS = { completed: true, failed: true, cancelled: true, expired: true };

// report tells what has become of the order or the session, each thing once.
function report() {
  meet();
  if (!partner || !session) return;
  const { order } = session;
  const state = stateOf();
  const status = order?.status ?? (ENDS[state] ? state : "");
  const orderId = order?.orderId;
  if (orderId && reported.order !== orderId) tell("order", { orderId });
  if (status && reported.status !== status) {
    tell("status", { status, orderId });
    if (ENDS[status]) tell(status, { orderId });
  }
  Object.assign(reported, { order: orderId ?? "", status });
}
