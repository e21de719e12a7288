// Uploading: files dropped or chosen, three at a time, each with its progress.

import { newKey, Problem, refused } from "./api.js";
import { announce, h, icon, typed } from "./dom.js";
import { field, input, suggestions } from "./form.js";
import { bytes, counted } from "./format.js";

/** How many files travel at once. */
const AT_ONCE = 3;

/** The place to drop files. `known(name)` gives values of a property that are in use; `done` is called after each file. */
export function uploadArea(trial, known, done, signal) {
  const queue = [];
  let travelling = 0;
  const progressed = { files: 0, stored: 0, failed: 0 };

  const list = h("ul", { class: "uploads" });
  const chooser = h("input", { type: "file", multiple: true, class: "visually-hidden", id: "choose-files", tabindex: "-1", "aria-hidden": "true" });
  const choose = h("button", { type: "button", onclick: () => chooser.click() }, icon("upload"), "Choose files");
  const drop = h("div", { class: "drop" }, h("div", { class: "text" }, "Drop files here to add them to the trial."), chooser, choose);
  const properties = propertyForm(known);

  const add = (files) => {
    for (const file of files) {
      progressed.files += 1;
      queue.push(new Upload(trial, file, new FormData(properties), list));
    }
    next();
  };
  const next = () => {
    while (travelling < AT_ONCE && queue.length > 0) void run(queue.shift());
  };
  const run = async (upload) => {
    travelling += 1;
    const stored = await upload.send();
    travelling -= 1;
    progressed[stored ? "stored" : "failed"] += 1;
    announce(`${progressed.stored} of ${counted(progressed.files, "file")} uploaded${progressed.failed ? `, ${progressed.failed} not` : ""}.`);
    if (stored) done();
    else {
      upload.retry = () => {
        upload.retry = null;
        progressed.failed -= 1;
        if (upload.refused) upload.describe(new FormData(properties));
        queue.push(upload);
        next();
      };
    }
    next();
  };

  chooser.addEventListener("change", () => {
    add([...chooser.files]);
    chooser.value = "";
  });
  takeDrops(drop, add, signal);
  return h("div", { class: "stack" },
    drop,
    h("details", {}, h("summary", {}, "Properties for the files to come"), properties),
    list);
}

function propertyForm(known) {
  const one = (label, name, more = {}) => {
    const values = known(name.replace("Id", "").toLowerCase());
    const id = `known-${name}`;
    return [field(label, input(name, "", { ...more, list: values.length > 0 ? id : null })), values.length > 0 && suggestions(id, values)];
  };
  const properties = h("form", { class: "fields", onsubmit: (event) => event.preventDefault() },
    one("Site", "SiteId"), one("Kind", "Kind"), one("Status", "Status"),
    field("Date of the document", input("DocumentDate", "", { type: "date" })),
    field("Reason", input("Reason", "", { placeholder: "Why they are added" }), { whole: true }));
  return properties;
}

/** Files may be dropped anywhere in the page; the area shows that it would take them. */
function takeDrops(area, add, signal) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const over = (change) => {
    depth = Math.max(0, change);
    area.classList.toggle("over", depth > 0);
  };
  const on = (name, act) => window.addEventListener(name, (event) => {
    if (!hasFiles(event) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act(event);
  }, { signal });
  on("dragenter", () => over(depth + 1));
  on("dragleave", () => over(depth - 1));
  on("dragover", (event) => {
    event.dataTransfer.dropEffect = "copy";
  });
  on("drop", (event) => {
    over(0);
    // A folder comes as an entry without bytes; its files would have to be asked for one by one.
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const files = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory !== true).map((item) => item.getAsFile());
    add(files.filter(Boolean));
    if (files.length < items.length) announce("Folders were left out. Drop the files in them.");
  });
}

/** One file on its way, also when one leaves the page. Its key stays the same, so that a retry cannot store it twice. */
class Upload {
  constructor(trial, file, properties, list) {
    this.file = file;
    this.trial = trial;
    this.describe(properties);

    this.bar = h("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
    this.state = h("span", { class: "small muted nowrap" }, "Waiting");
    this.message = h("div", { class: "message", hidden: true });
    this.row = h("li", {}, h("span", {}, typed(file.name), " ", h("span", { class: "small muted" }, bytes(file.size))), this.bar, this.state, this.message);
    list.prepend(this.row);
  }

  /** The request, under a new key. */
  describe(properties) {
    this.refused = false;
    this.key = newKey();
    this.body = new FormData();
    this.body.set("TrialId", this.trial);
    for (const [name, value] of properties) if (value.trim()) this.body.set(name, value);
    // The file comes last: the server stores it while it arrives and must know where by then.
    this.body.set("file", this.file);
  }

  /** Whether it was stored. */
  async send() {
    this.message.hidden = true;
    const stop = h("button", { type: "button", class: "plain small" }, "Cancel");
    this.state.replaceChildren(stop);
    try {
      const record = await this.transfer(stop);
      this.bar.value = 1;
      const link = h("a", { href: `#/documents/${encodeURIComponent(record._id)}` }, "Stored");
      this.state.replaceChildren(link);
      return true;
    } catch (problem) {
      this.fail(problem);
      return false;
    }
  }

  /** XMLHttpRequest, because fetch does not tell how far a body has come. */
  transfer(stop) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", "/api/documents");
      request.responseType = "json";
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("Idempotency-Key", this.key);
      request.upload.addEventListener("progress", ({ loaded, total, lengthComputable }) => {
        if (lengthComputable) this.bar.value = loaded / total;
      });
      request.addEventListener("load", () => {
        if (request.status >= 200 && request.status < 300) resolve(request.response ?? {});
        else reject(refused(request.status, request.response));
      });
      request.addEventListener("error", () => reject(new Problem(0, { detail: "The connection was lost." })));
      request.addEventListener("abort", () => reject(new Problem(0, { detail: "Cancelled." })));
      stop.addEventListener("click", () => request.abort());
      request.send(this.body);
    });
  }

  fail(problem) {
    // What was refused as it is comes with the properties of the next try; what was lost on the way comes unchanged.
    this.refused = problem.status === 422;
    const again = h("button", { type: "button", class: "plain small", onclick: () => this.retry?.() }, "Try again");
    this.bar.value = 0;
    this.state.replaceChildren(again);
    this.message.hidden = false;
    this.message.replaceChildren(h("p", { class: "alert", role: "alert" }, [problem.field && `${problem.field}: `, problem.message, problem.remedy && ` ${problem.remedy}`]));
  }
}
