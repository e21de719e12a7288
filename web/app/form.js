// Forms: labelled fields, and problems beside the field they name.

import { Problem } from "./api.js";
import { h } from "./dom.js";

let ids = 0;

/** A labelled control. `name` is the field's name in the API, by which problems find it. */
export function field(label, control, { hint, whole } = {}) {
  ids += 1;
  control.id ||= `field-${ids}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return h("div", { class: whole ? "field whole" : "field" },
    h("label", { for: control.id }, label), control,
    hint && h("span", { class: "hint", id: `${control.id}-hint` }, hint));
}

export const input = (name, value = "", more = {}) => h("input", { name, value: value ?? "", autocomplete: "off", dir: "auto", ...more });

/** A choice; options are [value, label] or a text that is both. */
export function select(name, options, chosen, more = {}) {
  const items = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  if (chosen && !items.some(([value]) => value === chosen)) items.unshift([chosen, chosen]);
  return h("select", { name, ...more }, items.map(([value, label]) => h("option", { value, selected: value === chosen }, label)));
}

/** Choices with what people typed before. */
export function suggestions(id, values) {
  return h("datalist", { id }, values.map((value) => h("option", { value })));
}

/** What is in the form, by name; empty texts as undefined. */
export function values(form) {
  const entries = [...new FormData(form)].map(([name, value]) => [name, typeof value === "string" && value.trim() === "" ? undefined : value]);
  return Object.fromEntries(entries);
}

/** A form that sends: its button is busy meanwhile, and a problem stands beside the field it names. */
export function form({ submit, label, cancel, danger, extra }, ...children) {
  const button = h("button", { type: "submit", class: danger ? "danger" : "primary" }, label);
  const back = cancel && h("button", { type: "button", onclick: cancel }, "Cancel");
  const element = h("form", { novalidate: true, class: "stack" }, children, h("div", { class: "actions" }, extra, back, button));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearProblem(element);
    button.disabled = true;
    try {
      await submit(values(element));
    } catch (problem) {
      if (problem.name !== "AbortError") showProblem(element, problem);
    } finally {
      button.disabled = false;
    }
  });
  return element;
}

/** A problem as a box of its own. */
export function alertBox(problem, ...actions) {
  const known = problem instanceof Problem;
  if (!known) console.error(problem);
  return h("div", { class: "alert", role: "alert" },
    h("p", {}, known ? problem.message : "Something went wrong in this page. Reload it and try again."),
    problem.remedy && h("p", {}, problem.remedy),
    problem.reference && h("p", {}, `Reference ${problem.reference}`),
    actions.length > 0 && h("p", {}, actions));
}

function clearProblem(element) {
  element.querySelectorAll(".wrong, .alert").forEach((shown) => shown.remove());
  for (const control of element.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-errormessage");
  }
}

/** Shows a problem beside its field, or above the form where it names none that is here. */
function showProblem(element, problem) {
  const name = (problem.field ?? "").split(".").pop();
  const control = name ? element.elements?.namedItem(name) : null;
  if (!(problem instanceof Problem) || !control?.id) {
    element.prepend(alertBox(problem));
    return;
  }
  const message = [problem.message, problem.remedy].filter(Boolean).join(" ");
  const id = `${control.id}-wrong`;
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-errormessage", id);
  control.after(h("span", { class: "wrong", id, role: "alert" }, message));
  control.focus();
}
