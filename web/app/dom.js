// Builds the page. Text from outside only ever becomes text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: h("a", { class: "x", href: "#", onclick: f }, "text", child, [children], null). */
export function h(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** An SVG element. */
export function svg(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && ["value", "checked", "selected", "files"].includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * A text that somebody typed: isolated, so that its direction of writing stays its own. Marks that turn the direction of
 * what follows, by which "gpj.exe" reads as "exe.jpg", are shown as such, and so are control characters.
 */
export const typed = (text) => h("bdi", {}, unturned(text));

/** The same for window titles and labels, which hold only text. */
const unturned = (text) => String(text).replace(/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

const ICONS = {
  upload: ["M8 11V2.5", "M4.5 6 8 2.5 11.5 6", "M2.5 10.5v3h11v-3"],
  mail: ["M2 3.5h12v9H2z", "m2.5 4 5.5 5 5.5-5"],
  plus: ["M8 3v10", "M3 8h10"],
  download: ["M8 2.5V11", "M4.5 7.5 8 11l3.5-3.5", "M2.5 13.5h11"],
  clock: ["M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2z", "M8 5v3.2l2.2 1.5"],
};

/** A small line drawing beside a label. */
export function icon(name) {
  const paths = ICONS[name].map((d) => svg("path", { d }));
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, paths);
}

/** Exchanges an element's children and gives the focus back to the one that had it (by id, link or label). */
export function refill(container, ...children) {
  const active = container.contains(document.activeElement) ? document.activeElement : null;
  const selector = active && focusSelector(active);
  container.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (selector) container.querySelector(selector)?.focus({ preventScroll: true });
}

function focusSelector(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  for (const name of ["href", "data-key"]) {
    const value = element.getAttribute(name);
    if (value) return `[${name}="${CSS.escape(value)}"]`;
  }
  return null;
}

/** Says something to those who do not see the page. */
export function announce(text) {
  const region = document.getElementById("announcer");
  if (region.textContent !== text) region.textContent = text;
}

let toastTimer;

/** Says that something worked. */
export function toast(text) {
  const region = document.getElementById("toast");
  region.textContent = text;
  region.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => region.classList.remove("shown"), 4000);
}

/** Head of a page: crumbs, title, byline, actions. Sets the window's title too. */
export function head({ crumbs = [], title, byline, actions = [] }) {
  document.title = `${unturned(title)} · Trialbrief`;
  const trail = crumbs.map(([text, href], i) => [i > 0 && " / ", h("a", { href }, typed(text))]);
  return h("div", { class: "head" },
    h("div", {},
      crumbs.length > 0 && h("p", { class: "crumbs" }, trail),
      h("h1", { tabindex: "-1" }, typed(title)),
      byline && h("div", { class: "byline" }, byline)),
    actions.length > 0 && h("div", { class: "actions" }, actions));
}

/** A titled part of a page. */
export function panel(title, { aside, ...properties } = {}, ...children) {
  const heading = h("h2", {}, title);
  return h("section", { ...properties, class: `panel ${properties.class ?? ""}`.trim(), "aria-label": title },
    h("header", {}, heading, aside), children);
}

/** A question in front of the page. `build(close)` gives the form; answers the dialog. */
export function openDialog(label, build) {
  const dialog = h("dialog", { "aria-label": label });
  const opener = document.activeElement;
  dialog.append(build(() => dialog.close()));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
