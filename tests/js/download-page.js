/** A page and a model to show the download widget in: a DOM by jsdom, and a kernel played by the test. */

import { openPage as openAnyPage, settled, showView } from "./page.js";

export { pass, settled } from "./page.js";

const RUNNING = {
  phase: "running",
  files_done: 1,
  files_failed: 0,
  files_active: 1,
  files_total: 3,
  bytes_done: 31_800_000,
  bytes_total: 57_000_000,
  bytes_per_s: 8_000_000,
  eta_s: 3,
  fraction: 0.5579,
  list: "all",
  is_foreground: false,
};

/** How a download stands, as the kernel tells it. */
export const state = (changes = {}) => ({ ...RUNNING, ...changes });

/** A row, as the kernel tells it. */
export const row = (name, status = "waiting", changes = {}) => ({
  name,
  status,
  bytes_done: 0,
  bytes_total: 12_000_000,
  note: "",
  advice: "",
  ...changes,
});

export const ROWS = [
  row("a.tif", "saved", { bytes_done: 12_000_000 }),
  row("b.tif", "active", { bytes_done: 9_000_000 }),
  row("c.tif"),
];

/** Ten thousand files, and the window of them that a view asks for. */
export const MANY = { files_total: 10_000, files_done: 4000, files_active: 8, list: "active" };
export const windowOf = (list, start, count) => ({
  list,
  start,
  rows: Array.from({ length: count }, (_, index) => row(`${list}-${start + index}.tif`, "saved")),
});

/** Open an empty page, and make it the world of the modules under test. */
export function openPage() {
  const window = openAnyPage();
  for (const name of ["Node", "HTMLElement"]) globalThis[name] = window[name];
  globalThis.ResizeObserver = class {
    observe() {}
    disconnect() {}
  };
  return window;
}

/** A model as anywidget hands it out; `answer` plays the kernel and may throw. */
export function makeModel(traits = {}, answer = welcome) {
  const held = {
    boot_id: "boot",
    folder: "data",
    phase: "running",
    summary: "Began to download 3 files to data.",
    ...traits,
  };
  const listeners = new Map();
  const model = {
    sent: [],
    state: state(),
    windows: [{ list: "all", start: 0, rows: ROWS }],
    get: (name) => held[name],
    on: (name, callback) => listeners.set(name, [...(listeners.get(name) ?? []), callback]),
    off: (name, callback) =>
      listeners.set(
        name,
        (listeners.get(name) ?? []).filter((known) => known !== callback),
      ),
    listening: () => [...listeners.values()].flat().length,
    fire(name, ...details) {
      for (const callback of listeners.get(name) ?? []) callback(...details);
    },
    send(content) {
      answer(model, content);
      model.sent.push(content);
    },
    reply: (fields) => model.fire("msg:custom", { boot_id: "boot", view_id: "", ...fields }),
    tell: () => model.reply({ kind: "progress", state: model.state, windows: model.windows }),
    /** Let the kernel's download go on to another state. */
    async turn(changes, windows = model.windows) {
      Object.assign(model, { state: { ...model.state, ...changes }, windows });
      Object.assign(held, { phase: model.state.phase, summary: changes.summary ?? held.summary });
      model.fire("change:phase");
      model.tell();
      await settled();
    },
    kinds: () => model.sent.map(({ kind }) => kind),
    asked: () => model.sent.filter(({ kind }) => kind === "rows").map(({ list, start, count }) => [list, start, count]),
  };
  return model;
}

/** The kernel that answers a hello, and nothing else. */
export function welcome(model, { kind, view_id }) {
  if (kind !== "hello") return;
  queueMicrotask(() => {
    model.reply({ kind: "welcome", view_id });
    model.tell();
  });
}

/** The kernel that hears nothing. */
export function silence() {}

/** Show a view of `model`, and wait until the kernel has answered. */
export async function show(model, parent) {
  const { default: download } = await import("../../js/download.js");
  return showView(download, readers, model, parent);
}

function readers(el, find, text) {
  return {
    text: (selector = ".ipyterrascope-download") => text(selector).join(" "),
    buttons: () => text(".ts-actions button"),
    tabs: () => find(".ts-tab").map((tab) => [tab.textContent, tab.getAttribute("aria-pressed") === "true"]),
    rows: () =>
      find(".ts-row").map((node) =>
        [...node.querySelectorAll(".ts-name, .ts-figure, .ts-note")].map((part) => part.textContent),
      ),
    nodes: () => el.querySelectorAll(".ts-row").length,
    bars: () =>
      find("[role=progressbar]").map((bar) =>
        ["aria-label", "aria-valuenow", "aria-valuetext"].map((name) => bar.getAttribute(name)),
      ),
    list: () => el.querySelector("[role=list]"),
    alert: () => text("[role=alert]").join(" "),
    status: () => text(".ts-status").join(" "),
    spoken: () => el.querySelector("[aria-live=polite]").textContent,
    async scroll(top) {
      const list = el.querySelector("[role=list]");
      list.scrollTop = top;
      list.dispatchEvent(new window.Event("scroll"));
      await settled();
    },
    async click(label) {
      const found = find("button").find((node) => node.textContent === label);
      if (!found) throw new Error(`No "${label}" among ${text("button").join(", ")}`);
      found.focus();
      found.click();
      await settled();
    },
  };
}
