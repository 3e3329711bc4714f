/** What of a state is shown where: which panel, the alert above it, and the status line below. */

import * as strings from "./strings.js";

/** @typedef {import("./protocol.js").LoginTraits} LoginTraits */
/** @typedef {import("./connection.js").Connection} Connection */

/**
 * The traits as an object, each as it is when it is looked at.
 *
 * @param {import("./protocol.js").LoginModel} model
 * @returns {LoginTraits}
 */
export function read(model) {
  return new Proxy(/** @type {any} */ (model), { get: (_, name) => model.get(/** @type {any} */ (name)) });
}

/** @param {LoginTraits} state @param {import("./protocol.js").LoginMethod | null} way Which one was turned to. */
export function faceOf({ phase, provider: { methods } }, way) {
  const shown = way && methods.includes(way) ? way : methods[0];
  const form = /** @type {import("./protocol.js").FormMethod | false} */ (shown && shown !== "device" && shown);
  // beside a code, or a login that it is to replace, the form is there for who turned to it
  if (form && form === way) return form;
  if (phase === "awaiting_user") return "code";
  if (phase === "signed_in") return "account";
  return form || (phase === "signing_in" ? "asking" : "start");
}

/**
 * The sentences to show as an alert, the first one in bold.
 *
 * @param {LoginTraits} state
 * @param {Connection} connection
 */
export function alertOf({ phase, error }, connection) {
  const status = connection.status();
  if (status !== "live") return strings.lost[status] ?? [];
  if (connection.refusal()) return connection.refusal().split(/(?<=\.) /);
  // while a code waits, an error is a passing one, and the status line tells of it
  if (phase === "awaiting_user") return [];
  return [error.what, error.why, error.do].flatMap((sentence) => sentence || []);
}

/** @param {LoginTraits} state @param {Connection} connection */
export function statusOf({ phase, error, notice, code_expires_at }, connection) {
  if (connection.status() === "connecting") return strings.connecting;
  if (connection.status() !== "live" || phase !== "awaiting_user") return "";
  if (error.what) return strings.passing(error.what);
  return connection.now() < code_expires_at ? notice || strings.waitingForApproval : strings.codeHasRunOut;
}
