// The outbox of the demo: the mails that would have gone out.

import { read, segment } from "./api.js";
import { h, head, icon, panel, typed } from "./dom.js";
import { bytes, moment } from "./format.js";

export async function outboxPage(_parts, _query, signal) {
  const { data } = await read("/api/outbox", { signal });
  const rows = data.items.map(({ id, to, subject, date, size }) => h("tr", {},
    h("td", {}, h("div", { class: "file" }, h("div", {},
      h("a", { href: `#/outbox/${segment(id)}` }, typed(subject ?? "(no subject)")),
      h("div", { class: "small muted narrow" }, typed(to))))),
    h("td", { class: "wide" }, typed(to)),
    h("td", { class: "muted nowrap" }, moment(date)),
    h("td", { class: "wide number" }, bytes(size))));
  return [
    head({ title: "Outbox", byline: "The demo sends nothing: its mails stay here." }),
    rows.length === 0
      ? h("div", { class: "panel" }, h("p", { class: "empty" }, "No mail yet. Subscribe to a trial, then choose Send me a report now."))
      : h("section", { class: "panel flush", "aria-label": "Mails" }, h("div", { class: "scroll" }, h("table", { class: "table" },
        h("thead", {}, h("tr", {}, [["Subject"], ["To", "wide"], ["Date"], ["Size", "wide number"]].map(([name, className]) => h("th", { scope: "col", class: className }, name)))),
        h("tbody", {}, rows)))),
  ];
}

export async function mailPage([id], _query, signal) {
  const { data } = await read(`/api/outbox/${segment(id)}`, { signal });
  const { from, to, subject, date, listUnsubscribe } = data.headers;
  const rows = [["From", from], ["To", to], ["Date", moment(date) || date], ["Unsubscribe", listUnsubscribe]].filter(([, value]) => value);
  return [
    head({ crumbs: [["Outbox", "#/outbox"]], title: subject || "(no subject)" }),
    h("section", { class: "panel", "aria-label": "Headers" },
      h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, typed(value))]))),
    h("section", { class: "panel", "aria-label": "Text" }, h("pre", { class: "mail", dir: "auto" }, data.text)),
    (data.attachments ?? []).length > 0 && panel("Attachments", {}, h("ul", { class: "items" }, data.attachments.map(({ name, size, href }) => h("li", {},
      h("div", { class: "text" }, h("span", { class: "title" }, typed(name)), h("div", { class: "small muted" }, bytes(size))),
      attachmentLink(href))))),
  ];
}

/** Only links into this server are followed. */
function attachmentLink(href) {
  if (!href?.startsWith("/") || href.startsWith("//")) return null;
  return h("a", { class: "button small", href, target: "_blank", rel: "noopener" }, icon("download"), "Open");
}
