/** What a screen reader says by itself: each state when it comes, a count-down rarely, the rest once. */

import { timeOfDay } from "./clock.js";
import { setText } from "./dom.js";
import { safeUrl } from "./links.js";
import { minutesToEnd } from "./panels.js";
import * as strings from "./strings.js";

/** @typedef {import("./protocol.js").LoginTraits} LoginTraits */

const LAST_MINUTE_S = 60;

/**
 * @param {HTMLElement} announcer A polite live region.
 * @returns {(state: LoginTraits | null, now: number, hint: string, user_code: string) => void} To be called with what
 *   is shown; null while no state is.
 */
export function speaker(announcer) {
  let last = "";
  let lastHint = "";
  const said = new Set();

  /** @param {string} text @param {string} [key] Of a text that changes. */
  function once(text, key = text) {
    if (said.has(key)) return;
    said.add(key);
    setText(announcer, text);
  }

  return (state, now, hint, user_code) => {
    if (!state) return setText(announcer, hint);
    const moment = [state.phase, user_code, state.notice].join();
    if (moment !== last) {
      said.clear();
      // what is there from the start is read where it stands
      if (last) setText(announcer, news(state, user_code));
      last = moment;
    }
    const left = state.code_expires_at - now;
    if (state.phase === "awaiting_user" && left > 0 && left <= LAST_MINUTE_S) once(strings.oneMinuteLeft);
    if (state.phase === "awaiting_user" && state.error.what) once(strings.passing(state.error.what));
    const minutes = state.phase === "signed_in" && minutesToEnd(state, now);
    if (minutes) once(strings.idleSoon(minutes, timeOfDay(state.session_ends_at, now)), "soon");
    if (hint !== lastHint) setText(announcer, hint);
    lastHint = hint;
  };
}

/** @param {LoginTraits} state @param {string} user_code */
function news({ phase, notice, user, verification_uri }, user_code) {
  if (phase === "signing_in") return strings.signingIn;
  if (phase === "awaiting_user") return strings.codeReady(user_code, safeUrl(verification_uri)?.host ?? "");
  if (phase === "signed_in") return strings.signedInAs(user);
  return phase === "signed_out" ? notice || strings.signedOut : "";
}
