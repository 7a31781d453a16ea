// No connection: the page says so, tries again by itself, and goes back to what was on the screen, with nothing lost.

const DELAYS_SECONDS = [1, 2, 4, 8, 15];
const offline = { on: false, tries: 0, timer: 0, focus: null };

// lost is what to do when the server can't be reached, or is too busy to answer.
function lost(busy = false) {
  if (!offline.on) Object.assign(offline, { on: true, tries: 0, focus: main.contains(document.activeElement) ? document.activeElement : null });
  stopFollowing();
  const seconds = DELAYS_SECONDS[Math.min(offline.tries++, DELAYS_SECONDS.length - 1)];
  clearTimeout(offline.timer);
  offline.timer = setTimeout(retry, seconds * 1000);
  show("offline", el("section", { class: "sheet state" }, icon("wait"), heading(text(busy ? "busy_title" : "offline_title")),
    el("p", null, text(busy ? "busy_text" : "offline_text")), el("p", null, text("offline_next", { time: duration(seconds) })),
    el("div", { class: "actions" }, el("button", { type: "button", click: retry }, text("try_again")))));
}

async function retry() {
  if (!offline.on) return;
  clearTimeout(offline.timer);
  try {
    await readSession();
    await readChoices();
  } catch (error) {
    if (!(error instanceof Disconnected) && error.status < 500 && error.status !== 429) offline.on = false;
    return unread(error);
  }
  offline.on = false;
  route();
  if (offline.focus?.isConnected) offline.focus.focus();
}
