/** The parts of the download widget that are always there: the totals, the choice of a list, and the buttons. */

import { makeAlert } from "./alert.js";
import { makeBar } from "./bar.js";
import { button, CHECK, element, icon, setText, WARNING } from "./dom.js";
import * as strings from "./download-strings.js";
import { shareKeys } from "./keys.js";

/** @typedef {import("./download-protocol.js").DownloadPhase} DownloadPhase */
/** @typedef {import("./download-protocol.js").DownloadRequestKind} DownloadRequestKind */
/** @typedef {import("./download-protocol.js").ListName} ListName */

/** @type {ListName[]} */
const LISTS = ["active", "failed", "all"];

/**
 * @param {string} folder
 * @param {(kind: DownloadRequestKind) => void} act
 * @param {(list: ListName) => void} choose
 * @param {HTMLElement} rows The list itself.
 */
export function makeCard(folder, act, choose, rows) {
  const alert = makeAlert();
  const [check, warning] = [icon(CHECK), icon(WARNING)];
  const text = element("strong");
  const headline = element("span", { class: "ts-headline" }, check, warning, text);
  const figures = element("span", { class: "ts-figure" });
  const total = makeBar();
  const pace = element("p", { class: "ts-hint ts-pace" });
  // takes the focus where the button that had it is gone
  const totals = element("p", { class: "ts-totals", tabindex: "-1" }, headline, figures);

  const tabs = new Map(LISTS.map((list) => [list, button("", () => choose(list), { class: "ts-tab" })]));
  const lists = element("div", { class: "ts-lists", role: "group", "aria-label": strings.lists }, ...tabs.values());
  const empty = element("p", { class: "ts-empty" }, strings.nothingActive);
  const body = element(
    "div",
    { class: "ts-body" },
    total.node,
    pace,
    lists,
    element("div", { class: "ts-frame" }, rows, empty),
  );

  /** @type {Record<string, HTMLButtonElement>} */
  const buttons = {
    pause: button(strings.pause, () => act("pause")),
    resume: button(strings.resume, () => act("resume"), { class: "ts-primary" }),
    retry: button("", () => act("retry"), { class: "ts-primary" }),
    cancel: button(strings.cancel, () => act("cancel")),
  };
  const actions = element("div", { class: "ts-actions" }, ...Object.values(buttons));
  const status = element("p", { class: "ts-status" });
  const announcer = element("p", { "aria-live": "polite" });
  const header = element(
    "div",
    { class: "ts-header" },
    element("span", { class: "ts-title" }, strings.title),
    element("span", { class: "ts-host" }, folder),
  );
  const footer = element("div", { class: "ts-footer" }, actions, status);
  const root = element(
    "div",
    {
      class: "ipyterrascope ipyterrascope-download",
      role: "group",
      "aria-label": strings.label(folder),
      keydown: shareKeys,
    },
    element("div", { class: "ts-card" }, header, alert.node, totals, body, footer),
    announcer,
  );

  /** @param {string} files @param {string} bytes @param {DownloadPhase} phase */
  function showTotals(files, bytes, phase) {
    setText(text, files);
    setText(figures, bytes);
    check.toggleAttribute("hidden", phase !== "done");
    warning.toggleAttribute("hidden", phase !== "failed");
  }

  /**
   * @param {ListName} shown
   * @param {Record<ListName, number>} lengths
   * @param {ListName[]} offered None for no choice.
   */
  function showLists(shown, lengths, offered) {
    lists.hidden = !offered.length;
    empty.hidden = lengths[shown] > 0;
    for (const [list, tab] of tabs) {
      setText(tab, strings.list(list, lengths[list]));
      tab.ariaPressed = String(list === shown);
      tab.hidden = !offered.includes(list);
    }
  }

  /** @param {string[]} kinds Which buttons there are. @param {string} retry What the one for another try says. */
  function showButtons(kinds, retry) {
    const had = /** @type {HTMLElement | null} */ (actions.querySelector(":focus"));
    setText(/** @type {Node} */ (buttons.retry), retry);
    for (const [kind, node] of Object.entries(buttons)) node.hidden = !kinds.includes(kind);
    if (had?.hidden) focus();
  }

  /** Go on with the keyboard at the first button, or at the totals. */
  function focus() {
    const first = Object.values(buttons).find((node) => !node.hidden);
    (first ?? totals).focus({ preventScroll: true });
  }

  return { root, body, alert, total, pace, actions, status, announcer, showTotals, showLists, showButtons, focus };
}
