// Figures of a trial as the page shows them. Sums that are zero are absent from what the server sends.

import { segment } from "./api.js";
import { h, svg, typed } from "./dom.js";
import { ago, bytes, count, counted, day, decimal, extension, shortDay, words } from "./format.js";

/** The figures on top, and the sum that makes them checkable. */
export function figures({ documents = {}, contents = {} }) {
  const { present = 0, found = 0, added = 0, movedIn = 0, movedOut = 0, removed = 0, changed = 0 } = documents;
  const { analysed = 0, unreadable = 0, flagged = 0 } = contents;
  return h("dl", { class: "panel figures" },
    figure("Documents", count(present), bytes(documents.bytes)),
    figure("Added", count(added), "since it began"),
    figure("Changes", count(changed), "since it began"),
    figure("Removed", count(removed), "since it began"),
    // As in the report: what could not be read was looked at, and not analysed.
    figure("Analysed", count(analysed - unreadable), `of ${count(present)}${unreadable ? `, ${count(unreadable)} not readable` : ""}`),
    figure("Need attention", count(flagged), flagged === 1 ? "document" : "documents", flagged > 0 && "attention"),
    h("div", { class: "sum" },
      h("dt", { class: "visually-hidden" }, "How the documents add up"),
      h("dd", {}, `${count(present)} present = ${count(found)} found + ${count(added)} added + ${count(movedIn)} moved in − ${count(movedOut)} moved out − ${count(removed)} removed`)));
}

const figure = (name, value, note, mark) =>
  h("div", { class: `figure ${mark || ""}`.trim() }, h("dt", {}, name), h("dd", {}, h("div", { class: "value" }, value), h("div", { class: "note" }, note)));

/** A document's small picture, or the end of its name. */
export function thumb(id, filename, has, small) {
  const size = small ? "thumb small" : "thumb";
  const glyph = () => h("span", { class: size, "aria-hidden": "true" }, extension(filename));
  if (!has) return glyph();
  const image = h("img", { class: size, src: `/api/documents/${segment(id)}/thumbnail`, alt: "", loading: "lazy", width: small ? 36 : 48, height: small ? 36 : 48 });
  image.addEventListener("error", () => image.replaceWith(glyph()));
  return image;
}

/** What somebody should look at, at most eight. */
export function attention(flagged, total, now) {
  const shown = flagged.slice(0, 8);
  const items = shown.map(({ document, filename, site, sentence, findings = [], since, thumbnail }) =>
    h("li", {},
      thumb(document, filename, thumbnail),
      h("div", { class: "text" },
        h("a", { class: "title", href: `#/documents/${segment(document)}` }, typed(filename || document)),
        h("div", { class: "small" }, sentence ?? findings.map(words).join(", ")),
        h("div", { class: "small muted" }, [site && ["Site ", typed(site), " · "], since && h("span", { title: day(since) }, ago(since, now))]))));
  return [
    h("header", {}, h("h2", {}, "Needs attention"), total > shown.length && h("span", { class: "small muted" }, `${shown.length} of ${count(total)}`)),
    items.length > 0 ? h("ul", { class: "items" }, items) : h("p", { class: "empty" }, "Nothing. Every document that was analysed is in order."),
  ];
}

const SERIES = ["added", "changed", "removed"];
/** A document that changed twice counts twice, so these are changes and not documents. */
const labels = (name) => (name === "changed" ? "Changes" : words(name));

/** The value of the highest line of an axis and the step below it: 1, 2 or 5 times a power of ten, at most four steps, as in the report. */
function ticks(greatest) {
  for (let power = 1; ; power *= 10) {
    for (const step of [power, 2 * power, 5 * power]) {
      const steps = Math.max(1, Math.ceil(greatest / step));
      if (steps <= 4) return { step, steps, top: step * steps };
    }
  }
}

/** Added, changes and removed by week: bars to see, and the figures to read. */
export function activity(weeks) {
  const shown = weeks.slice(-12);
  const { step, steps, top } = ticks(Math.max(0, ...shown.flatMap((week) => SERIES.map((name) => week[name] ?? 0))));
  const bar = (name, value = 0) => {
    const element = h("i", { class: name });
    // Not an attribute: the page's policy allows none that holds styles.
    element.style.height = `${(value / top) * 100}%`;
    return value > 0 && element;
  };
  const values = Array.from({ length: steps + 1 }, (_, i) => (steps - i) * step);
  const chart = h("div", { class: "chart", "aria-hidden": "true" },
    h("div", { class: "axis" }, values.map((value) => h("span", {}, count(value)))),
    h("div", { class: "plot" },
      h("div", { class: "lines" }, values.map(() => h("i"))),
      h("div", { class: "weeks" }, shown.map((week) => h("div", {}, SERIES.map((name) => bar(name, week[name])))))),
    // Every third label, counted from the newest week, has room.
    h("div", { class: "labels" }, shown.map((week, i) => h("span", {}, (shown.length - 1 - i) % 3 === 0 ? shortDay(week.from) : ""))));
  return [
    h("header", {}, h("h2", {}, shown.length === 12 ? "Twelve weeks" : "Activity by week"),
      h("ul", { class: "legend", "aria-hidden": "true" }, SERIES.map((name) => h("li", {}, h("i", { class: name }), labels(name))))),
    shown.length > 0 ? [chart, weekTable(shown)] : h("p", { class: "empty" }, "Nothing has happened yet."),
  ];
}

const weekTable = (weeks) => h("table", { class: "by-week" },
  h("caption", { class: "visually-hidden" }, "Documents added and removed, and changes, by week"),
  h("thead", {}, h("tr", {}, ["Week of", ...SERIES.map(labels)].map((name) => h("th", { scope: "col" }, name)))),
  h("tbody", {}, [...weeks].reverse().map((week) => h("tr", {}, h("th", { scope: "row" }, day(week.from)), SERIES.map((name) => h("td", {}, count(week[name])))))));

const DIMENSIONS = ["kind", "site", "status"];

/** Documents present by kind, site or status. */
export function breakdown(values, dimension, choose) {
  const rows = (values[dimension] ?? []).map(({ value, figures }) => ({ value, present: figures?.documents?.present ?? 0, size: figures?.documents?.bytes ?? 0 }));
  rows.sort((a, b) => b.present - a.present);
  const top = Math.max(1, ...rows.map((row) => row.present));
  const tabs = DIMENSIONS.map((name) =>
    h("button", { type: "button", id: `by-${name}`, "aria-pressed": String(name === dimension), onclick: () => choose(name) }, words(name)));
  const bars = rows.slice(0, 12).map(({ value, present, size }) => h("tr", {},
    h("th", { scope: "row" }, typed(value || "Not given")),
    h("td", {}, bar(present / top)),
    h("td", { class: "count", title: bytes(size) }, count(present))));
  return [
    h("header", {}, h("h2", {}, "Documents by"), h("div", { class: "tabs", role: "group", "aria-label": "Documents by" }, tabs)),
    bars.length > 0 ? h("table", { class: "bars" }, h("tbody", {}, bars)) : h("p", { class: "empty" }, "No document has one."),
    rows.length > 12 && h("p", { class: "small muted" }, `and ${counted(rows.length - 12, "more", "more")}`),
  ];
}

const bar = (share) => svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
  svg("rect", { class: "track", width: 100, height: 8 }), svg("rect", { class: "fill", width: Math.max(0.5, share * 100), height: 8 }));

/** What the analysis read; each mean with what it is a mean of. */
export function contents({ analysed = 0, unreadable = 0, images = 0, tables = 0, texts = 0, others = 0, ...sums }) {
  const mean = (sum, divisor) => decimal((sum ?? 0) / images / divisor);
  const facts = [
    ["Images", images && `${count(images)}, ${decimal((sums.pixels ?? 0) / 1e6)} megapixels in all`],
    ["Tables", tables && `${count(tables)} with ${counted(sums.rows ?? 0, "row")}`],
    ["Texts", texts && `${count(texts)} with ${counted(sums.words ?? 0, "word")}`],
    ["Others", others && `${count(others)}, counted only`],
    ["Not readable", unreadable && count(unreadable)],
    ["Mean brightness", images && `${mean(sums.luminanceMilli, 1000)} of 255, over ${counted(images, "image")}`],
    ["Mean contrast", images && `${mean(sums.contrastMilli, 1000)}, over ${counted(images, "image")}`],
    ["Mean sharpness", images && `${mean(sums.sharpnessMilli, 1000)}, over ${counted(images, "image")}`],
    ["Clipped", images && `${mean(sums.clippedShadowsPpm, 10000)} % black, ${mean(sums.clippedHighlightsPpm, 10000)} % white`],
  ].filter(([, value]) => value);
  return [
    h("header", {}, h("h2", {}, "Contents"), h("span", { class: "small muted" }, `${count(analysed - unreadable)} analysed`)),
    facts.length > 0
      ? h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))
      : h("p", { class: "empty" }, "Nothing has been analysed yet."),
  ];
}

/** How often each thing was found. */
export function findings(byCode) {
  const rows = Object.entries(byCode).filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
  const top = Math.max(1, ...rows.map(([, n]) => n));
  return [
    h("header", {}, h("h2", {}, "Findings"), h("span", { class: "small muted" }, "by the number of documents")),
    rows.length > 0
      ? h("table", { class: "bars" }, h("tbody", {}, rows.map(([code, n]) =>
        h("tr", {}, h("th", { scope: "row" }, words(code)), h("td", {}, bar(n / top)), h("td", { class: "count" }, count(n))))))
      : h("p", { class: "empty" }, "None."),
  ];
}
