/** What the widget shows while nobody is signed in, while the provider is asked, and while somebody is signed in. */

import { timeOfDay } from "./clock.js";
import { button, CHECK, element, icon, setText, WARNING } from "./dom.js";
import { link } from "./links.js";
import * as strings from "./strings.js";

/** @typedef {import("./protocol.js").LoginTraits} LoginTraits */
/** @typedef {import("./protocol.js").ShownProvider} ShownProvider */

/**
 * One of the faces of the widget. It is made once for each view, and brought in line whenever something changed.
 *
 * @typedef {object} Panel
 * @property {HTMLElement} node
 * @property {HTMLElement[]} [footer] What stands below at the end of the status line.
 * @property {(state: LoginTraits, now: number, code: import("./protocol.js").WaitingCode | null) => void} show
 * @property {() => HTMLElement} target What gets the focus when the panel takes the place of one that had it.
 * @property {() => void} [leave] Called when another panel takes its place.
 */

/**
 * What a panel can bring about.
 *
 * @typedef {object} Actions
 * @property {() => void} start Ask for a code.
 * @property {(form: import("./protocol.js").SubmittedForm, buffers: Uint8Array<ArrayBuffer>[]) => void} submit
 * @property {(way: import("./protocol.js").LoginMethod) => void} use Turn to another way to sign in.
 * @property {() => void} cancel
 * @property {() => void} logout
 * @property {(code: HTMLElement) => void} copy
 */

const OVER = ["expired_token", "access_denied", "invalid_grant"];
const SOON_S = 600;

/** @param {...Node} children */
export const panelOf = (...children) => element("div", { class: "ts-panel" }, ...children);

/** @param {...Node} children */
export const mainActions = (...children) => element("div", { class: "ts-actions ts-main" }, ...children);

/**
 * The buttons that lead to other ways to sign in.
 *
 * @param {Actions} actions
 * @param {import("./dom.js").Attributes} [attributes]
 */
export function otherWays({ use }, attributes) {
  const ways = /** @type {[import("./protocol.js").LoginMethod, string][]} */ (Object.entries(strings.use));
  const buttons = ways.map(([way, label]) => ({ way, node: button(label, () => use(way), attributes) }));

  /** @param {ShownProvider["methods"]} methods @param {import("./protocol.js").LoginMethod} shown */
  function show(methods, shown) {
    for (const { way, node } of buttons) node.hidden = way === shown || !methods.includes(way);
  }

  return { nodes: buttons.map(({ node }) => node), show };
}

/**
 * @param {ShownProvider} provider
 * @param {Actions} actions
 * @returns {Panel}
 */
export function startPanel(provider, actions) {
  const text = element("p");
  const start = button("", actions.start, { class: "ts-primary" });
  const others = otherWays(actions);
  return {
    node: panelOf(text, mainActions(start, ...others.nodes)),
    footer: [link(strings.register, provider.registration_url)],
    show({ phase, error, notice, provider: { label, methods } }) {
      setText(text, phase === "failed" ? "" : notice || strings.intro);
      setText(start, phase === "failed" ? again(error) : strings.signInWith(label));
      start.hidden = methods.length === 0;
      others.show(methods, "device");
    },
    target: () => start,
  };
}

/** @param {import("./protocol.js").ShownError} error */
function again({ error = "", ended }) {
  if (ended) return strings.signInAgain;
  return OVER.includes(error) ? strings.newCode : strings.tryAgain;
}

/**
 * @param {Actions} actions
 * @returns {Panel}
 */
export function askingPanel(actions) {
  const text = element("p", { class: "ts-going-on" });
  const cancel = button(strings.cancel, actions.cancel);
  return {
    node: panelOf(text, mainActions(cancel)),
    show: (state) => setText(text, strings.switching(state) + strings.signingIn),
    target: () => cancel,
  };
}

/**
 * @param {Actions} actions
 * @returns {Panel}
 */
export function accountPanel(actions) {
  const who = element("strong");
  // takes the focus after a sign-in: a key that was meant for the form or the code must not press "Log out"
  const headline = element("p", { class: "ts-who", tabindex: "-1" }, icon(CHECK), who);
  const [how, until, news] = [element("p"), element("p"), element("p")];
  const soonText = element("span");
  const soon = element("p", { class: "ts-warning" }, icon(WARNING), soonText);
  const logout = button(strings.logout, actions.logout);
  /** @type {import("./protocol.js").LoginMethod | undefined} */
  let first;
  const change = button(strings.switchAccount, () => first && actions.use(first));
  return {
    node: panelOf(headline, element("div", { class: "ts-facts" }, how, until, news, soon), mainActions(logout, change)),
    show(state, now) {
      [first] = state.provider.methods;
      change.hidden = !first;
      const minutes = minutesToEnd(state, now);
      setText(who, strings.signedInAs(state.user));
      const kept = state.session_ends_at ? strings.kept : strings.stays;
      setText(how, `${strings.how[state.source] ?? ""} ${state.remember ? kept : ""}`.trim());
      setText(news, state.notice);
      setText(until, minutes ? "" : untilWhen(state, now));
      setText(soonText, minutes ? strings.idleSoon(minutes, timeOfDay(state.session_ends_at, now)) : "");
      soon.hidden = !minutes;
      setText(change, isOver(state, now) ? strings.signInAgain : strings.switchAccount);
    },
    target: () => headline,
  };
}

/**
 * Return how many minutes are left of a session that will end soon; 0 where it will not, or has ended.
 *
 * @param {LoginTraits} state
 * @param {number} now
 */
export function minutesToEnd({ session_ends_at }, now) {
  const left = session_ends_at - now;
  return left > 0 && left < SOON_S ? Math.ceil(left / 60) : 0;
}

/** @param {LoginTraits} state @param {number} now */
const isOver = (state, now) => endOf(state) > 0 && endOf(state) <= now;

/** @param {LoginTraits} state */
const endOf = ({ renewable, expires_at, session_ends_at }) => (renewable ? session_ends_at : expires_at);

/** @param {LoginTraits} state @param {number} now */
function untilWhen(state, now) {
  const time = endOf(state) ? timeOfDay(endOf(state), now) : "";
  if (isOver(state, now)) return strings.endedAt(time);
  if (state.renewable) return `${strings.renewed} ${time && strings.idleUntil(time)}`;
  return time ? strings.goodUntil(time) : strings.untilLogout;
}
