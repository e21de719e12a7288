// One trial: live figures, what needs attention, and its documents.

import { path, read, readNewest, segment } from "./api.js";
import { documentsPanel } from "./documents.js";
import { announce, h, head, icon, refill, typed } from "./dom.js";
import { activity, attention, breakdown, contents, figures, findings } from "./figures.js";
import { alertBox } from "./form.js";
import { clock, count, counted, moment, words } from "./format.js";
import { subscribe } from "./subscribe.js";
import { changeTrial } from "./trials.js";

/** Milliseconds between two looks at the figures. */
const POLL = 2000;

export async function trialPage([trial], _query, signal) {
  const base = `/api/trials/${segment(trial)}/summary`;
  const first = await readNewest(base, {}, { signal });
  let summary = first.data;
  const state = { at: null, dimension: "kind", etag: first.etag, late: false };

  const byline = h("span", { class: "live" });
  const role = h("span", { class: "tag accent" }, words(summary.role ?? "reader"));
  const parts = {
    figures: h("div"), attention: h("div", { class: "panel" }), activity: h("div", { class: "panel" }),
    breakdown: h("div", { class: "panel" }), contents: h("div", { class: "panel" }), findings: h("div", { class: "panel" }),
    notice: h("div"),
  };
  const documents = documentsPanel(trial, summary, signal);

  const draw = () => {
    const now = summary.asOf ?? new Date().toISOString();
    refill(parts.figures, figures(summary.figures ?? {}));
    refill(parts.attention, attention(summary.flagged ?? [], summary.figures?.contents?.flagged ?? 0, now));
    refill(parts.activity, activity(summary.weeks ?? []));
    refill(parts.breakdown, breakdown(summary.breakdown ?? {}, state.dimension, (dimension) => {
      state.dimension = dimension;
      draw();
    }));
    refill(parts.contents, contents(summary.figures?.contents ?? {}));
    refill(parts.findings, findings(summary.figures?.findings ?? {}));
    refill(parts.notice, summary.complete === false && h("p", { class: "alert warn" }, "Part of the history was lost and filled in by a scan, so these figures may be incomplete."));
    drawTime();
  };
  const drawTime = () => {
    byline.classList.toggle("on", !state.at && !state.late);
    byline.textContent = state.at
      ? `As of ${moment(summary.asOf ?? state.at)}`
      : state.late ? "Waiting for the server" : summary.asOf ? `Live, as of ${clock(summary.asOf)}` : "Live";
  };

  /** Looks again, and shows what has changed. */
  const look = async () => {
    const headers = state.etag ? { "If-None-Match": state.etag } : {};
    const answer = await read(path(base, { at: state.at }), { headers, signal });
    const changed = answer.status !== 304;
    if (changed) {
      summary = answer.data;
      state.etag = answer.etag;
    }
    if (changed || state.late) {
      state.late = false;
      draw();
    }
    // Rows and small pictures follow: what is analysed has a picture that was not there before.
    if (changed && !state.at) {
      announce(told(summary));
      documents.changed(summary);
    }
  };
  const poll = async () => {
    if (document.hidden || state.at) return;
    try {
      await look();
    } catch (problem) {
      if (signal.aborted) return;
      state.late = true;
      drawTime();
    }
  };
  every(POLL, poll, signal);
  document.addEventListener("visibilitychange", () => void poll(), { signal });

  draw();
  return [
    head({
      crumbs: [["Trials", "#/trials"]],
      title: summary.title || trial,
      byline: [h("span", { class: "mono" }, typed(trial)), role, byline],
      actions: [
        summary.role === "coordinator" && h("button", { type: "button", onclick: () => changeTrial(summary, () => void look()) }, "Settings"),
        summary.role === "coordinator" && h("a", { class: "button", href: `#/trials/${segment(trial)}/audit` }, "History"),
        h("a", { class: "button", href: `#/trials/${segment(trial)}/members` }, "Members"),
        h("a", { class: "button", href: `#${path("/reports", { trial })}` }, "Reports"),
        h("button", { class: "primary", type: "button", onclick: () => subscribe(trial) }, icon("mail"), "Subscribe"),
      ].filter(Boolean),
    }),
    parts.notice,
    parts.figures,
    h("div", { class: "columns" }, parts.attention, parts.activity),
    documents.element,
    h("div", { class: "columns" }, parts.breakdown, parts.contents),
    parts.findings,
    lookBack(state, look, signal),
  ];
}

/** The figures in a sentence, for those who do not see them change. */
function told({ figures: { documents = {}, contents: read = {} } = {} }) {
  return `${counted(documents.present ?? 0, "document")} now, ${count(read.analysed ?? 0)} looked at, ${count(read.flagged ?? 0)} to look at yourself.`;
}

/** Calls `work` again and again, each time after the last call has ended, until one leaves the page. */
function every(milliseconds, work, signal) {
  const again = async () => {
    if (signal.aborted) return;
    await work();
    if (!signal.aborted) timer = setTimeout(again, milliseconds);
  };
  let timer = setTimeout(again, milliseconds);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

/** The figures as they stood at an earlier moment. */
function lookBack(state, look, signal) {
  const time = h("input", { type: "datetime-local", id: "look-back", step: "900" });
  const message = h("div");
  const apply = async () => {
    const instant = time.value ? new Date(time.value) : null;
    message.replaceChildren();
    state.at = instant ? instant.toISOString() : null;
    state.etag = null;
    try {
      await look();
      window.scrollTo({ top: 0, behavior: "smooth" });
    } catch (problem) {
      if (signal.aborted) return;
      state.at = null;
      message.replaceChildren(alertBox(problem));
    }
  };
  const live = () => {
    time.value = "";
    void apply();
  };
  return h("section", { class: "panel", "aria-label": "Look back" },
    h("header", {}, h("h2", {}, "Look back"), h("span", { class: "small muted" }, "Figures can be shown as of any closed quarter hour.")),
    h("div", { class: "actions" },
      h("label", { for: "look-back", class: "visually-hidden" }, "Moment"),
      h("div", { class: "filters" }, time),
      h("button", { type: "button", onclick: apply }, icon("clock"), "Show"),
      h("button", { type: "button", class: "plain", onclick: live }, "Back to live")),
    message);
}
