/** Every word that a person reads in the download widget, in one place, so that it can be translated. */

import { countText, durationText, sizeText } from "./sizes.js";

/** @typedef {import("./download-protocol.js").FileStatus} FileStatus */
/** @typedef {import("./download-protocol.js").ListName} ListName */

export const title = "Download";

/** @param {string} folder */
export const label = (folder) => `Download to ${folder}`;

export const connecting = "Connecting…";
export const earlier = "This download belongs to an earlier session.";
export const stopped = "The kernel has stopped, or was restarted.";
export const runAgain = "Run the notebook's cells again, up to this one: what is there is not fetched again.";

/** @type {Record<string, string>} */
export const silence = {
  busy: "The kernel hears this when the running cell has ended.",
  foreground:
    "The kernel hears this when the cell has ended. To stop at once, interrupt the kernel: what is there is kept.",
  idle: "The kernel does not answer. Try again, or reload the page.",
  silent: "The kernel does not answer: it runs a cell, or has stopped.",
};

export const pause = "Pause";
export const resume = "Resume";
export const cancel = "Cancel";
export const retryFailed = "Retry failed";
export const fetchRest = "Fetch the rest";

/** @param {number} done @param {number} total */
export const files = (done, total) =>
  total === 1 ? `${done} of 1 file` : `${countText(done)} of ${countText(total)} files`;

/** @param {number} count */
export const failed = (count) => `${countText(count)} failed`;

/** @param {number} done @param {number | null} total */
export const bytes = (done, total) => (total === null ? sizeText(done) : `${sizeText(done)} of ${sizeText(total)}`);

/** @param {number} done @param {number | null} total */
export const kept = (done, total) => `${bytes(done, total)} kept`;

/** @param {number} rate */
export const speed = (rate) => `${sizeText(rate)}/s`;

/** @param {number} seconds */
export const left = (seconds) => `${durationText(seconds)} left`;

export const paused = "Paused: what is there is kept.";
export const resumed = "Going on.";
export const allThere = "All files are there.";
export const restKept = "What is there is not fetched again.";
export const starting = "Starting…";
export const waiting = "Waiting for the server…";

export const allFiles = "How much of the whole download is there";

/** @param {string} name */
export const oneFile = (name) => `How much of ${name} is there`;

export const lists = "Which files are listed";

/** @param {ListName} list @param {number} count */
export const list = (list, count) => `${LISTS[list]} ${countText(count)}`;

/** @param {ListName} list */
export const listed = (list) => LISTED[list];

/** @type {Record<ListName, string>} */
const LISTS = { active: "Under way", failed: "Failed", all: "All" };

/** @type {Record<ListName, string>} */
const LISTED = { active: "Files under way", failed: "Files that failed", all: "All files" };

export const nothingActive = "No file is under way at this moment.";
export const unknownRow = "…";

/** What a reason calls the file in whose row it stands. */
export const thisFile = "the file";

/** @type {Record<FileStatus, string>} */
export const status = {
  waiting: "waiting",
  active: "",
  saved: "saved",
  linked: "linked",
  copied: "copied",
  skipped: "already there",
  failed: "failed",
  cancelled: "cancelled",
};

/** @param {number} percent */
export const percent = (percent) => `${percent} % of the download is there.`;
