// Reports: what was made, the PDF itself, and to whom it went.

import { readOwn, path, read, segment } from "./api.js";
import { h, head, icon, panel, refill, typed } from "./dom.js";
import { alertBox } from "./form.js";
import { bytes, count, moment, period, words } from "./format.js";

const TONE = { requested: "accent", scheduled: "accent", rendered: "good", abandoned: "bad" };
const SAID = { requested: "Asked for", scheduled: "In the making", rendered: "Ready", abandoned: "Given up" };
const DELIVERY_TONE = { sent: "good", waiting: "accent", attempted: "accent", deferred: "warn", unknown: "warn", failed: "bad", withheld: "", skipped: "" };

const zoneOf = (report) => report.edition?.zone;
const tag = (status) => h("span", { class: `tag ${TONE[status] ?? ""}` }, SAID[status] ?? words(status));
const title = (report) => `${period(report.period, zoneOf(report))}${report.soFar ? ", so far" : ""}`;

export async function reportsPage(_parts, query, signal) {
  const trial = query.get("trial");
  const list = h("div");
  let shown = [];
  const load = async (cursor) => {
    try {
      const page = await readOwn("/api/reports", { trial, cursor, limit: 50 }, { signal });
      shown = [...shown, ...page.items];
      draw(page.next);
    } catch (problem) {
      if (!signal.aborted) refill(list, alertBox(problem));
    }
  };
  const draw = (next) => refill(list, shown.length === 0
    ? h("div", { class: "panel" }, h("p", { class: "empty" }, "No report yet. The first one comes when a subscription is due, or by Send me a report now."))
    : h("section", { class: "panel flush", "aria-label": "Reports" },
      h("div", { class: "scroll" }, h("table", { class: "table" },
        h("thead", {}, h("tr", {}, [["Period"], ["Trial"], ["Status"], ["Pages", "wide number"], ["Size", "wide number"], ["Made", "wide"]].map(([name, className]) => h("th", { scope: "col", class: className }, name)))),
        h("tbody", {}, shown.map(row)))),
      next && h("div", { class: "more" }, h("button", { type: "button", id: "more-reports", onclick: () => void load(next) }, "Show more"))));
  await load();
  return [
    head({
      crumbs: trial ? [[trial, `#/trials/${segment(trial)}`]] : [],
      title: "Reports",
      byline: trial ? ["About ", typed(trial), h("a", { href: "#/reports" }, "Show all trials")] : "About all trials you may see, newest first.",
    }),
    list,
  ];
}

function row(report) {
  return h("tr", {},
    h("td", {}, h("div", { class: "file" }, h("a", { href: `#/reports/${segment(report.id)}` }, title(report)))),
    h("td", { class: "nowrap" }, typed(report.trial)),
    h("td", {}, tag(report.status)),
    h("td", { class: "wide number" }, report.pages === undefined || report.pages === null ? "" : count(report.pages)),
    h("td", { class: "wide number" }, report.sizeBytes ? bytes(report.sizeBytes) : ""),
    h("td", { class: "wide muted nowrap" }, moment(report.renderedAt)));
}

export async function reportPage([id], _query, signal) {
  const base = `/api/reports/${segment(id)}`;
  const { data: report } = await read(base, { signal });
  const ready = report.status === "rendered";
  return [
    head({
      crumbs: [["Reports", "#/reports"], [report.trial, path("#/reports", { trial: report.trial })]],
      title: title(report),
      byline: [tag(report.status), [`${report.trial}`, report.pages && `${count(report.pages)} pages`, report.sizeBytes && bytes(report.sizeBytes), report.renderedAt && `made ${moment(report.renderedAt)}`].filter(Boolean).join(" · ")],
      actions: ready ? [h("a", { class: "button", href: `${base}/file`, target: "_blank", rel: "noopener" }, icon("download"), "Open PDF")] : [],
    }),
    ready
      ? h("section", { class: "panel frame", "aria-label": "The report" }, h("iframe", { class: "pdf", src: `${base}/file#view=FitH&navpanes=0`, title: `Report about ${report.trial}, ${title(report)}` }))
      : h("div", { class: "panel" }, h("p", { class: "empty" }, report.status === "abandoned" ? ["This report could not be made. ", typed(report.abandonedBecause ?? "")] : "This report is being made. Come back in a moment.")),
    await deliveries(base, signal),
    about(report),
  ];
}

async function deliveries(base, signal) {
  let page;
  try {
    page = await readOwn(`${base}/deliveries`, {}, { signal });
  } catch (problem) {
    // Not everybody who may read a report may see who else gets it.
    if (problem.status === 403 || problem.status === 404) return null;
    throw problem;
  }
  const heads = [["To"], ["Status"], ["When", "wide"], ["Attempts", "wide number"], ["What happened", "wide"]];
  const list = h("div");
  let shown = [];
  const draw = ({ items, next }) => {
    shown = [...shown, ...items];
    refill(list,
      shown.length > 0
        ? h("div", { class: "scroll" }, h("table", { class: "table" },
          h("thead", {}, h("tr", {}, heads.map(([name, className]) => h("th", { scope: "col", class: className }, name)))),
          h("tbody", {}, shown.map(deliveryRow))))
        : h("p", { class: "empty" }, next ? "None so far that you may see." : "None that you may see."),
      next && h("div", { class: "more" }, h("button", { type: "button", id: "more-deliveries", onclick: () => void more(next) }, "Show more")));
  };
  const more = async (cursor) => {
    try {
      draw(await readOwn(`${base}/deliveries`, { cursor }, { signal }));
    } catch (problem) {
      if (!signal.aborted) refill(list, alertBox(problem));
    }
  };
  draw(page);
  return panel("Deliveries", { class: "flush" }, list);
}

function deliveryRow({ user, name, status, attempt, at, detail }) {
  return h("tr", {},
    h("td", {}, typed(name || user || "Not known")),
    h("td", {}, h("span", { class: `tag ${DELIVERY_TONE[status] ?? ""}` }, words(status))),
    h("td", { class: "wide muted nowrap" }, moment(at)),
    h("td", { class: "wide number" }, attempt ? count(attempt) : ""),
    h("td", { class: "wide small muted" }, detail && typed(detail)));
}

function about({ edition = {}, cut, scheduledAt }) {
  const at = typeof cut === "string" ? cut : cut?.instant ?? cut?.at;
  const rows = [
    ["Figures as of", at && moment(at, edition.zone)],
    ["Time zone", edition.zone],
    ["Paper", edition.paper && (edition.paper === "letter" ? "US Letter" : edition.paper.toUpperCase())],
    ["Scheduled", moment(scheduledAt)],
  ].filter(([, value]) => value);
  return panel("About this report", {}, h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}
