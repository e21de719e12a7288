// The documents of a trial: a list to filter and page through, and the place to drop new ones.

import { readOwn, segment } from "./api.js";
import { h, refill, typed } from "./dom.js";
import { thumb } from "./figures.js";
import { alertBox, select } from "./form.js";
import { bytes, moment } from "./format.js";
import { uploadArea } from "./upload.js";

const FILTERS = [["site", "All sites"], ["kind", "All kinds"], ["status", "All statuses"]];
const PAGE = 25;

/** Whether the analysis can make a small picture of it. */
export const mayHaveThumbnail = ({ ContentType = "", Filename = "" }) =>
  ContentType.startsWith("image/") || /\.(jpe?g|png|tiff?|webp|gif|bmp|dcm)$/i.test(Filename);

/** The panel, and `changed` to be told of a new summary. */
export function documentsPanel(trial, summary, signal) {
  const filter = {};
  let shown = [];
  let cursor = null;
  let wanted = 0;

  const list = h("div");
  const filters = h("div", { class: "filters" });
  const mayWrite = summary.role !== "reader";

  /** Reads the list from its beginning, or goes on with it. */
  const load = async (more = false) => {
    wanted += 1;
    const mine = wanted;
    const limit = more ? PAGE : Math.min(200, Math.max(PAGE, shown.length));
    try {
      const page = await readOwn("/api/documents", { trial, ...filter, cursor: more ? cursor : null, limit }, { signal });
      // A later question overtakes an earlier one.
      if (mine !== wanted) return;
      shown = more ? [...shown, ...page.items] : page.items;
      cursor = page.next;
      // The server may end a page early where it had to look at many that do not fit.
      if (shown.length === 0 && cursor) return void load(true);
      draw();
    } catch (problem) {
      if (!signal.aborted) refill(list, alertBox(problem));
    }
  };

  const draw = () => {
    if (shown.length === 0) {
      const text = Object.values(filter).some(Boolean) ? "No document fits." : "No documents yet.";
      refill(list, h("p", { class: "empty" }, text));
      return;
    }
    refill(list,
      h("div", { class: "scroll" }, h("table", { class: "table" },
        h("thead", {}, h("tr", {}, columns.map(([name, className]) => h("th", { scope: "col", class: className }, name)))),
        h("tbody", {}, shown.map(row)))),
      cursor && h("div", { class: "more" }, h("button", { type: "button", id: "more-documents", onclick: () => void load(true) }, "Show more")));
  };

  const drawFilters = (values) => {
    const choices = FILTERS.map(([name, all]) => {
      const options = (values[name] ?? []).map(({ value }) => value).filter(Boolean).sort();
      const control = select(name, [["", all], ...options], filter[name], { id: `filter-${name}`, "aria-label": all.replace("All ", "Only this ") });
      control.addEventListener("change", () => {
        filter[name] = control.value;
        shown = [];
        void load();
      });
      return control;
    });
    refill(filters, choices);
  };

  drawFilters(summary.breakdown ?? {});
  void load();
  const known = (name) => (summary.breakdown?.[name] ?? []).map(({ value }) => value).filter(Boolean);
  return {
    element: h("section", { class: "panel flush", "aria-label": "Documents" },
      h("header", {}, h("h2", {}, "Documents"), filters),
      mayWrite && uploadArea(trial, known, () => void load(), signal),
      list),
    changed: (now) => {
      drawFilters(now.breakdown ?? {});
      void load();
    },
  };
}

const columns = [["Name"], ["Site", "wide"], ["Kind", "wide"], ["Status"], ["Size", "wide number"], ["Changed", "wide"]];

function row(record) {
  const { _id, Filename = "", SiteId, Kind, Status, Size, CreatedAt, UpdatedAt } = record;
  const short = [SiteId, Kind, Size !== undefined && bytes(Size)].filter(Boolean);
  return h("tr", {},
    h("td", {}, h("div", { class: "file" },
      thumb(_id, Filename, mayHaveThumbnail(record), true),
      h("div", {},
        h("a", { href: `#/documents/${segment(_id)}` }, typed(Filename || _id)),
        h("div", { class: "small muted narrow" }, short.map((text, i) => [i > 0 && " · ", typed(text)]))))),
    h("td", { class: "wide code", title: SiteId }, typed(SiteId ?? "")),
    h("td", { class: "wide code", title: Kind }, typed(Kind ?? "")),
    h("td", {}, Status && h("span", { class: "tag" }, typed(Status))),
    h("td", { class: "wide number" }, Size === undefined ? "" : bytes(Size)),
    h("td", { class: "wide muted nowrap" }, moment(UpdatedAt ?? CreatedAt)));
}

