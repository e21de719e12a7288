// The history of a trial, for its coordinators: when, who, what and why, and what a stream held at an instant.

import { path, read, readAll, readLines, segment } from "./api.js";
import { announce, h, head, panel, refill, typed } from "./dom.js";
import { alertBox, field, form, input } from "./form.js";
import { count, counted, second } from "./format.js";

/** Events kept of an answer, the newest; what is more has to be asked for by a shorter period. */
const KEPT = 1000;
/** Events that are added to the list at once. */
const PAGE = 50;
/** Days that are shown at first. */
const DAYS = 7;

/** "DocumentAdded" as "Document added". */
const said = (kind) => kind.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);

const streamPath = (trial, stream) => `#/trials/${segment(trial)}/audit/${segment(stream)}`;
const local = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
const instant = (text) => text && new Date(text).toISOString();

export async function auditPage([trial], _query, signal) {
  const members = await readAll(`/api/trials/${segment(trial)}/members`, {}, { signal });
  const names = new Map(members.map(({ user, name }) => [user, name]));
  const list = h("div");
  const ask = async ({ from, to, user, type } = {}) => {
    await showEvents(list, { trial, from: instant(from), to: instant(to), user, type }, trial, names, signal);
  };
  const since = local(new Date(Date.now() - DAYS * 86400000));
  const filter = form({ label: "Show", submit: ask },
    h("div", { class: "fields" },
      field("From", input("from", since, { type: "datetime-local" })),
      field("Before", input("to", "", { type: "datetime-local" })),
      field("Person", input("user", "", { list: "audit-people", dir: "ltr", spellcheck: "false" })),
      field("What happened", input("type", "", { placeholder: "DocumentAdded", dir: "ltr", spellcheck: "false" }))),
    h("datalist", { id: "audit-people" }, members.map(({ user, name }) => h("option", { value: user }, name))));
  void ask({ from: since });
  return [
    head({
      crumbs: [["Trials", "#/trials"], [trial, `#/trials/${segment(trial)}`]],
      title: "History",
      byline: "Everything that was recorded about this trial. Nothing here can be changed.",
    }),
    h("section", { class: "panel", "aria-label": "Filter" }, filter),
    h("section", { class: "panel flush", "aria-label": "Events" }, list),
  ];
}

/** One stream: its state at an instant, whether it is as it was written, and its events. */
export async function streamPage([trial, stream], _query, signal) {
  const members = await readAll(`/api/trials/${segment(trial)}/members`, {}, { signal });
  const names = new Map(members.map(({ user, name }) => [user, name]));
  const state = h("div");
  const look = async ({ at } = {}) => {
    const { data } = await read(path(`/api/audit/streams/${segment(stream)}`, { at: instant(at) }), { signal });
    const intact = data.hashChain === "intact";
    refill(state,
      h("p", {}, h("span", { class: `tag ${intact ? "good" : "bad"}` }, `hash chain: ${data.hashChain}`), " ",
        h("span", { class: "muted" }, `${counted(data.events, "event")}, ${data.at ? `as of ${second(data.at)}` : "now"}`)),
      data.events > 0 ? json(data.state, "State") : h("p", { class: "empty" }, "Nothing had been recorded then."));
    announce(`Hash chain: ${data.hashChain}.`);
  };
  await look();
  const list = h("div");
  void showEvents(list, { trial, stream }, trial, names, signal);
  return [
    head({
      crumbs: [["Trials", "#/trials"], [trial, `#/trials/${segment(trial)}`], ["History", `#/trials/${segment(trial)}/audit`]],
      title: stream,
      byline: "What its events add up to. Free text is sealed here; it is opened in the events below.",
    }),
    panel("State", {}, h("div", { class: "stack" },
      form({ label: "Show", submit: look }, field("As of", input("at", "", { type: "datetime-local", step: "1" }), { hint: "Empty: now." })),
      state)),
    h("section", { class: "panel flush", "aria-label": "Events" }, list),
  ];
}

/** Reads the events that fit, and lists the newest first. */
async function showEvents(list, wanted, trial, names, signal) {
  let events = [];
  let total = 0;
  refill(list, h("p", { class: "empty", "aria-busy": "true" }, "Reading the log …"));
  try {
    await readLines(path("/api/audit/events", wanted), (event) => {
      total += 1;
      events.push(event);
      if (events.length > 2 * KEPT) events = events.slice(-KEPT);
    }, { signal });
  } catch (problem) {
    if (signal.aborted) return;
    refill(list, alertBox(problem));
    return;
  }
  events = events.slice(-KEPT).reverse();
  const draw = (shown) => refill(list,
    h("header", {}, h("h2", {}, "Events"), h("span", { class: "small muted" }, total > events.length ? `the newest ${count(events.length)} of ${count(total)}; choose a shorter period for others` : counted(total, "event"))),
    total === 0
      ? h("p", { class: "empty" }, "None that fits.")
      : h("div", { class: "scroll" }, h("table", { class: "table roomy events" },
        h("thead", {}, h("tr", {}, ["When", "What", "Who", "Why"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, events.slice(0, shown).map((event) => row(event, trial, names))))),
    shown < events.length && h("div", { class: "more" }, h("button", { type: "button", id: "more-events", onclick: () => draw(shown + PAGE) }, "Show more")));
  draw(PAGE);
  announce(`${counted(total, "event")}.`);
}

function row({ stream, revision, type, recordedAt, actor, hash, data, opened = {} }, trial, names) {
  const texts = Object.entries(opened).map(([pointer, text]) => [pointer.split("/").pop(), text]);
  const why = texts.find(([name]) => name === "reason")?.[1] ?? (typeof data?.reason === "string" ? data.reason : null);
  return h("tr", {},
    h("td", { class: "muted nowrap" }, second(recordedAt)),
    h("td", {},
      h("details", {},
        h("summary", {}, said(type)),
        texts.length > 0 && h("dl", { class: "facts" }, texts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text === null ? "erased" : typed(text))])),
        json(data, `Data of ${type}`),
        h("p", { class: "small muted mono" }, `revision ${revision}, SHA-256 ${hash}`)),
      h("a", { class: "small mono", href: streamPath(trial, stream) }, typed(stream))),
    h("td", {}, names.has(actor) ? [typed(names.get(actor)), h("div", { class: "small muted mono" }, typed(actor))] : h("span", { class: "mono" }, typed(actor))),
    h("td", {}, why && typed(why)));
}

const json = (value, label) => h("pre", { class: "json", tabindex: "0", "aria-label": label }, JSON.stringify(value, unsealed, 2));

/** Sealed text says nothing as it stands; who holds its key does. */
function unsealed(_name, value) {
  const sealed = typeof value?.owner === "string" && typeof value.text === "string" && Object.keys(value).length === 2;
  return sealed ? `sealed under the key of ${value.owner}` : value;
}
