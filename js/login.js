/**
 * The login widget's view. The kernel is the truth: a view shows what the traits say and sends what the person wants.
 * Its own memory is no more than which way to sign in is on screen, and what was typed and not sent yet.
 */

import { copy } from "./clipboard.js";
import { connect } from "./connection.js";
import { formPanel } from "./form.js";
import { makeFrame } from "./frame.js";
import { accountPanel, askingPanel, codePanel, formMethod, startPanel } from "./panels.js";
import { speaker } from "./speech.js";
import * as strings from "./strings.js";

/** @typedef {import("./protocol.js").LoginTraits} LoginTraits */
/** @typedef {import("./connection.js").Connection} Connection */

const FLASH_MS = 4000;

const SHOWN = /** @type {const} */ ([
  "phase",
  "serial",
  "provider",
  "user_code",
  "verification_uri",
  "verification_uri_complete",
  "code_expires_at",
  "user",
  "source",
  "expires_at",
  "session_ends_at",
  "renewable",
  "error",
  "notice",
]);

/** @type {import("@anywidget/types").Render<LoginTraits>} */
function render({ model, el }) {
  const provider = model.get("provider");
  const connection = connect(model, refresh);
  /** @type {"code" | "form" | null} */
  let way = null;
  let flash = "";
  let isSwitching = false;
  let isQueued = false;
  let isClosed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let flashTimer;

  /** @type {import("./panels.js").Actions} */
  const actions = {
    request: (kind) => connection.request(kind),
    submit: (form, buffers) => connection.request("submit_password", form, buffers),
    usePassword() {
      way = "form";
      if (model.get("phase") === "awaiting_user") connection.request("cancel");
      refresh();
    },
    useCode() {
      way = "code";
      connection.request("start_device");
    },
    switchAccount() {
      isSwitching = true;
      connection.request("logout");
    },
    async copy(code) {
      const isCopied = await copy(code);
      clearTimeout(flashTimer);
      flash = isCopied ? strings.copied : strings.copyByHand;
      flashTimer = setTimeout(() => {
        flash = "";
        refresh();
      }, FLASH_MS);
      refresh();
    },
  };
  const panels = {
    start: startPanel(provider, actions),
    form: formPanel(provider, model.get("username"), actions),
    asking: askingPanel(actions),
    code: codePanel(provider, actions),
    account: accountPanel(provider, actions),
  };
  const frame = makeFrame(provider);
  const speak = speaker(frame.announcer);
  /** @type {keyof typeof panels | null} */
  let face = null;

  function refresh() {
    if (isQueued) return;
    isQueued = true;
    // some front-ends set the traits of one change one after the other: look when all are there
    queueMicrotask(() => {
      isQueued = false;
      if (!isClosed) update();
    });
  }

  function update() {
    const state = read(model);
    const now = connection.now();
    goOnSwitching(state);
    turnTo(connection.status() === "live" ? faceOf(state, way) : null);
    if (face) panels[face].show(state, now);
    const hint = connection.isWaiting() ? strings.waitingForCell : flash;
    frame.showAlert(alertOf(state, connection));
    frame.showStatus(hint || statusOf(state, connection), !hint || connection.isWaiting());
    frame.root.dataset.line = connection.status();
    frame.body.setAttribute("aria-busy", String(connection.isBusy()));
    speak(face && state, now, hint);
  }

  /** @param {typeof face} next */
  function turnTo(next) {
    if (next === face) return;
    const root = frame.root.getRootNode();
    const active = root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
    const hadFocus = frame.root.contains(active);
    if (face) panels[face].leave?.();
    face = next;
    frame.turnTo(face && panels[face]);
    if (!face || !hadFocus) return;
    panels[face].show(read(model), connection.now());
    panels[face].target().focus({ preventScroll: true });
  }

  /** @param {LoginTraits} state */
  function goOnSwitching({ phase, notice, provider: { methods } }) {
    if (connection.refusal()) isSwitching = false;
    // the notice comes once the provider has ended its session too: before, it would let the same person in again
    if (!isSwitching || phase !== "signed_out" || !notice) return;
    isSwitching = false;
    if (methods[0] === "device") connection.request("start_device");
  }

  function onState() {
    connection.settle();
    flash = "";
    if (model.get("phase") === "signed_in") way = null;
    refresh();
  }

  function onTick() {
    if (["awaiting_user", "signed_in"].includes(model.get("phase"))) refresh();
  }

  function onReturn() {
    if (document.hidden) return;
    if (connection.status() !== "live") connection.hello();
    else if (model.get("phase") === "awaiting_user") connection.poll();
  }

  model.on("change:serial", onState);
  window.addEventListener("focus", onReturn);
  document.addEventListener("visibilitychange", onReturn);
  const ticking = setInterval(onTick, 1000);
  el.append(frame.root);
  connection.hello();
  update();

  return () => {
    isClosed = true;
    clearInterval(ticking);
    clearTimeout(flashTimer);
    window.removeEventListener("focus", onReturn);
    document.removeEventListener("visibilitychange", onReturn);
    model.off("change:serial", onState);
    if (face) panels[face].leave?.();
    connection.close();
    frame.root.remove();
  };
}

/** @param {import("./protocol.js").LoginModel} model */
function read(model) {
  return /** @type {LoginTraits} */ (Object.fromEntries(SHOWN.map((name) => [name, model.get(name)])));
}

/** @param {LoginTraits} state @param {"code" | "form" | null} way */
function faceOf({ phase, provider: { methods } }, way) {
  if (phase === "awaiting_user") return "code";
  if (phase === "signed_in") return "account";
  const first = methods[0] === "device" ? "code" : "form";
  const isForm = formMethod(methods) && (!methods.includes("device") || (way ?? first) === "form");
  if (isForm) return "form";
  return phase === "signing_in" ? "asking" : "start";
}

/**
 * The sentences to show as an alert, the first one in bold.
 *
 * @param {LoginTraits} state
 * @param {Connection} connection
 */
function alertOf({ phase, error }, connection) {
  const status = connection.status();
  if (status === "gone") return [strings.gone, strings.goneHint];
  if (status === "unreachable") return [strings.unreachable, strings.unreachableHint];
  if (status === "connecting") return [];
  if (connection.refusal()) return connection.refusal().split(/(?<=\.) /);
  // while a code waits, an error is a passing one, and the status line tells of it
  if (phase === "awaiting_user") return [];
  return [error.what, error.why, error.do].flatMap((sentence) => sentence || []);
}

/** @param {LoginTraits} state @param {Connection} connection */
function statusOf({ phase, error, code_expires_at }, connection) {
  if (connection.status() === "connecting") return strings.connecting;
  if (connection.status() !== "live" || phase !== "awaiting_user") return "";
  if (error.what) return strings.passing(error.what);
  return connection.now() < code_expires_at ? strings.waitingForApproval : strings.codeHasRunOut;
}

export default { render };
