/**
 * The line to the kernel. A view is alive once the kernel has answered its hello; until then, and after the line broke,
 * it shows no state, because what it knows may be the story of a kernel that is gone.
 */

import { watchKernel } from "./kernel.js";

/** @typedef {import("./protocol.js").Reply} Reply */
/** @typedef {import("./protocol.js").WaitingCode} WaitingCode */

/** @typedef {"connecting" | "live" | "gone" | "stopped"} Status */

/**
 * Why nothing comes from the kernel: it runs a cell (or may do so), it has nothing else to do, or it may have stopped.
 *
 * @typedef {"" | "busy" | "idle" | "silent"} Silence
 */

/**
 * @template {string} [Kind=any]
 * @typedef {object} Connection
 * @property {() => Status} status
 * @property {() => boolean} isBusy Whether a request is under way, so that another one has to wait.
 * @property {() => Silence} silence What the kernel has left unanswered for a while, if anything.
 * @property {() => string} refusal Why the last request led to nothing, or an empty string.
 * @property {() => WaitingCode | null} code The code that waits, if the kernel has told it.
 * @property {() => number} now POSIX seconds by the kernel's clock.
 * @property {(kind: Kind, fields?: object, buffers?: Uint8Array<ArrayBuffer>[]) => void} request
 * @property {(kind: Kind, fields?: object) => void} tell Send what is not acknowledged.
 * @property {() => void} hello
 * @property {() => void} pulse Say hello again when nothing came for a while.
 * @property {() => void} settle Say that a new state came: the request under way has led to something.
 * @property {() => void} close
 */

const GONE_AFTER_MS = 5000;
const WAITING_AFTER_MS = 2000;
const PULSE_MS = 15000;

/**
 * @template {string} Kind
 * @param {import("@anywidget/types").AnyModel<any>} model
 * @param {() => void} onChange
 * @param {(news: any) => void} [onNews] Is handed what the kernel tells besides.
 * @returns {Connection<Kind>}
 */
export function connect(model, onChange, onNews = () => {}) {
  // no secret: it tells the views of one page apart
  const viewId = String(Math.random());
  const kernel = watchKernel(model.widget_manager, () => fall("stopped"));
  /** @type {Status} */
  let status = "connecting";
  let skew = 0;
  let refusal = "";
  let heardAt = Date.now();
  /** @type {WaitingCode | null} */
  let code = null;
  /** @type {Silence} */
  let silence = "";
  /** @type {{ buffers: Uint8Array<ArrayBuffer>[], isWaiting: boolean } | null} */
  let pending = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let helloTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let requestTimer;

  /**
   * @param {string} kind
   * @param {object} [fields]
   * @param {Uint8Array<ArrayBuffer>[]} [buffers]
   */
  function send(kind, fields = {}, buffers = []) {
    try {
      model.send({ kind, boot_id: model.get("boot_id"), view_id: viewId, ...fields }, undefined, buffers);
    } catch {
      // what Jupyter does after the kernel was restarted
      fall("stopped");
    }
  }

  /** @param {Status} reason */
  function fall(reason) {
    settle();
    status = reason;
    onChange();
  }

  function hello() {
    clearTimeout(helloTimer);
    helloTimer = setTimeout(() => {
      helloTimer = setTimeout(giveUp, GONE_AFTER_MS - WAITING_AFTER_MS);
      // a widget's first message may wait for the running cell where its second one need not: it made the subshell
      send("hello");
      if (kernel.isBusy()) beSilent("busy");
    }, WAITING_AFTER_MS);
    send("hello");
  }

  /** @param {Silence} kind */
  function beSilent(kind) {
    silence = kind;
    onChange();
  }

  function giveUp() {
    const isBusy = kernel.isBusy();
    // a kernel that was busy a moment ago has yet to come to what waited behind its cell
    const isAnswering = silence === "busy";
    if (!isAnswering && (isBusy === false || (!isBusy && status !== "live"))) return fall("gone");
    // a view that was alive keeps what it shows: without subshells a kernel answers only between cells
    helloTimer = setTimeout(giveUp, GONE_AFTER_MS);
    beSilent(isBusy ? "busy" : "silent");
  }

  /** @type {Connection<Kind>["request"]} */
  function request(kind, fields, buffers = []) {
    if (pending?.isWaiting === false) return;
    settleRequest();
    const mine = { buffers, isWaiting: false };
    pending = mine;
    requestTimer = setTimeout(() => {
      mine.isWaiting = true;
      beSilent(kernel.isBusy() === false ? "idle" : "busy");
    }, WAITING_AFTER_MS);
    send(kind, fields, buffers);
    onChange();
  }

  function settleRequest() {
    clearTimeout(requestTimer);
    // not before: a front-end that is reconnecting keeps the buffer itself in its queue, and would send zeros
    for (const buffer of pending?.buffers ?? []) buffer.fill(0);
    pending = null;
    refusal = "";
    silence = "";
  }

  function settle() {
    clearTimeout(helloTimer);
    heardAt = Date.now();
    settleRequest();
  }

  /** @param {Partial<Reply & WaitingCode> | undefined} reply */
  function receive(reply) {
    if (!reply || reply.boot_id !== model.get("boot_id") || (reply.view_id && reply.view_id !== viewId)) return;
    heardAt = Date.now();
    if (reply.kind === "welcome") {
      skew = Number(reply.now) - Date.now() / 1000 || 0;
      beLive();
    } else if (reply.kind === "code") {
      code = /** @type {WaitingCode} */ (reply);
    } else if (reply.kind === "accepted") {
      settleRequest();
    } else if (reply.kind === "refused") {
      settleRequest();
      refusal = reply.reason ?? "";
    } else {
      beLive();
      onNews(reply);
    }
    onChange();
  }

  function beLive() {
    clearTimeout(helloTimer);
    status = "live";
    if (!pending) silence = "";
  }

  function onLineChange() {
    status = "connecting";
    hello();
    onChange();
  }

  model.on("msg:custom", receive);
  model.on("comm_live_update", onLineChange);

  return {
    status: () => status,
    isBusy: () => pending?.isWaiting === false,
    silence: () => silence,
    refusal: () => refusal,
    code: () => code,
    now: () => Date.now() / 1000 + skew,
    request,
    tell: send,
    hello,
    pulse() {
      if (status !== "live" || silence || Date.now() - heardAt < PULSE_MS) return;
      heardAt = Date.now();
      hello();
    },
    settle,
    close() {
      model.off("msg:custom", receive);
      model.off("comm_live_update", onLineChange);
      kernel.close();
      settle();
    },
  };
}
