/**
 * The login widget's view. The kernel is the truth: a view shows what the traits say and sends what the person wants.
 * Its own memory is no more than which way to sign in is on screen, and what was typed and not sent yet.
 */

import { copy } from "./clipboard.js";
import { codePanel } from "./code.js";
import { connect } from "./connection.js";
import { checkbox } from "./fields.js";
import { forms } from "./form.js";
import { makeFrame } from "./frame.js";
import { accountPanel, askingPanel, startPanel } from "./panels.js";
import { alertOf, faceOf, read, statusOf } from "./picture.js";
import { speaker } from "./speech.js";
import * as strings from "./strings.js";

/** @typedef {import("./protocol.js").LoginTraits} LoginTraits */

const FLASH_MS = 4000;

/** @type {import("@anywidget/types").Render<LoginTraits>} */
function render({ model, el }) {
  let shown = model.get("provider").name;
  let close = show(model, el);

  // what a provider is called and where it leads is in every panel: another one gets a view of its own
  function onProvider() {
    const { name } = model.get("provider");
    if (name === shown) return;
    shown = name;
    const hadFocus = el.querySelector(":focus");
    close();
    close = show(model, el);
    if (hadFocus) el.querySelector("select")?.focus();
  }

  model.on("change:provider", onProvider);
  return () => {
    model.off("change:provider", onProvider);
    close();
  };
}

/**
 * @param {import("./protocol.js").LoginModel} model
 * @param {HTMLElement} el
 * @returns What closes it again.
 */
function show(model, el) {
  const provider = model.get("provider");
  /** @type {import("./connection.js").Connection<import("./protocol.js").RequestKind>} */
  const connection = connect(model, refresh);
  /** @type {import("./protocol.js").LoginMethod | null} */
  let way = null;
  let flash = "";
  let isQueued = false;
  let isClosed = false;
  let askedFor = -1;
  let phase = model.get("phase");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let flashTimer;

  /** @type {import("./panels.js").Actions} */
  const actions = {
    start,
    logout: () => connection.request("logout"),
    cancel() {
      if (phase === "signed_in") way = null;
      // why another account was not had is no matter of the one that is there
      if (phase !== "signed_in" || model.get("error").what) connection.request("cancel");
      refresh();
    },
    submit: (form, buffers) => connection.request("submit_password", { ...form, ...asked() }, buffers),
    use(next) {
      way = next;
      // a code that waits is shown again
      if (next === "device" && !isWaiting()) start();
      refresh();
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
    ...forms(provider, model.get("username"), actions),
    asking: askingPanel(actions),
    code: codePanel(provider, actions),
    account: accountPanel(actions),
  };
  const choose = (/** @type {string} */ name) => connection.request("choose_provider", { provider: name });
  const frame = makeFrame(provider, model.get("choices"), choose);
  const stay = checkbox(strings.stay, () => isWaiting() && connection.request("remember", wish()));
  stay.input.checked = model.get("remember");
  frame.body.after(stay.node);
  const speak = speaker(frame.announcer);
  /** @type {keyof typeof panels | null} */
  let face = null;

  function isTicking() {
    return isWaiting() || model.get("phase") === "signed_in";
  }

  function isWaiting() {
    return model.get("phase") === "awaiting_user";
  }

  function start() {
    connection.request("start_device", asked());
  }

  /** What the box says, where there is one. */
  function wish() {
    return stay.node.hidden ? {} : { remember: stay.input.checked };
  }

  /** The same, and whether the login that is shown is to be replaced. */
  function asked() {
    return { ...wish(), switch: model.get("source") !== "" };
  }

  /** @param {LoginTraits} state */
  function showStay({ phase, remember, provider: { can_remember, methods } }) {
    // user name and password that are sent along leave nothing to keep, and nothing renews a token that was given
    const isForNow = face === "basic" && methods.length > 1;
    stay.node.hidden = !can_remember || isForNow || [null, "asking", "account", "token"].includes(face);
    if (phase === "awaiting_user" && !connection.isBusy()) stay.input.checked = remember;
  }

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
    const code = codeOf(state);
    // a form stays while nothing but the times of a login change, and where it was refused
    if (phase !== state.phase && isTicking() && !state.error.what) way = null;
    phase = state.phase;
    const next = connection.status() === "live" ? faceOf(state, way) : null;
    const isFollowed = next !== face && turnTo(next);
    if (face) {
      panels[face].show(state, now, code);
      if (isFollowed) panels[face].target().focus();
    }
    showStay(state);
    const silence = connection.silence();
    const hint = strings.silence[silence] ?? flash;
    frame.showAccount(state);
    frame.showAlert(alertOf(state, connection));
    frame.showStatus(hint || statusOf(state, connection), !hint || silence === "busy");
    frame.root.dataset.line = connection.status();
    frame.body.ariaBusy = String(connection.isBusy());
    speak(face && state, now, hint, code?.user_code ?? "");
  }

  /** @param {LoginTraits} state */
  function codeOf({ phase, serial, code_expires_at }) {
    const code = connection.code();
    if (code?.code_expires_at === code_expires_at) return code;
    if (phase === "awaiting_user" && connection.status() === "live" && askedFor !== serial) {
      // a message was lost: the welcome brings it again
      askedFor = serial;
      connection.hello();
    }
    return null;
  }

  /** @param {typeof face} next Returns whether the focus goes along: it was in the panel before. */
  function turnTo(next) {
    // the choice of the provider is no part of a panel
    const focused = frame.root.querySelector(":focus:not(select)");
    if (face) panels[face].leave?.();
    face = next;
    frame.turnTo(face && panels[face]);
    return focused;
  }

  function onState() {
    connection.settle();
    // only a kernel that is there sends a state
    if (connection.status() !== "live") connection.hello();
    flash = "";
    refresh();
  }

  function onTick() {
    if (isTicking()) refresh();
    // not while signed in: a message now and then would keep a forgotten kernel from being culled as idle
    if (isWaiting() && !document.hidden) connection.pulse();
  }

  function onReturn() {
    if (document.hidden) return;
    connection.hello();
    if (connection.status() === "live" && isWaiting()) connection.tell("poll");
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

export default { render };
