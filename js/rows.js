/**
 * A list of any length of which only the rows in view are in the page. The kernel holds the rows and tells windows of
 * them; the list asks for another window when none of these covers what is in view.
 */

import { makeBar } from "./bar.js";
import { CHECK, element, icon, setText, WARNING } from "./dom.js";
import * as strings from "./download-strings.js";

/** @typedef {import("./download-protocol.js").ListName} ListName */
/** @typedef {import("./download-protocol.js").ShownFile} ShownFile */
/** @typedef {import("./download-protocol.js").ShownWindow} ShownWindow */

const ROW_PX = 56;
const MOST_IN_VIEW = 6;
const BEYOND = 3;
const ASKED_BEYOND = 10;
const ASK_EVERY_MS = 200;
const ASK_AGAIN_MS = 5000;
const MOST_KEPT = 300;
const END_LETTERS = 16;
// a beginning of less needs more room as an ellipsis
const MIN_LETTERS = END_LETTERS + 4;
const THERE = ["saved", "linked", "copied", "skipped"];

/** @param {(window: import("./download-protocol.js").WantedWindow) => void} ask */
export function makeRows(ask) {
  const inner = element("div", { class: "ts-rows", role: "presentation" });
  const node = element("div", { class: "ts-list", role: "list", tabindex: "0", scroll: draw }, inner);
  /** @type {ReturnType<typeof makeRow>[]} */
  const drawn = [];
  /** @type {Map<number, ShownFile>} */
  const known = new Map();
  /** @type {ListName} */
  let list = "all";
  let total = 0;
  let rowPx = ROW_PX;
  /** @type {ShownWindow[]} */
  let windows = [];
  let asked = "";
  let askedAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  // how high a row is depends on how wide the list is
  const resized = new ResizeObserver(() => {
    rowPx = drawn[0]?.node.offsetHeight || ROW_PX;
    draw();
  });
  resized.observe(node);

  function draw() {
    const inView = Math.ceil((node.clientHeight || MOST_IN_VIEW * rowPx) / rowPx) + 1;
    const first = Math.max(0, Math.min(Math.floor(node.scrollTop / rowPx) - BEYOND, total - inView));
    const count = Math.min(total - first, inView + 2 * BEYOND);
    inner.style.height = `${total * rowPx}px`;
    while (drawn.length < count) {
      const row = makeRow();
      drawn.push(row);
      inner.append(row.node);
    }
    for (const row of drawn.splice(count)) row.node.remove();
    drawn.forEach((row, index) => row.show(first + index, total, rowPx, known.get(first + index)));
    if (count && !isCovered(first, count)) askFor(first, count);
  }

  /** @param {number} first @param {number} count */
  function isCovered(first, count) {
    const covers = (/** @type {ShownWindow} */ { list: name, start, rows }) =>
      name === list && start <= first && start + rows.length >= first + count;
    return windows.some(covers);
  }

  /** @param {number} first @param {number} count */
  function askFor(first, count) {
    if (timer) return;
    const start = Math.max(0, first - ASKED_BEYOND);
    const window = { list, start, count: first - start + count + ASKED_BEYOND };
    const text = JSON.stringify(window);
    if (text === asked && Date.now() - askedAt < ASK_AGAIN_MS) return;
    [asked, askedAt] = [text, Date.now()];
    ask(window);
    // once more at the end of a quick scroll, for where that ended
    timer = setTimeout(() => {
      timer = undefined;
      draw();
    }, ASK_EVERY_MS);
  }

  /**
   * @param {ListName} next Which list is shown.
   * @param {number} length How long it is.
   * @param {ShownWindow[]} told What the kernel told of the lists.
   */
  function show(next, length, told) {
    if (next !== list) {
      list = next;
      known.clear();
      node.scrollTop = 0;
    }
    if (known.size > MOST_KEPT) known.clear();
    [total, windows] = [length, told];
    for (const { start, rows } of windows.filter((window) => window.list === list)) {
      rows.forEach((row, index) => known.set(start + index, row));
    }
    node.ariaLabel = strings.listed(list);
    draw();
  }

  /**
   * Take the room of so many rows, or of the most that are in view, whatever is in the list: nothing below moves.
   *
   * @param {number} length
   */
  function reserve(length) {
    node.style.setProperty("--rows", String(Math.min(Math.max(1, length), MOST_IN_VIEW)));
  }

  function close() {
    clearTimeout(timer);
    resized.disconnect();
  }

  return { node, show, reserve, close };
}

function makeRow() {
  const [check, warning] = [icon(CHECK), icon(WARNING)];
  const [start, end] = [element("span"), element("span")];
  const name = element("span", { class: "ts-name" }, start, end);
  const figure = element("span", { class: "ts-figure" });
  const note = element("span", { class: "ts-note" });
  const bar = makeBar();
  const head = element("div", { class: "ts-row-head" }, check, warning, name, figure);
  const node = element("div", { class: "ts-row", role: "listitem" }, head, bar.node, note);

  /**
   * @param {number} index
   * @param {number} total
   * @param {number} rowPx
   * @param {ShownFile} [file] Undefined while the kernel has not told it.
   */
  function show(index, total, rowPx, file) {
    const { name: path = strings.unknownRow, status = "waiting", bytes_done = 0, bytes_total = null } = file ?? {};
    const told = [file?.note, file?.advice].filter(Boolean).join(" ");
    const ownName = path.slice(path.lastIndexOf("/") + 1);
    // it stands above, and there is little room; a short one may be a word of the sentence
    const text = ownName.length > END_LETTERS ? told.replaceAll(ownName, strings.thisFile) : told;
    node.style.transform = `translateY(${index * rowPx}px)`;
    node.setAttribute("aria-posinset", String(index + 1));
    node.setAttribute("aria-setsize", String(total));
    node.dataset.status = status;
    // where there is no room, the middle is left out: products are told apart by how their names end
    const cut = path.length < MIN_LETTERS ? 0 : path.length - END_LETTERS;
    setText(start, path.slice(0, cut));
    setText(end, path.slice(cut));
    setText(figure, file ? figureOf(file) : "");
    setText(note, text);
    // in full, also where there is no room for all of it
    [name.title, note.title] = [path, text];
    check.toggleAttribute("hidden", !THERE.includes(status));
    warning.toggleAttribute("hidden", status !== "failed");
    // what came of a file stays in sight while it waits
    bar.node.hidden = !isBegun(status, bytes_done);
    bar.show(strings.oneFile(path), bytes_total ? bytes_done / bytes_total : 0, strings.bytes(bytes_done, bytes_total));
  }

  return { node, show };
}

/** @param {ShownFile["status"]} status @param {number} bytes_done */
const isBegun = (status, bytes_done) => status === "active" || (status === "waiting" && bytes_done > 0);

/** @param {ShownFile} file */
function figureOf({ status, bytes_done, bytes_total }) {
  if (isBegun(status, bytes_done)) return strings.bytes(bytes_done, bytes_total);
  // of what was not fetched only what is there of it
  const isMissing = status === "failed" || status === "cancelled";
  const kept = isMissing && bytes_done ? strings.kept(bytes_done, bytes_total) : "";
  const size = isMissing || bytes_total === null ? kept : strings.bytes(bytes_total, null);
  return [strings.status[status], size].filter(Boolean).join(", ");
}
