// Figures of a trial as the page shows them. Sums that are zero are absent from what the server sends.

import { segment } from "./api.js";
import { h, svg, typed } from "./dom.js";
import { ago, bytes, count, counted, day, decimal, extension, shortDay, words } from "./format.js";

/** The figures on top, and the sum that makes them checkable. */
export function figures({ documents = {}, contents = {} }, flagged) {
  const { present = 0, found = 0, added = 0, movedIn = 0, movedOut = 0, removed = 0, changed = 0 } = documents;
  const analysed = contents.analysed ?? 0;
  const attending = Math.max(contents.flagged ?? 0, flagged.length);
  return h("dl", { class: "panel figures" },
    figure("Documents", count(present), bytes(documents.bytes)),
    figure("Added", count(added), "since it began"),
    figure("Changed", count(changed), "since it began"),
    figure("Removed", count(removed), "since it began"),
    figure("Analysed", count(analysed), `of ${count(present)}`),
    figure("Need attention", count(attending), attending === 1 ? "document" : "documents", attending > 0 && "attention"),
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

/** Added, changed and removed by week. */
export function activity(weeks) {
  const shown = weeks.slice(-12);
  const total = (week) => SERIES.reduce((sum, name) => sum + (week[name] ?? 0), 0);
  const top = Math.max(1, ...shown.map(total));
  const bars = shown.map((week, i) => {
    let y = 100;
    const rects = SERIES.map((name) => {
      const height = ((week[name] ?? 0) / top) * 96;
      y -= height;
      return height > 0 && svg("rect", { class: name, x: 0, y, width: 10, height });
    });
    const text = `Week of ${day(week.from)}: ${count(week.added)} added, ${count(week.changed)} changed, ${count(week.removed)} removed`;
    return h("div", { title: text },
      svg("svg", { viewBox: "0 0 10 101", preserveAspectRatio: "none", "aria-hidden": "true" }, rects, svg("rect", { class: "base", x: 0, y: 100, width: 10, height: 1 })),
      // Every third label, counted from the newest week, has room.
      h("div", { class: "label", "aria-hidden": "true" }, (shown.length - 1 - i) % 3 === 0 ? shortDay(week.from) : ""));
  });
  return [
    h("header", {}, h("h2", {}, shown.length === 12 ? "Twelve weeks" : "Activity by week"),
      h("ul", { class: "legend", "aria-hidden": "true" }, SERIES.map((name) => h("li", {}, h("i", { class: name }), words(name))))),
    shown.length > 0
      ? [h("div", { class: "weeks" }, bars), weekTable(shown)]
      : h("p", { class: "empty" }, "Nothing has happened yet."),
  ];
}

const weekTable = (weeks) => h("table", { class: "visually-hidden" },
  h("caption", {}, "Documents by week"),
  h("thead", {}, h("tr", {}, ["Week of", ...SERIES.map(words)].map((name) => h("th", { scope: "col" }, name)))),
  h("tbody", {}, weeks.map((week) => h("tr", {}, h("th", { scope: "row" }, day(week.from)), SERIES.map((name) => h("td", {}, count(week[name])))))));

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
    h("header", {}, h("h2", {}, "Contents"), h("span", { class: "small muted" }, `${count(analysed)} analysed`)),
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
