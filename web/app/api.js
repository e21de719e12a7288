// The one way to the server: JSON in and out, problem documents as errors.

/** An error that the server explained (RFC 9457), or that it could not be reached. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? document.title ?? `The server answered ${status}.`);
    this.status = status;
    this.field = document.field;
    this.remedy = document.remedy;
    this.reference = document.reference;
    this.code = (document.type ?? "").split("/").pop();
  }
}

/** What to do when the server says that nobody is signed in; set by the page. */
export const session = { lost: () => {} };

/** The token of the newest write: a read that carries it sees that write. */
let after = null;

/** A path with query fields; those without a value are left out. */
export function path(base, query = {}) {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") fields.set(name, value);
  }
  const text = fields.toString();
  return text ? `${base}?${text}` : base;
}

export const segment = encodeURIComponent;

/** Random and hard to guess, for Idempotency-Key. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends a request. Answers { status, data, etag }; throws a Problem. */
export async function send(method, url, { body, headers = {}, signal } = {}) {
  const init = { method, signal, cache: "no-store", headers: { Accept: "application/json", ...headers } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The server cannot be reached. Is it running?" });
  }
  const data = response.status === 304 ? null : await content(response);
  if (!response.ok && response.status !== 304) throw refused(response.status, data);
  if (method !== "GET" && data?.after) after = data.after;
  return { status: response.status, data, etag: response.headers.get("ETag") };
}

async function content(response) {
  const type = response.headers.get("Content-Type") ?? "";
  if (!/[/+]json/.test(type)) return null;
  try {
    return await response.json();
  } catch {
    return null;
  }
}

/** The problem of an answer. A lost session is told to the page as well. */
export function refused(status, data) {
  const problem = new Problem(status, data ?? {});
  if (status === 401) session.lost();
  return problem;
}

/** Reads. Where the view has not come as far as our last write, it asks again for a while. */
export async function read(url, options = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await send("GET", url, options);
    } catch (problem) {
      if (problem.code !== "behind" || attempt === 4) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Reads, no older than our last write: for what we may have just changed ourselves. */
export const readNewest = (base, query = {}, options = {}) => read(path(base, { ...query, after }), options);

/** The body of the same. */
export const readOwn = async (base, query, options) => (await readNewest(base, query, options)).data;

/** Reads an answer of one JSON object on each line, and calls `each` with every one as it comes. */
export async function readLines(url, each, { signal } = {}) {
  try {
    const response = await fetch(url, { signal, cache: "no-store" });
    if (!response.ok) throw refused(response.status, await content(response));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      lines.forEach((line) => each(JSON.parse(line)));
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    // What broke off must not be taken for the whole.
    throw new Problem(0, { detail: "The answer broke off before its end.", remedy: "Ask again." });
  }
}

/** Writes once however often it is sent: each call has a key of its own. */
export const write = (method, url, body, headers = {}, signal) =>
  send(method, url, { body, signal, headers: { "Idempotency-Key": newKey(), ...headers } });

/** All items of a list that is short enough to be shown whole. */
export async function readAll(base, query = {}, options = {}) {
  const items = [];
  let cursor;
  do {
    const page = await readOwn(base, { ...query, cursor, limit: 200 }, options);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < 2000);
  return items;
}
