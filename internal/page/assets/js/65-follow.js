// Following the order: asking every two seconds at first, slower later, not at all while nobody looks, and at once when
// somebody looks again. Also the session's time, by the server's clock.

const following = { timer: 0, since: 0, on: false };

function follow() {
  if (!following.on) Object.assign(following, { on: true, since: Date.now() });
  clearTimeout(following.timer);
  const minutes = (Date.now() - following.since) / 60000;
  if (!document.hidden) following.timer = setTimeout(reread, minutes < 1 ? 2000 : minutes < 3 ? 5000 : 10000);
}

function stopFollowing() {
  clearTimeout(following.timer);
  following.on = false;
}

const told = () => JSON.stringify([session.status, session.order]);

// reread asks how things stand, and shows it if it has changed. The notice is shown if there is an order now.
async function reread(said) {
  const [before, state] = [told(), main.dataset.state];
  try {
    await readSession();
  } catch (error) {
    return unread(error);
  }
  if (told() === before && state !== "redirecting" && stateOf() === state) {
    if (following.on) follow();
    return;
  }
  if (state === "form" && stateOf() === "form") return;
  const still = state === stateOf() ? notice : "";
  route(session.order && typeof said === "string" ? said : still);
}

// unread tells a session that isn't there from one that can't be read just now.
function unread(error) {
  if (error instanceof Refused && error.status < 500 && error.status !== 429) {
    stopFollowing();
    return showUnknown();
  }
  lost(error instanceof Refused);
}

const LAST_SECONDS = 300;
const ANNOUNCED_SECONDS = [60, 120, LAST_SECONDS];
let announced = 0; // the one of them that was said last

// tick shows what is left of the session's time, and ends it.
function tick() {
  if (main.dataset.state === "deposit") return tickDeposit();
  if (main.dataset.state !== "form") return;
  const left = secondsUntil(session.expiresAt);
  const node = formNodes[1].querySelector("[data-time-left]");
  node.hidden = left > LAST_SECONDS;
  if (left <= 0 && !submitting) return route();
  if (node.hidden) return;
  node.classList.toggle("late", left < 60);
  node.textContent = text("time_left", { time: countdown(Math.max(left, 0)) });
  const due = ANNOUNCED_SECONDS.find((seconds) => left <= seconds);
  if (due === announced) return;
  announced = due;
  say(text("time_left_announce", { time: duration(left) }));
}
