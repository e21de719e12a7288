// Choosing when a report comes. The sentence shown meanwhile is the server's own.

import { path, read, write } from "./api.js";
import { h, openDialog, toast, typed } from "./dom.js";
import { field, form, input, select } from "./form.js";
import { day } from "./format.js";

const CADENCES = [["weekly", "Every week"], ["daily", "Every day"], ["monthly", "Every month"]];
const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].map((name) => [name, name.charAt(0).toUpperCase() + name.slice(1)]);
const PAPERS = [["a4", "A4"], ["letter", "US Letter"]];

const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "Etc/UTC";

/** Where Letter paper is usual. */
const usualPaper = () => (/^en-(US|CA)|^es-MX/.test(navigator.language) ? "letter" : "a4");

function quarterHours() {
  const two = (n) => String(n).padStart(2, "0");
  return Array.from({ length: 96 }, (_, i) => `${two(Math.floor(i / 4))}:${two((i % 4) * 15)}`);
}

/** The sentence of a schedule, with its next due: "Every Monday at 08:00 Europe/Berlin; next: 30 November 2026". */
export function sentence({ sentence: text, nextDue }, zone) {
  return nextDue ? `${text}; next: ${day(nextDue, zone)}` : text;
}

/** Asks when, and subscribes to the trial. */
export function subscribe(trial) {
  const preset = { cadence: "weekly", weekday: "monday", time: "08:00", zone: ownZone() };
  scheduleDialog("Subscribe", ["Report about ", typed(trial), ", by mail to you."], preset, usualPaper(), "Subscribe", async (schedule, paper) => {
    const { data } = await write("POST", "/api/subscriptions", { trial, schedule, paper });
    toast(`Subscribed. ${sentence(data, schedule.zone)}`);
  });
}

/** Asks for another schedule of a subscription, then calls `changed`. */
export function reschedule({ id, trial, schedule, edition }, changed) {
  scheduleDialog("Change the schedule", ["Report about ", typed(trial), "."], schedule, edition?.paper ?? "a4", "Save", async (chosen, paper) => {
    await write("PATCH", `/api/subscriptions/${encodeURIComponent(id)}`, { schedule: chosen, paper });
    changed();
  });
}

function scheduleDialog(title, about, preset, paper, label, submit) {
  const cadence = select("cadence", CADENCES, preset.cadence);
  const weekday = field("Weekday", select("weekday", WEEKDAYS, preset.weekday ?? "monday"));
  const monthDay = field("Day of the month", input("day", preset.day ?? 1, { type: "number", min: 1, max: 31 }), { hint: "A month that lacks it uses its last day." });
  const said = h("p", { class: "sentence", role: "status", "aria-live": "polite" });

  const dialog = openDialog(title, (close) => {
    const element = form({
      label,
      cancel: close,
      submit: async (asked) => {
        await submit(scheduleOf(asked), asked.paper);
        close();
      },
    },
    h("div", {}, h("h2", {}, title), h("p", { class: "muted" }, about)),
    h("div", { class: "fields" },
      field("How often", cadence), weekday, monthDay,
      field("Time", select("time", quarterHours(), preset.time)),
      field("Time zone", input("zone", preset.zone, { list: "zones", required: true, dir: "ltr", spellcheck: "false" }), { whole: true }),
      field("Paper", select("paper", PAPERS, paper))),
    h("datalist", { id: "zones" }, Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone }))),
    said);
    const update = () => {
      weekday.hidden = cadence.value !== "weekly";
      monthDay.hidden = cadence.value !== "monthly";
      void preview(element, said);
    };
    element.addEventListener("change", update);
    update();
    return element;
  });
  dialog.querySelector("select").focus();
}

/** Of the fields only those that the cadence has. */
function scheduleOf({ cadence, weekday, day: monthDay, time, zone }) {
  const common = { cadence, time, zone };
  if (cadence === "weekly") return { ...common, weekday };
  if (cadence === "monthly") return { ...common, day: Number(monthDay) };
  return common;
}

let asking = new AbortController();

/** Has the server say what the schedule means. A newer question ends the one before. */
async function preview(element, said) {
  asking.abort();
  asking = new AbortController();
  const schedule = scheduleOf(Object.fromEntries(new FormData(element)));
  try {
    const { data } = await read(path("/api/schedules/preview", schedule), { signal: asking.signal });
    said.textContent = sentence(data, schedule.zone);
  } catch (problem) {
    if (problem.name !== "AbortError") said.textContent = problem.message;
  }
}
