// Building the page: elements, icons, texts, the live region and the change from one state to the next. Nothing here knows
// what a checkout is. All content goes in as text nodes or attributes, never as markup, so that trusted types have nothing
// to object to.

const main = document.querySelector("main");
const BRAND = document.body.dataset.brand;
const RTL = document.documentElement.dir === "rtl";

// In right-to-left text a Latin name or a figure would reorder what stands around it, unless it is isolated.
const isolate = (value) => (RTL ? `\u2068${value}\u2069` : value);

function text(key, values = {}) {
  return (TEXTS[key] ?? key).replace(/\{(\w+)\}/g, (hole, name) => (name in values ? isolate(values[name]) : hole));
}

// el makes an element. An attribute that is a function listens to the event it is named after; false and null leave one out.
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  dress(node, attributes);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function dress(node, attributes) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  dress(node, attributes);
  node.append(...children);
  return node;
}

const ICONS = {
  good: "M8 12.5l2.7 2.7L16 9.5",
  bad: "M9 9l6 6M15 9l-6 6",
  wait: "M12 7v5.5l3.5 2",
  back: "M9.5 8L7 10.5 9.5 13M7.5 10.5h6a3 3 0 010 6H11",
};

function icon(name) {
  const busy = name === "busy";
  const ring = { cx: 12, cy: 12, r: 9.5, ...(busy && { "stroke-dasharray": "42 18" }) };
  return svg("svg", {
    class: `icon ${name}`, viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 1.75,
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
  }, svg("circle", ring), ...(busy ? [] : [svg("path", { d: ICONS[name] })]));
}

const heading = (title) => el("h1", { tabindex: -1 }, title);

function fact(name, ...values) {
  return el("div", null, el("dt", null, name), el("dd", null, ...values));
}

// say tells something to who can't see it change, without taking the focus.
function say(message) {
  document.getElementById("say").textContent = message;
}

// show puts the nodes of a state on the page. The focus goes to the heading of a new state, but for the first one, where the
// reader begins there anyway.
function show(state, ...nodes) {
  const before = main.dataset.state;
  main.dataset.state = state;
  main.replaceChildren(...nodes);
  retitle();
  if (before === state || state === "loading" || (before === "loading" && state === "form")) return;
  main.querySelector("h1").focus({ preventScroll: true });
  scrollTo(0, 0);
}

// retitle gives the window the name of what it shows.
function retitle() {
  document.title = [main.querySelector("h1").textContent, BRAND].filter(Boolean).join(" · ");
}
