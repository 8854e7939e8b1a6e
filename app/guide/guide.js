// The guided tour and the keys of the studio. Sent after place.js, as one text.
// The card stands on the page's body, so that it is over every screen; nothing below it
// is blocked, and every word goes in as text, never as markup.

const SEEN = "edp-studio-tour";
const SMALL = 760; // px: below it the sidebar lies over the page
const guide = { steps: [], at: null, keys: [], keep: null };

const visible = (node) => node && node.getClientRects().length > 0;
const found = (css) => (css ? [...document.querySelectorAll(css)].find(visible) : null);
const links = () => [...document.querySelectorAll("[data-testid=stSidebarNavLink]")];
const nameOf = (link) => screenOf(new URL(link.href).pathname);
// the first screen has the address of the app itself
const screens = () => links().map((link, i) => (i === 0 ? guide.first : nameOf(link)));
const here = () => {
  const name = screenOf(location.pathname);
  return screens().includes(name) ? name : guide.first;
};

function remember() {
  try { localStorage.setItem(SEEN, "1"); } catch { /* private windows forget */ }
}
function isFirstVisit() {
  try { return localStorage.getItem(SEEN) === null; } catch { return false; }
}

function make(tag, part, text = "") {
  const node = document.createElement(tag);
  node.dataset.part = part;
  node.textContent = text;
  return node;
}

// ---- the card ------------------------------------------------------------------------
function stage() {
  let host = document.getElementById("edp-guide");
  if (host) return host;
  host = document.createElement("div");
  host.id = "edp-guide";
  const root = host.attachShadow({ mode: "open" });
  const style = make("style", "style", guide.css);
  root.append(style, make("div", "light"), make("section", "card"));
  document.body.append(host);
  return host;
}

function themed(host) {
  const app = getComputedStyle(document.querySelector(".stApp") ?? document.body);
  host.style.setProperty("--ground", app.backgroundColor);
  host.style.setProperty("--ink", app.color);
  host.style.setProperty("--accent", guide.accent);
}

function close() {
  if (guide.timer) clearInterval(guide.timer);
  document.getElementById("edp-guide")?.remove();
  const asked = guide.asked;
  Object.assign(guide, { at: null, timer: null, asked: null, help: false });
  if (asked?.isConnected) asked.focus();
}

function fill(card, { title, text, buttons, list = [], name }) {
  card.setAttribute("role", "dialog");
  card.setAttribute("aria-label", name);
  const head = make("header", "head", title);
  const body = make("p", "text", text);
  body.setAttribute("aria-live", "polite");
  const rows = make("dl", "list");
  for (const [key, meaning] of list) rows.append(make("dt", "key", key), make("dd", "does", meaning));
  const foot = make("footer", "foot");
  for (const { part, label, does, off } of buttons) {
    const button = make("button", part, label);
    button.type = "button";
    button.disabled = Boolean(off);
    button.onclick = does;
    foot.append(button);
  }
  card.replaceChildren(head, body, ...(list.length ? [rows] : []), foot);
}

function follow() {
  const host = document.getElementById("edp-guide");
  if (!host) return;
  themed(host);
  const card = host.shadowRoot.querySelector("[data-part=card]");
  const light = host.shadowRoot.querySelector("[data-part=light]");
  const step = guide.steps[guide.at];
  if (step && here() === step.screen) guide.arrived = true;
  else if (step && guide.arrived) return close(); // who goes on alone needs no tour
  const node = step && here() === step.screen ? found(step.target) : null;
  if (node && guide.shown !== node) {
    guide.shown = node;
    const box = node.getBoundingClientRect();
    const tall = box.height > innerHeight * 0.6;
    node.scrollIntoView({ block: tall ? "start" : "center", behavior: "instant" });
  }
  const target = node?.getBoundingClientRect() ?? null;
  const size = { width: card.offsetWidth, height: card.offsetHeight };
  const at = placeCard(target, size, { width: innerWidth, height: innerHeight });
  Object.assign(card.style, { left: `${at.left}px`, top: `${at.top}px` });
  light.hidden = !target;
  if (!target) return;
  Object.assign(light.style, {
    left: `${target.left - 5}px`, top: `${target.top - 5}px`,
    width: `${target.width + 10}px`, height: `${target.height + 10}px`,
  });
}

// ---- the tour ------------------------------------------------------------------------
function open(at, focus = true) {
  remember();
  guide.help = false;
  guide.at = at;
  guide.shown = null;
  guide.arrived = false;
  const step = guide.steps[at];
  const link = links()[screens().indexOf(step.screen)];
  if (link && here() !== step.screen) link.click();
  if (innerWidth < SMALL) sidebar(step.sidebar);
  else if (step.sidebar) sidebar(true);
  const card = stage().shadowRoot.querySelector("[data-part=card]");
  const back = nextStep(guide.steps, at, -1, screens());
  const on = nextStep(guide.steps, at, 1, screens());
  const last = on === null;
  fill(card, {
    name: "Guided tour",
    title: `${step.title} · ${at + 1} of ${guide.steps.length}`,
    text: step.text,
    buttons: [
      { part: "skip", label: "Skip the tour", does: close, off: false },
      { part: "back", label: "Back", does: () => open(back), off: back === null },
      { part: "next", label: last ? "Done" : "Next", does: last ? close : () => open(on) },
    ].filter(({ part }) => !(last && part === "skip")),
  });
  if (!guide.timer) guide.timer = setInterval(follow, 120);
  follow();
  if (focus) card.querySelector("[data-part=next]").focus({ preventScroll: true });
}

function start(focus = true) {
  const first = nextStep(guide.steps, -1, 1, screens());
  if (first !== null) open(first, focus);
}

function sidebar(wanted) {
  const bar = document.querySelector("[data-testid=stSidebar]");
  if (!bar || (bar.dataset.collapsed !== "true") === Boolean(wanted)) return;
  const way = wanted ? "stExpandSidebarButton" : "stSidebarCollapseButton";
  const button = document.querySelector(`[data-testid=${way}]`);
  (button?.querySelector("button") ?? button)?.click();
}

// ---- keys ----------------------------------------------------------------------------
function keysShown() {
  close();
  guide.help = true;
  const card = stage().shadowRoot.querySelector("[data-part=card]");
  fill(card, {
    name: "Keys", title: "Keys", text: "They work wherever nothing is being written.",
    list: guide.keys, buttons: [{ part: "next", label: "Close", does: close }],
  });
  guide.timer = setInterval(follow, 250);
  follow();
  card.querySelector("[data-part=next]").focus();
}

function searchCodes(tries = 20) {
  sidebar(true);
  const input = found(".st-key-code_box input");
  if (!input) return tries && setTimeout(() => searchCodes(tries - 1), 50);
  input.scrollIntoView({ block: "center", behavior: "instant" });
  input.focus();
  input.click();
}

function pressed(event) {
  const inside = event.composedPath()[0];
  if (event.key === "Escape" && (guide.at !== null || guide.help)) return close();
  if (!isShortcut(event, inside)) return;
  if (event.key === "/") searchCodes();
  else if (event.key === "?") keysShown();
  else if (guide.at !== null && ["ArrowRight", "ArrowLeft"].includes(event.key)) {
    // arrows move the map and tabs as well: they turn pages only from the card itself
    if (inside.getRootNode().host?.id !== "edp-guide") return;
    const to = nextStep(guide.steps, guide.at, event.key === "ArrowRight" ? 1 : -1, screens());
    if (to !== null) open(to);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

export default ({ data, parentElement }) => {
  const host = parentElement.host ?? parentElement;
  const { steps, keys, first, css } = data;
  const accent = getComputedStyle(host).getPropertyValue("--st-primary-color");
  Object.assign(guide, { steps, keys, first, css, accent });
  const button = (part) => parentElement.querySelector(`[data-part=${part}]`);
  button("tour").onclick = (event) => { guide.asked = event.currentTarget; start(); };
  button("keys").onclick = (event) => {
    const asked = event.currentTarget;
    keysShown();
    guide.asked = asked;
  };
  if (guide.pressed) document.removeEventListener("keydown", guide.pressed, true);
  guide.pressed = pressed;
  document.addEventListener("keydown", pressed, true);
  // a link into another screen is not interrupted: the tour begins on the first one
  if (guide.at === null && isFirstVisit() && here() === first && links().length) start(false);
  return () => {
    document.removeEventListener("keydown", pressed, true);
    close();
  };
};
