// One document: its picture, what was found in it, its properties; edit and delete.

import { read, segment, write } from "./api.js";
import { announce, h, head, icon, openDialog, panel, refill, toast, typed } from "./dom.js";
import { mayHaveThumbnail } from "./documents.js";
import { field, form, input } from "./form.js";
import { bytes, count, day, decimal, extension, moment, words } from "./format.js";

// Properties that can be changed here, with the type of their control.
const EDITABLE = [["Filename", "Name"], ["TrialId", "Trial"], ["SiteId", "Site"], ["Kind", "Kind"], ["Status", "Status"], ["DocumentDate", "Date of the document", { type: "date" }]];
/** Milliseconds between two looks at a document that is not analysed yet. */
const LOOK = 2000;
// Properties shown by name; every other one is further.
const OURS = ["_id", "Filename", "TrialId", "SiteId", "Kind", "Status", "DocumentDate", "ContentType", "Size", "MD5", "SHA256", "FileLocation", "CreatedAt", "UpdatedAt", "UpdatedBy", "Version", "after"];

const TONE = { problem: "bad", warning: "warn", notice: "" };

export async function documentPage([id], _query, signal) {
  const base = `/api/documents/${segment(id)}`;
  const findings = () => read(`${base}/findings`, { signal }).then(({ data }) => data, () => null);
  let [document, found] = await Promise.all([read(base, { signal }), findings()]);
  const mayWrite = await mayChange(trialOf(document.data), signal);
  const body = h("div");
  const show = (now) => {
    document = now;
    const { data: record, etag } = now;
    const trial = trialOf(record);
    refill(body,
      head({
        crumbs: [["Trials", "#/trials"], ...(trial ? [[trial, `#/trials/${segment(trial)}`]] : [])],
        title: record.Filename || id,
        byline: [record.Status && h("span", { class: "tag" }, typed(record.Status)), [bytes(record.Size), record.UpdatedAt && `changed ${moment(record.UpdatedAt)}`].filter(Boolean).join(" · ")],
        actions: [
          h("a", { class: "button", href: `${base}/file` }, icon("download"), "Open file"),
          mayWrite && h("button", { type: "button", onclick: () => edit(base, record, etag, show) }, "Edit"),
          mayWrite && h("button", { type: "button", class: "danger", onclick: () => remove(base, record, etag) }, "Delete"),
        ].filter(Boolean),
      }),
      h("div", { class: "columns wide-left" },
        h("div", { class: "stack" }, findingsPanel(found), properties(record)),
        h("div", { class: "stack" }, picture(base, record), measures(found?.measures), storage(record))));
  };
  const look = async () => {
    found = await findings();
    if (signal.aborted) return;
    if (!found?.analysed) return void setTimeout(look, LOOK);
    show(document);
    announce("Analysed.");
  };
  show(document);
  if (!found?.analysed) setTimeout(look, LOOK);
  return body;
}

/** Whether one may change the trial's documents; the server has the last word. */
async function mayChange(trial, signal) {
  if (!trial) return true;
  return read(`/api/trials/${segment(trial)}/summary`, { signal }).then(({ data }) => data.role !== "reader", () => true);
}

/** The stated trial, or that of the folder where the file lies. */
const trialOf = ({ TrialId, FileLocation = "" }) => TrialId || /^s3:\/\/[^/]+\/trials\/([^/]+)\//.exec(FileLocation)?.[1];

function picture(base, record) {
  const glyph = () => h("span", { class: "thumb", "aria-hidden": "true" }, extension(record.Filename));
  const box = h("div", { class: "preview panel" });
  if (!mayHaveThumbnail(record)) {
    box.append(glyph());
    return box;
  }
  const image = h("img", { src: `${base}/thumbnail`, alt: "Small picture of the document" });
  image.addEventListener("error", () => image.replaceWith(glyph()));
  box.append(image);
  return box;
}

function findingsPanel(found) {
  if (!found?.analysed) return panel("Findings", {}, h("p", { class: "empty" }, "Not analysed yet."));
  const items = (found.findings ?? []).map(({ code, sentence, remedy, severity }) => h("li", {},
    h("div", { class: "text" },
      h("div", { class: "title" }, sentence ?? words(code)),
      remedy && h("div", { class: "small muted" }, remedy)),
    h("span", { class: `tag ${TONE[severity] ?? ""}` }, words(severity ?? ""))));
  return panel("Findings", {}, items.length > 0 ? h("ul", { class: "items" }, items) : h("p", { class: "empty" }, "None: the file is in order."));
}

function properties(record) {
  const rows = [
    ["Trial", trialOf(record) && h("a", { href: `#/trials/${segment(trialOf(record))}` }, typed(trialOf(record)))],
    ["Site", record.SiteId && typed(record.SiteId)],
    ["Kind", record.Kind && typed(record.Kind)],
    ["Status", record.Status && typed(record.Status)],
    ["Date", record.DocumentDate && day(record.DocumentDate)],
    ["Type", record.ContentType && typed(record.ContentType)],
    ["Added", moment(record.CreatedAt)],
    ["Changed", record.UpdatedAt && [moment(record.UpdatedAt), record.UpdatedBy && [" by ", typed(record.UpdatedBy)]]],
    ["Version", record.Version !== undefined && count(record.Version)],
    ...Object.entries(record).filter(([name]) => !OURS.includes(name)).map(([name, value]) => [typed(name), typed(typeof value === "string" ? value : JSON.stringify(value))]),
  ];
  return panel("Properties", {}, facts(rows));
}

const facts = (rows) => h("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

const storage = (record) => panel("File", {}, h("dl", { class: "stack" },
  ["FileLocation", "SHA256", "MD5"].filter((name) => record[name]).map((name) => h("div", {}, h("dt", { class: "small muted" }, name), h("dd", { class: "mono" }, typed(record[name]))))));

/** The analysis' own numbers, whatever the type of content: milli and ppm in readable units. */
function measures(measured) {
  if (!measured) return null;
  const rows = Object.entries(measured).filter(([name, value]) => !["type", "perceptual_hash"].includes(name) && ["number", "string"].includes(typeof value)).map(([name, value]) => {
    const plain = name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
    if (plain.endsWith("_milli")) return [words(plain.slice(0, -6)), decimal(value / 1000)];
    if (plain.endsWith("_ppm")) return [words(plain.slice(0, -4)), `${decimal(value / 10000)} %`];
    if (plain.endsWith("_px")) return [words(plain.slice(0, -3)), `${count(value)} px`];
    return [words(plain), typeof value === "number" ? decimal(value) : value];
  });
  return rows.length > 0 && panel("Measures", {}, facts(rows));
}

/** What a control of this type can show of a stored value, which may be anything. */
const shownIn = (type, value) => (type === "date" ? String(value ?? "").slice(0, 10) : value);

function edit(base, record, etag, show) {
  const fields = EDITABLE.map(([name, label, more = {}]) => ({ name, label, control: input(name, shownIn(more.type, record[name]), more) }));
  // What the controls made of the values: they leave out line breaks and what is no date.
  const given = fields.map(({ control }) => control.value);
  openDialog("Edit the document", (close) => form({
    label: "Save",
    cancel: close,
    submit: async ({ Reason }) => {
      // Only what somebody changed is sent; an emptied field is taken away.
      const changed = fields.filter(({ control }, i) => control.value !== given[i]);
      const changes = Object.fromEntries(changed.map(({ name, control }) => [name, control.value.trim() === "" ? null : control.value]));
      if (Object.keys(changes).length > 0) {
        await write("PATCH", base, changes, { "If-Match": etag, ...reasonHeader(Reason) });
        show(await read(base));
        toast("Saved.");
      }
      close();
    },
  },
  h("h2", {}, "Edit the document"),
  h("div", { class: "fields" },
    fields.map(({ name, label, control }) => field(label, control, { whole: name === "Filename" })),
    field("Reason", input("Reason", "", { placeholder: "Why it changes" }), { whole: true, hint: "Kept with the change, for the report and for inspectors." }))));
}

function remove(base, record, etag) {
  openDialog("Delete the document", (close) => form({
    label: "Delete for good",
    cancel: close,
    danger: true,
    submit: async ({ Reason }) => {
      await write("DELETE", base, undefined, { "If-Match": etag, ...reasonHeader(Reason) });
      close();
      toast("Deleted.");
      location.hash = trialOf(record) ? `#/trials/${segment(trialOf(record))}` : "#/trials";
    },
  },
  h("h2", {}, "Delete this document?"),
  h("p", {}, typed(record.Filename || record._id), " and its record are removed. That it existed, and who deleted it, stays in the history."),
  field("Reason", input("Reason", "", { placeholder: "Why it goes" }))));
}

/** Headers are Latin; what is not is percent-encoded. */
const reasonHeader = (reason) => (reason ? { "Change-Reason": encodeURIComponent(reason) } : {});
