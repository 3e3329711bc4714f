/** What a screen reader says by itself of a download: each new phase, the first failure, and a quarter now and then. */

import { setText } from "./dom.js";
import { isEnded } from "./download-picture.js";
import * as strings from "./download-strings.js";

/** @typedef {import("./download-protocol.js").ShownDownload} ShownDownload */

const QUARTERS_EVERY_MS = 20000;

/**
 * @param {HTMLElement} announcer A polite live region.
 * @returns {(state: ShownDownload | null, hint: string, summary: string) => void} To be called with what is shown; null
 *   while no state is.
 */
export function herald(announcer) {
  /** @type {ShownDownload | null} */
  let last = null;
  let lastHint = "";
  let quarterAt = Date.now();

  return (state, hint, summary) => {
    if (state) {
      // what is there from the start is read where it stands
      const news = last ? newsOf(last, state, summary) : "";
      if (news) setText(announcer, news);
      last = state;
    }
    // what was said of a download that the kernel knows no more is not true any more
    if (!state || hint !== lastHint) setText(announcer, hint);
    lastHint = hint;
  };

  /** @param {ShownDownload} before @param {ShownDownload} state @param {string} summary */
  function newsOf(before, state, summary) {
    if (state.phase !== before.phase) {
      if (isEnded(state.phase)) return summary;
      return state.phase === "paused" ? strings.paused : strings.resumed;
    }
    if (state.files_failed && !before.files_failed) return strings.failed(state.files_failed);
    const quarter = Math.floor(state.fraction * 4);
    if (quarter <= Math.floor(before.fraction * 4) || Date.now() - quarterAt < QUARTERS_EVERY_MS) return "";
    quarterAt = Date.now();
    return strings.percent(25 * quarter);
  }
}
