/**
 * The download widget's view. The kernel is the truth: a view shows what its messages say and sends what the person
 * wants. Its own memory is no more than which list is on screen.
 */

import { connect } from "./connection.js";
import { makeCard } from "./download-card.js";
import { alertOf, BUTTONS, bytesOf, filesOf, isEnded, listsOf, paceOf, statusOf } from "./download-picture.js";
import * as strings from "./download-strings.js";
import { setText } from "./dom.js";
import { herald } from "./herald.js";
import { makeRows } from "./rows.js";

/** @typedef {import("./connection.js").Connection<import("./download-protocol.js").DownloadRequestKind>} Line */
/** @typedef {import("./download-protocol.js").DownloadTraits} DownloadTraits */
/** @typedef {import("./download-protocol.js").ListName} ListName */
/** @typedef {import("./download-protocol.js").ShownDownload} ShownDownload */

const PULSE_EVERY_MS = 5000;
const HAD_FOCUS_MS = 1000;

/**
 * What outlives a view: the front-end makes a new one of the same model when the text beside the widget changes.
 *
 * @typedef {object} Memory
 * @property {ListName | null} chosen
 * @property {ShownDownload | null} state How it stood when the kernel told last.
 * @property {import("./download-protocol.js").ShownWindow[]} windows
 * @property {boolean} hasFocus
 * @property {number} leftAt When the focus went elsewhere.
 */

/** @type {WeakMap<object, Memory>} */
const memories = new WeakMap();

/** @type {import("@anywidget/types").Render<DownloadTraits>} */
function render({ model, el }) {
  /** @type {Memory} */
  const memory = memories.get(model) ?? { chosen: null, state: null, windows: [], hasFocus: false, leftAt: -Infinity };
  memories.set(model, memory);
  let takesFocus = memory.hasFocus || Date.now() - memory.leftAt < HAD_FOCUS_MS;
  /** @type {Line} */
  const connection = connect(model, refresh, hear);
  let { chosen, state, windows } = memory;

  const rows = makeRows((window) => connection.tell("rows", window));
  const card = makeCard(model.get("folder"), (kind) => connection.request(kind), choose, rows.node);
  const speak = herald(card.announcer);

  /** @param {ListName} list */
  function choose(list) {
    chosen = memory.chosen = list;
    refresh();
  }

  /** @param {import("./download-protocol.js").DownloadReply} news */
  function hear(news) {
    if (news.kind !== "progress" || !news.state) return;
    [state, windows] = [news.state, news.windows ?? []];
    Object.assign(memory, { state, windows });
  }

  function refresh() {
    // what the kernel told this page a moment ago holds until it is clear that the kernel is gone
    const shown = ["live", "connecting"].includes(connection.status()) ? state : null;
    const phase = shown?.phase ?? model.get("phase");
    const summary = model.get("summary");
    const status = statusOf(connection, phase, shown?.is_foreground ?? false);
    card.root.dataset.line = connection.status();
    card.root.dataset.phase = phase;
    card.alert.show(alertOf(connection, phase));
    card.showTotals(shown && !isEnded(phase) ? filesOf(shown) : summary, shown ? bytesOf(shown) : "", phase);
    card.body.hidden = !shown;
    if (shown) showProgress(shown);
    card.showButtons(shown ? BUTTONS[phase] : [], phase === "cancelled" ? strings.fetchRest : strings.retryFailed);
    card.actions.ariaBusy = String(connection.isBusy());
    setText(card.status, status);
    speak(shown, status, summary);
    if (shown && takesFocus && document.activeElement === document.body) card.focus();
    if (shown) takesFocus = false;
  }

  /** @param {ShownDownload} shown */
  function showProgress(shown) {
    const lengths = { active: shown.files_active, failed: shown.files_failed, all: shown.files_total };
    const offered = listsOf(shown);
    const list = offered.find((name) => name === chosen) ?? shown.list;
    card.total.show(strings.allFiles, shown.fraction, `${filesOf(shown)}, ${bytesOf(shown)}`);
    setText(card.pace, paceOf(shown));
    card.showLists(list, lengths, offered);
    rows.reserve(shown.files_total);
    rows.show(list, lengths[list], windows);
  }

  function onTick() {
    // only while something is to come: a message now and then would keep a forgotten kernel from being culled
    if (state?.phase === "running" && !document.hidden) connection.pulse();
  }

  function onReturn() {
    if (!document.hidden) connection.hello();
  }

  /** @param {FocusEvent} event */
  function onFocus({ type, relatedTarget }) {
    memory.hasFocus = type === "focusin" || (relatedTarget instanceof Node && card.root.contains(relatedTarget));
    if (!memory.hasFocus) memory.leftAt = Date.now();
  }

  model.on("change:phase", refresh);
  model.on("change:summary", refresh);
  window.addEventListener("focus", onReturn);
  document.addEventListener("visibilitychange", onReturn);
  card.root.addEventListener("focusin", onFocus);
  card.root.addEventListener("focusout", onFocus);
  const ticking = setInterval(onTick, PULSE_EVERY_MS);
  el.append(card.root);
  connection.hello();
  refresh();

  return () => {
    clearInterval(ticking);
    window.removeEventListener("focus", onReturn);
    document.removeEventListener("visibilitychange", onReturn);
    model.off("change:phase", refresh);
    model.off("change:summary", refresh);
    rows.close();
    connection.close();
    card.root.remove();
  };
}

export default { render };
