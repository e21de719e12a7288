// The page's frame: who is here, where one is, and what is shown.

import { Problem, send, session } from "./api.js";
import { auditPage, streamPage } from "./audit.js";
import { documentPage } from "./document.js";
import { h, head, panel, toast, typed } from "./dom.js";
import { alertBox } from "./form.js";
import { membersPage } from "./members.js";
import { mailPage, outboxPage } from "./outbox.js";
import { reportPage, reportsPage } from "./reports.js";
import { subscriptionsPage } from "./subscriptions.js";
import { trialPage } from "./trial.js";
import { trialsPage } from "./trials.js";

// What may stand behind the #, and the page for it: page(parameters, query, signal) gives its elements.
const ROUTES = [
  [/^\/trials$/, trialsPage],
  [/^\/trials\/([^/]+)$/, trialPage],
  [/^\/trials\/([^/]+)\/members$/, membersPage],
  [/^\/trials\/([^/]+)\/audit$/, auditPage],
  [/^\/trials\/([^/]+)\/audit\/([^/]+)$/, streamPage],
  [/^\/documents\/([^/]+)$/, documentPage],
  [/^\/subscriptions$/, subscriptionsPage],
  [/^\/reports$/, reportsPage],
  [/^\/reports\/([^/]+)$/, reportPage],
  [/^\/outbox$/, outboxPage],
  [/^\/outbox\/([^/]+)$/, mailPage],
];

const main = document.getElementById("main");
let leaving = new AbortController();
let person = null;

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  const [route, query = ""] = (location.hash.slice(1) || "/trials").split("?");
  markNavigation(route);

  const late = setTimeout(() => main.replaceChildren(h("div", { class: "skeleton", "aria-busy": "true", "aria-label": "Loading" })), 250);
  let shown;
  try {
    const [page, parts] = find(route);
    shown = await page(parts, new URLSearchParams(query), signal);
  } catch (problem) {
    if (signal.aborted || problem.status === 401) return;
    shown = [head({ title: problem.status === 404 ? "Not found" : "That did not work" }), alertBox(problem)];
  } finally {
    clearTimeout(late);
  }
  if (signal.aborted) return;
  main.replaceChildren(...[shown].flat(Infinity).filter(Boolean));
  window.scrollTo(0, 0);
  // The title takes the focus, so that a screen reader begins there; not on the first page of a visit.
  if (show.visited) main.querySelector("h1")?.focus({ preventScroll: true });
  show.visited = true;
}

function find(route) {
  for (const [pattern, page] of ROUTES) {
    const match = pattern.exec(route);
    if (match) return [page, match.slice(1).map(decodeURIComponent)];
  }
  throw new Problem(404, { detail: "There is no such page. Choose one above." });
}

function markNavigation(route) {
  for (const link of document.querySelectorAll("#nav a")) {
    const area = link.hash.slice(1);
    const here = route.startsWith(area) || (area === "/trials" && route.startsWith("/documents/"));
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showFrame() {
  const links = [["Trials", "#/trials"], ["Subscriptions", "#/subscriptions"], ["Reports", "#/reports"]];
  if (person.outbox) links.push(["Outbox", "#/outbox"]);
  const nav = document.getElementById("nav");
  nav.replaceChildren(h("ul", {}, links.map(([text, href]) => h("li", {}, h("a", { href }, text)))));
  nav.hidden = false;

  const box = document.getElementById("person");
  box.replaceChildren(
    h("span", { class: "name muted", title: person.address }, typed(person.name)),
    h("button", { class: "small", type: "button", onclick: signOut }, "Sign out"));
  box.hidden = false;
}

async function signOut() {
  try {
    await send("DELETE", "/api/sign-in");
  } catch (problem) {
    toast(problem.message);
    return;
  }
  showSignIn();
}

/** Asks who is here; the pages begin where somebody is. */
async function begin() {
  try {
    person = (await send("GET", "/api/me")).data;
  } catch (problem) {
    if (problem.status !== 401) main.replaceChildren(head({ title: "Trialbrief" }), alertBox(problem));
    return;
  }
  showFrame();
  await show();
}

async function showSignIn() {
  leaving.abort();
  person = null;
  document.getElementById("nav").hidden = true;
  document.getElementById("person").hidden = true;
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  let people;
  try {
    people = (await send("GET", "/api/people/samples")).data.items;
  } catch (problem) {
    main.replaceChildren(head({ title: "Sign in" }), alertBox(problem));
    return;
  }
  const buttons = people.map(({ user, name }) =>
    h("button", { type: "button", onclick: () => signInAs(user) }, h("span", {}, typed(name), h("small", {}, user))));
  main.replaceChildren(h("div", { class: "gate" },
    head({ title: "Who are you?", byline: "This is a demonstration: choose a person, no password is asked." }),
    panel("People", {}, people.length > 0 ? h("div", { class: "people" }, buttons) : h("p", { class: "empty" }, "The directory has no people yet."))));
}

async function signInAs(user) {
  try {
    await send("POST", "/api/sign-in", { body: { user } });
  } catch (problem) {
    toast(problem.message);
    return;
  }
  await begin();
}

session.lost = () => {
  // Several requests may find out at once; one answer is enough.
  if (person !== null || !document.querySelector(".gate")) void showSignIn();
};

document.getElementById("skip").addEventListener("click", (event) => {
  // The address behind # is a page here, so the link is followed by hand.
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => person && show());
void begin();
