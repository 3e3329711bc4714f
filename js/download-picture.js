/** What the download widget says of a state and of the line to the kernel. */

import * as strings from "./download-strings.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./download-protocol.js").DownloadPhase} DownloadPhase */
/** @typedef {import("./download-protocol.js").ShownDownload} ShownDownload */

/** @typedef {import("./download-protocol.js").ListName} ListName */

const FEW = 10;

/** @param {DownloadPhase} phase */
export const isEnded = (phase) => phase !== "running" && phase !== "paused";

/**
 * The sentences of the alert; none for no alert.
 *
 * @param {Connection} connection
 * @param {DownloadPhase} phase
 */
export function alertOf(connection, phase) {
  const refusal = connection.refusal();
  if (refusal) return [refusal];
  // how one ended stays true
  if (isEnded(phase)) return [];
  if (connection.status() === "gone") return [strings.earlier, strings.runAgain];
  if (connection.status() === "stopped") return [strings.stopped, strings.runAgain];
  return [];
}

/**
 * What stands beside the buttons.
 *
 * @param {Connection} connection
 * @param {DownloadPhase} phase
 * @param {boolean} isForeground
 */
export function statusOf(connection, phase, isForeground) {
  const silence = connection.silence();
  if (silence === "busy" && isForeground) return strings.silence.foreground ?? "";
  if (silence) return strings.silence[silence] ?? "";
  if (connection.status() === "connecting") return strings.connecting;
  return connection.status() !== "live" && isEnded(phase) ? strings.earlier : "";
}

/** How fast it goes, or why it does not go. @param {ShownDownload} state */
export function paceOf({ phase, files_active, bytes_per_s, eta_s, files_failed, files_done }) {
  if (phase === "paused") return strings.paused;
  if (phase !== "running") return phase === "done" ? strings.allThere : strings.restKept;
  if (!bytes_per_s) return files_active || files_done || files_failed ? strings.waiting : strings.starting;
  const parts = [strings.speed(bytes_per_s), eta_s === null ? "" : strings.left(eta_s)];
  return [...parts, files_failed ? strings.failed(files_failed) : ""].filter(Boolean).join(" · ");
}

/** @param {ShownDownload} state */
export const filesOf = ({ files_done, files_total }) => strings.files(files_done, files_total);

/** @param {ShownDownload} state */
export const bytesOf = ({ bytes_done, bytes_total }) => strings.bytes(bytes_done, bytes_total);

/** What can be done in a phase. @type {Record<DownloadPhase, string[]>} */
export const BUTTONS = {
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  done: [],
  failed: ["retry"],
  cancelled: ["retry"],
};

/** Which lists there are to choose from. @param {ShownDownload} state @returns {ListName[]} */
export function listsOf({ phase, files_failed, files_total }) {
  if (files_total <= FEW) return [];
  /** @type {ListName[]} */
  const lists = ["active", "failed", "all"];
  return lists.filter((list) => list === "all" || (list === "failed" ? files_failed > 0 : !isEnded(phase)));
}
