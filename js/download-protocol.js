/**
 * The messages between the download widget and its views, and the traits that a view reads.
 *
 * Types only. The names are those of `notebook/download_protocol.py`, `notebook/download_widget.py` and
 * `transfer/states.py`; a test in Python reads them from here and compares.
 */

/**
 * How a download stands. `failed` means that at least one file did.
 *
 * @typedef {"running" | "paused" | "done" | "failed" | "cancelled"} DownloadPhase
 */

/**
 * What became of a file; `skipped` was there already, and `linked` and `copied` lay on the kernel's machine.
 *
 * @typedef {"waiting" | "active" | "saved" | "linked" | "copied" | "skipped" | "failed" | "cancelled"} FileStatus
 */

/**
 * Which files: all in their order, those that are being fetched, those that failed.
 *
 * @typedef {"all" | "active" | "failed"} ListName
 */

/**
 * The widget's synced traits: what is left of it in a saved notebook. A view sets none.
 *
 * @typedef {object} DownloadTraits
 * @property {string} boot_id
 * @property {string} folder
 * @property {DownloadPhase} phase
 * @property {string} summary
 */

/**
 * @typedef {object} ShownDownload
 * @property {DownloadPhase} phase
 * @property {number} files_done
 * @property {number} files_failed
 * @property {number} files_active
 * @property {number} files_total
 * @property {number} bytes_done
 * @property {number | null} bytes_total Null while the size of a file is not known.
 * @property {number} bytes_per_s
 * @property {number | null} eta_s Null where it cannot be told.
 * @property {number} fraction From 0 to 1.
 * @property {ListName} list What is shown while the person has not chosen.
 * @property {boolean} is_foreground Whether a cell waits for it, so that an interrupt of the kernel cancels it.
 */

/**
 * @typedef {object} ShownFile
 * @property {string} name Its path in the folder.
 * @property {FileStatus} status
 * @property {number} bytes_done
 * @property {number | null} bytes_total
 * @property {string} note Why it failed, or what it waits for.
 * @property {string} advice What to do about it.
 */

/** @typedef {{ list: ListName, start: number, rows: ShownFile[] }} ShownWindow */

/**
 * What a view sends; each message also carries `boot_id` and `view_id`. `hello` and `rows` are not acknowledged.
 *
 * @typedef {"hello" | "rows" | "pause" | "resume" | "cancel" | "retry"} DownloadRequestKind
 */

/**
 * Of `rows`: which ones this view has in view. They come with each `progress` from then on.
 *
 * @typedef {object} WantedWindow
 * @property {ListName} list
 * @property {number} start
 * @property {number} count
 */

/**
 * What the kernel sends: `welcome` answers `hello`, and a `progress` follows; `accepted` says that a new state follows,
 * `refused` that none does.
 *
 * @typedef {"welcome" | "progress" | "accepted" | "refused"} DownloadReplyKind
 */

/**
 * @typedef {object} DownloadReply
 * @property {DownloadReplyKind} kind
 * @property {string} boot_id
 * @property {string} view_id Of the view that asked; others leave the reply alone. Empty: for all of them.
 * @property {ShownDownload} [state] Of `progress`.
 * @property {ShownWindow[]} [windows] Of `progress`: rows that views have asked for, and those that matter at first.
 * @property {string} [reason] Of `refused`: sentences to show.
 */

/** @typedef {import("@anywidget/types").AnyModel<DownloadTraits>} DownloadModel */

export {};
