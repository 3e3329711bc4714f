/**
 * The line to the kernel. A view is alive once the kernel has answered its hello; until then, and after the line broke,
 * it shows no state, because what it knows may be the story of a kernel that is gone.
 */

/** @typedef {import("./protocol.js").LoginModel} LoginModel */
/** @typedef {import("./protocol.js").RequestKind} RequestKind */
/** @typedef {import("./protocol.js").SubmittedForm} SubmittedForm */
/** @typedef {import("./protocol.js").Reply} Reply */

/** @typedef {"connecting" | "live" | "gone" | "unreachable"} Status */

/**
 * @typedef {object} Connection
 * @property {() => Status} status
 * @property {() => boolean} isBusy Whether a request is under way, so that another one has to wait.
 * @property {() => boolean} isWaiting Whether the kernel has left a request unanswered for a while.
 * @property {() => string} refusal Why the last request led to nothing, or an empty string.
 * @property {() => number} now POSIX seconds by the kernel's clock.
 * @property {(kind: RequestKind, form?: SubmittedForm, buffers?: Uint8Array<ArrayBuffer>[]) => void} request
 * @property {() => void} poll Say that the person is back.
 * @property {() => void} hello
 * @property {() => void} settle Say that a new state came: the request under way has led to something.
 * @property {() => void} close
 */

const GONE_AFTER_MS = 5000;
const WAITING_AFTER_MS = 2000;

/**
 * @param {LoginModel} model
 * @param {() => void} onChange
 * @returns {Connection}
 */
export function connect(model, onChange) {
  const viewId = crypto.getRandomValues(new Uint32Array(2)).join("-");
  /** @type {Status} */
  let status = "connecting";
  let skew = 0;
  let refusal = "";
  /** @type {{ buffers: Uint8Array<ArrayBuffer>[], isWaiting: boolean } | null} */
  let pending = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let helloTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let requestTimer;

  /**
   * @param {RequestKind} kind
   * @param {object} [fields]
   * @param {Uint8Array<ArrayBuffer>[]} [buffers]
   */
  function send(kind, fields = {}, buffers = []) {
    try {
      model.send({ kind, boot_id: model.get("boot_id"), view_id: viewId, ...fields }, undefined, buffers);
    } catch {
      // what Jupyter does after the kernel was restarted
      fall("unreachable");
    }
  }

  /** @param {Status} reason */
  function fall(reason) {
    clearTimeout(helloTimer);
    settle();
    status = reason;
    onChange();
  }

  function hello() {
    clearTimeout(helloTimer);
    helloTimer = setTimeout(() => fall("gone"), GONE_AFTER_MS);
    send("hello");
  }

  /** @type {Connection["request"]} */
  function request(kind, form, buffers = []) {
    if (pending?.isWaiting === false) return;
    settle();
    refusal = "";
    const mine = { buffers, isWaiting: false };
    pending = mine;
    requestTimer = setTimeout(() => {
      mine.isWaiting = true;
      onChange();
    }, WAITING_AFTER_MS);
    send(kind, form, buffers);
    onChange();
  }

  function settle() {
    clearTimeout(requestTimer);
    // not before: a front-end that is reconnecting keeps the buffer itself in its queue, and would send zeros
    for (const buffer of pending?.buffers ?? []) buffer.fill(0);
    pending = null;
    refusal = "";
  }

  /** @param {Partial<Reply> | undefined} reply */
  function receive(reply) {
    if (reply?.boot_id !== model.get("boot_id") || reply.view_id !== viewId) return;
    if (reply.kind === "welcome") {
      clearTimeout(helloTimer);
      skew = Number(reply.now) - Date.now() / 1000 || 0;
      status = "live";
    } else if (reply.kind === "accepted") {
      settle();
    } else if (reply.kind === "refused") {
      settle();
      refusal = String(reply.reason);
    }
    onChange();
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
    isWaiting: () => pending?.isWaiting === true,
    refusal: () => refusal,
    now: () => Date.now() / 1000 + skew,
    request,
    poll: () => send("poll"),
    hello,
    settle,
    close() {
      model.off("msg:custom", receive);
      model.off("comm_live_update", onLineChange);
      clearTimeout(helloTimer);
      settle();
    },
  };
}
