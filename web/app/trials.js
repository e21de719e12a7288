// The trials one may see, and opening one.

import { Problem, readAll, segment, write } from "./api.js";
import { h, head, icon, openDialog, typed } from "./dom.js";
import { field, form, input, select } from "./form.js";
import { count, words } from "./format.js";

export async function trialsPage(_parts, _query, signal) {
  const trials = await readAll("/api/trials", {}, { signal });
  const open = h("button", { class: "primary", type: "button", onclick: openTrial }, icon("plus"), "Open a trial");
  const title = head({ title: "Trials", byline: "What you may see, with its figures as of now.", actions: [open] });
  if (trials.length === 0) {
    return [title, h("div", { class: "panel" }, h("p", { class: "empty" }, "You are a member of no trial yet. Open one, or ask a coordinator to add you."))];
  }
  return [title, h("ul", { class: "cards" }, trials.map((trial) => h("li", {}, card(trial))))];
}

function card({ trial, title, role, open, present, attention }) {
  return h("a", { class: "panel card", href: `#/trials/${segment(trial)}` },
    h("span", { class: "id" }, typed(trial), open === false ? h("span", { class: "tag" }, "Closed") : h("span", {}, words(role ?? ""))),
    h("span", { class: "title" }, typed(title || trial)),
    h("span", { class: "numbers" },
      h("span", {}, h("b", {}, count(present)), present === 1 ? "document" : "documents"),
      h("span", { class: attention > 0 && "attention" }, h("b", {}, count(attention)), attention === 1 ? "needs attention" : "need attention")));
}

function openTrial() {
  openDialog("Open a trial", (close) => form({
    label: "Open the trial",
    cancel: close,
    submit: async ({ trial, title = "", enclosure }) => {
      if (!trial) throw new Problem(422, { field: "trial", detail: "A trial needs a short name." });
      await write("PUT", `/api/trials/${segment(trial)}`, { title, enclosure });
      close();
      location.hash = `#/trials/${segment(trial)}`;
    },
  },
  h("h2", {}, "Open a trial"),
  field("Short name", input("trial", "", { required: true, maxlength: "64", placeholder: "ACME-102", dir: "ltr" }), { hint: "Letters, digits, dot, underscore, hyphen. It cannot be changed later." }),
  field("Title", input("title", "", { required: true })),
  enclosureField()));
}

/** Changes title and enclosure of a trial; for coordinators. */
export function changeTrial({ trial, title, enclosure }, changed) {
  openDialog("Trial settings", (close) => form({
    label: "Save",
    cancel: close,
    submit: async (asked) => {
      await write("PUT", `/api/trials/${segment(trial)}`, { title: asked.title ?? "", enclosure: asked.enclosure });
      close();
      changed();
    },
  },
  h("h2", {}, "Settings of ", typed(trial)),
  field("Title", input("title", title, { required: true })),
  enclosureField(enclosure)));
}

const enclosureField = (chosen) => field("Reports by mail",
  select("enclosure", [["attachment", "With the PDF attached"], ["link", "With a link to the PDF"]], chosen),
  { hint: "A link keeps the report inside Trialbrief, behind the sign-in." });
