// One's own subscriptions: pause, resume, change, end, send now.

import { readAll, segment, write } from "./api.js";
import { h, head, openDialog, refill, toast, typed } from "./dom.js";
import { alertBox, form } from "./form.js";
import { due, words } from "./format.js";
import { reschedule } from "./subscribe.js";

const TONE = { active: "good", paused: "warn", ended: "" };

export async function subscriptionsPage(_parts, _query, signal) {
  const body = h("div");
  const load = async () => {
    const items = await readAll("/api/subscriptions", {}, { signal });
    // What runs comes first, what has ended last.
    const order = Object.keys(TONE);
    items.sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status) || a.trial.localeCompare(b.trial));
    refill(body, items.length > 0
      ? h("ul", { class: "stack" }, items.map((item) => h("li", {}, card(item, load))))
      : h("div", { class: "panel" }, h("p", { class: "empty" }, "You have no subscription. Open a trial and choose Subscribe.")));
  };
  await load();
  return [head({ title: "Subscriptions", byline: "Reports that come to you by mail." }), body];
}

function card(subscription, load) {
  const { id, trial, schedule, edition, status, sentence, nextDue } = subscription;
  const base = `/api/subscriptions/${segment(id)}`;
  const failed = h("div");

  /** A button that does one thing, then shows the list anew. */
  const action = (name, className, work) => {
    const button = h("button", { type: "button", class: `small ${className}`.trim(), "data-key": `${name} ${id}`, "aria-label": `${name}: report about ${trial}` }, name);
    button.addEventListener("click", async () => {
      button.disabled = true;
      failed.replaceChildren();
      try {
        await work();
      } catch (problem) {
        // Whoever leaves the page meanwhile has done nothing wrong.
        if (problem.name !== "AbortError") failed.replaceChildren(alertBox(problem));
      }
      button.disabled = false;
    });
    return button;
  };
  const post = (name, done) => async () => {
    await write("POST", `${base}/${name}`);
    toast(done);
    await load();
  };

  const actions = status === "ended" ? [] : [
    action("Send me a report now", "", post("send-now", "A report up to now is on its way.")),
    action("Change", "", async () => reschedule(subscription, () => void load())),
    status === "paused"
      ? action("Resume", "", post("resume", "Resumed."))
      : action("Pause", "", post("pause", "Paused. Nothing is sent until you resume.")),
    action("End", "plain bad", async () => end(base, trial, load)),
  ];
  return h("article", { class: "panel", "aria-label": trial },
    h("header", {},
      h("h2", {}, h("a", { href: `#/trials/${segment(trial)}` }, typed(trial))),
      h("span", { class: `tag ${TONE[status] ?? ""}` }, words(status))),
    h("div", { class: "stack" },
      h("div", {},
        h("p", {}, sentence),
        h("p", { class: "muted small" }, [
          status === "active" && nextDue && `Next: ${due(nextDue, schedule?.zone)} · `,
          edition?.paper === "letter" ? "US Letter" : "A4",
        ])),
      actions.length > 0 && h("div", { class: "actions" }, actions),
      failed));
}

function end(base, trial, load) {
  openDialog("End the subscription", (close) => form({
    label: "End it",
    cancel: close,
    danger: true,
    submit: async () => {
      await write("DELETE", base);
      close();
      toast("Ended.");
      await load();
    },
  },
  h("h2", {}, "End this subscription?"),
  h("p", {}, "No more reports about ", typed(trial), " come to you. You can subscribe again at any time.")));
}
