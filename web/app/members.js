// Who may see a trial. Coordinators add people, give them another role, and take them out.

import { Problem, readAll, readNewest, segment, write } from "./api.js";
import { h, head, openDialog, panel, refill, toast, typed } from "./dom.js";
import { alertBox, field, form, input, select } from "./form.js";
import { words } from "./format.js";

const ROLES = [["reader", "Reader: sees documents and reports"], ["contributor", "Contributor: also stores, changes and deletes"], ["coordinator", "Coordinator: also settings, members and history"]];

export async function membersPage([trial], _query, signal) {
  const base = `/api/trials/${segment(trial)}`;
  const { data: { role } } = await readNewest(`${base}/summary`, {}, { signal });
  const manages = role === "coordinator";
  const list = h("div");
  const load = async () => {
    try {
      const members = await readAll(`${base}/members`, {}, { signal });
      refill(list, members.length > 0 ? table(members) : h("p", { class: "empty" }, "Nobody."));
    } catch (problem) {
      if (!signal.aborted) refill(list, alertBox(problem));
    }
  };
  const table = (members) => {
    const heads = ["Name", "Role", ...(manages ? [h("span", { class: "visually-hidden" }, "Actions")] : [])];
    return h("div", { class: "scroll" }, h("table", { class: "table roomy" },
      h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, members.map((member) => row(member)))));
  };
  const row = ({ user, name, role: theirs }) => h("tr", {},
    h("td", {}, typed(name), h("div", { class: "small muted mono" }, typed(user))),
    h("td", {}, h("span", { class: "tag" }, words(theirs))),
    manages && h("td", { class: "number" },
      h("button", { type: "button", class: "small", "data-key": `change ${user}`, "aria-label": `Change the role of ${name}`, onclick: () => change(user, name, theirs) }, "Change"),
      " ",
      h("button", { type: "button", class: "small plain bad", "data-key": `remove ${user}`, "aria-label": `Remove ${name}`, onclick: () => remove(user, name) }, "Remove")));

  const grant = (user, chosen) => write("PUT", `${base}/members/${segment(user)}`, { role: chosen });
  const add = form({
    label: "Add",
    submit: async ({ user, role: chosen }) => {
      if (!user) throw new Problem(422, { field: "user", detail: "Whom? Each person has an id, such as u-berger." });
      await grant(user, chosen);
      toast("Added.");
      add.reset();
      await load();
    },
  }, h("div", { class: "fields" },
    field("Person", input("user", "", { dir: "ltr", spellcheck: "false" }), { hint: "The id in the directory, such as u-berger." }),
    field("Role", select("role", ROLES, "reader"))));
  const change = (user, name, theirs) => openDialog("Change the role", (close) => form({
    label: "Save",
    cancel: close,
    submit: async ({ role: chosen }) => {
      await grant(user, chosen);
      close();
      toast("Changed.");
      await load();
    },
  }, h("h2", {}, "Role of ", typed(name)), field("Role", select("role", ROLES, theirs))));
  const remove = (user, name) => openDialog("Remove from the trial", (close) => form({
    label: "Remove",
    cancel: close,
    danger: true,
    submit: async () => {
      await write("DELETE", `${base}/members/${segment(user)}`);
      close();
      toast("Removed.");
      await load();
    },
  }, h("h2", {}, "Remove ", typed(name), "?"),
  h("p", {}, "The trial is no longer seen, and its reports are no longer sent there. What was done stays in the history.")));

  await load();
  return [
    head({
      crumbs: [["Trials", "#/trials"], [trial, `#/trials/${segment(trial)}`]],
      title: "Members",
      byline: manages ? "Who may see this trial, and do what in it." : `Who may see this trial. You are its ${role}; coordinators change members.`,
    }),
    h("section", { class: "panel flush", "aria-label": "Members" }, list),
    manages && panel("Add somebody", {}, add),
  ];
}
