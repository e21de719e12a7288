// Numbers, sizes and times in words.

const number = new Intl.NumberFormat("en-GB");
const oneDecimal = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

export const count = (n) => number.format(n ?? 0);
export const decimal = (n) => oneDecimal.format(n);

/** "1 document", "41 documents". */
export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Bytes in decimal units. */
export function bytes(n = 0) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  let value = n;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? counted(n, "byte") : `${oneDecimal.format(value)} ${units[unit]}`;
}

const CIVIL = /^\d{4}-\d{2}-\d{2}$/;
const DAY = { day: "numeric", month: "long", year: "numeric" };

/** A calendar date is no instant: it is read and shown in UTC, so that no zone moves it. */
function parsed(text, zone) {
  return CIVIL.test(text) ? [new Date(`${text}T00:00:00Z`), "UTC"] : [new Date(text), zone];
}

function formatted(text, options, zone) {
  if (!text) return "";
  const [date, timeZone] = parsed(text, zone);
  return Number.isNaN(date.getTime()) ? text : new Intl.DateTimeFormat("en-GB", { ...options, timeZone }).format(date);
}

/** "30 November 2026". */
export const day = (text, zone) => formatted(text, DAY, zone);
/** "30 Nov". */
export const shortDay = (text, zone) => formatted(text, { day: "numeric", month: "short" }, zone);
/** "30 Nov 2026, 08:00". */
export const moment = (text, zone) => formatted(text, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }, zone);
/** "Mon, 30 November 2026, 08:00". */
export const due = (text, zone) => formatted(text, { ...DAY, weekday: "short", hour: "2-digit", minute: "2-digit" }, zone);
/** "30 Nov 2026, 08:00:07". */
export const second = (text) => formatted(text, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
/** "08:00:07". */
export const clock = (text) => formatted(text, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** A half-open period by its first and last day: "16–22 November 2026". */
export function period({ from, to }, zone) {
  const [first, timeZone] = parsed(from, zone);
  const [end] = parsed(to, zone);
  if (Number.isNaN(first.getTime()) || Number.isNaN(end.getTime())) return `${from} to ${to}`;
  const last = new Date(Math.max(first.getTime(), end.getTime() - 1));
  return new Intl.DateTimeFormat("en-GB", { ...DAY, timeZone }).formatRange(first, last);
}

/** How long before `now`: "3 days ago". */
export function ago(text, now) {
  const seconds = (new Date(now).getTime() - new Date(text).getTime()) / 1000;
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const [unit, size] of units) {
    if (seconds >= size) return `${counted(Math.floor(seconds / size), unit)} ago`;
  }
  return "just now";
}

/** A code in words: "line_too_long" as "Line too long". */
export function words(code = "") {
  const text = code.replace(/[_-]+/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The end of a file name in capitals, for want of a picture. */
export function extension(filename = "") {
  const end = /\.([a-z0-9]{1,5})$/i.exec(filename)?.[1];
  return end ? end.toUpperCase() : "FILE";
}
