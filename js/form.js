/** The form. What is typed leaves it once, as bytes, and is gone from the page in the same tick. */

import { button, element, icon, setText, WARNING } from "./dom.js";
import { capsLockHint, field, revealer } from "./fields.js";
import { isExposed, link } from "./links.js";
import { mainActions, otherWays, panelOf } from "./panels.js";
import * as strings from "./strings.js";

/** @typedef {import("./protocol.js").FormMethod} FormMethod */

/**
 * The form of each method.
 *
 * @param {import("./protocol.js").ShownProvider} provider
 * @param {string} name
 * @param {import("./panels.js").Actions} actions
 */
export function forms(provider, name, actions) {
  const methods = /** @type {FormMethod[]} */ (Object.keys(strings.secret));
  const made = methods.map((method) => [method, formPanel(provider, name, actions, method)]);
  return /** @type {Record<FormMethod, import("./panels.js").Panel>} */ (Object.fromEntries(made));
}

/**
 * @param {import("./protocol.js").ShownProvider} provider
 * @param {string} name What the user name is filled with.
 * @param {import("./panels.js").Actions} actions
 * @param {FormMethod} method What is asked for: user name and password, or a secret that tells by itself whose it is.
 * @returns {import("./panels.js").Panel}
 */
function formPanel(provider, name, actions, method) {
  const isPassword = method === "password" || method === "basic";
  const username = field(strings.username, { name: "username", autocomplete: "username", autocapitalize: "none" });
  username.input.value = name;
  const secret = field(strings.secret[method], {
    name: "password",
    type: "password",
    autocomplete: isPassword ? "current-password" : "off",
  });
  const code = field(strings.oneTimeCode, { name: "code", autocomplete: "one-time-code", inputmode: "numeric" });
  const reveal = revealer(secret.input);
  secret.node.append(reveal.button, capsLockHint(secret.input));
  const asked = isPassword ? [username.node, secret.node] : [secret.node];
  const disclosure = element("details", {}, element("summary", {}, strings.withOneTimeCode), code.node);
  disclosure.hidden = method !== "password" || provider.token_url !== "";
  const news = element("p");
  const hint = element("p", { class: "ts-hint" });
  const page = link(strings.makeToken, isPassword ? "" : provider.token_url);
  const below = element("div", { class: "ts-links ts-name" }, hint, page);
  const body = panelOf(element("div", { class: "ts-fields" }, ...asked), disclosure, below);
  const warning = element("p", { class: "ts-warning" }, icon(WARNING), element("span", {}, strings.exposed));

  const send = element("button", { type: "submit", class: "ts-primary" }, strings.submit);
  const anyway = button(strings.exposedAnyway, showAnyway);
  const others = otherWays(actions);
  const cancel = button(strings.cancel, actions.cancel);
  const buttons = mainActions(send, anyway, ...others.nodes, cancel);
  const form = element("form", { class: "ts-panel", novalidate: true, submit }, news, warning, body, buttons);

  let isBusy = false;
  guard(isExposed(location));

  /** @param {boolean} isGuarded Whether the form stays away until the person insists. */
  function guard(isGuarded) {
    warning.hidden = anyway.hidden = !isGuarded;
    body.hidden = send.hidden = isGuarded;
  }

  function showAnyway() {
    guard(false);
    first().focus();
  }

  function first() {
    return isPassword && !username.input.value ? username.input : secret.input;
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    if (isBusy) return;
    const user = isPassword ? username.input.value.trim() : "";
    // the first one that is empty gets the focus
    const isMissing = [
      secret.complain(secret.input.value ? "" : strings.missing),
      username.complain(user || !isPassword ? "" : strings.missing),
    ];
    if (isMissing.includes(true)) return;
    const buffers = [take(secret.input)];
    if (code.input.value) buffers.push(take(code.input));
    reveal.hide();
    actions.submit({ username: user, method, has_one_time_code: buffers.length > 1 }, buffers);
  }

  return {
    node: form,
    footer: [
      link(strings.forgot, isPassword ? provider.password_reset_url : ""),
      link(strings.register, provider.registration_url),
    ],
    show(state) {
      const {
        phase,
        notice,
        error,
        source,
        provider: { methods },
      } = state;
      isBusy = phase === "signing_in";
      // who came here from the code knows of that
      setText(news, strings.switching(state) || (methods[0] === "device" ? "" : notice));
      for (const { input } of [username, secret, code]) input.readOnly = isBusy;
      send.ariaDisabled = String(isBusy);
      setText(send, isBusy ? strings.signingIn : strings.submit);
      // the alert above says so, too, and what is wrong with the account is mended on its own page
      const isSaid = error.error === "invalid_grant" && !provider.demo_login;
      setText(hint, isSaid ? "" : hintFor(provider, method));
      others.show(isBusy ? [] : methods, method);
      cancel.hidden = !isBusy && !source;
    },
    target: () => (body.hidden ? anyway : first()),
    leave() {
      secret.input.value = code.input.value = "";
      reveal.hide();
      for (const { complain } of [username, secret]) complain("");
    },
  };
}

/** @param {import("./protocol.js").ShownProvider} provider @param {FormMethod} method */
function hintFor({ demo_login, token_url }, method) {
  if (method === "token") return strings.tokenHint;
  if (demo_login) return strings.demo(demo_login);
  if (method !== "password") return strings.keptHint;
  return token_url ? strings.onceHint : strings.federated;
}

/**
 * Take what was typed out of an input.
 *
 * @param {HTMLInputElement} input
 */
function take(input) {
  const bytes = new TextEncoder().encode(input.value);
  input.value = "";
  return bytes;
}
