// The start, and what happens to the window: seen again, shown again from the browser's memory, cut off, another language.

// readChoices reads what there is to choose from, if something is to be chosen.
async function readChoices() {
  if (stateOf() === "form" && needsChoice()) await readSupported();
}

async function start() {
  try {
    await readSession();
    await readChoices();
  } catch (error) {
    return unread(error);
  }
  route();
}

// seen brings the page up to date when the payer looks at it again: the order may have been made in another window.
function seen() {
  if (document.hidden || !session || submitting || offline.on) return;
  following.since = Date.now();
  if (main.dataset.state === "form" && quotes.state === "old") askForQuotes();
  if (main.dataset.state === "form") reread(text("notice_already_ordered"));
  else if (main.dataset.state === "redirecting" || following.on) reread();
}

// The address keeps its fragment, so that the page opens in the other language too.
function changeLanguage(event) {
  const url = new URL(location.href);
  url.searchParams.set("lang", event.target.value);
  location.assign(url);
}

const languages = document.querySelector("select[name=lang]");
languages.addEventListener("change", changeLanguage);
addEventListener("pageshow", (event) => {
  languages.value = LANG; // the browser may have kept what was chosen on leaving
  if (event.persisted) seen();
});
addEventListener("hashchange", () => location.reload()); // another link, of the same session
addEventListener("online", retry);
addEventListener("offline", () => { if (session && !submitting) lost(); });
addEventListener("message", hear);
document.addEventListener("visibilitychange", seen);
setInterval(tick, 1000);

if (framed) {
  addEventListener("keydown", leaveDialog);
  document.documentElement.classList.add("framed");
  new ResizeObserver(tellHeight).observe(document.body);
}
main.dataset.state = "loading";
start();
