/** The password form. What is typed leaves it once, as bytes, and is gone from the page in the same tick. */

import { button, element, icon, setText, WARNING } from "./dom.js";
import { capsLockHint, field, revealer } from "./fields.js";
import { isExposed, link } from "./links.js";
import { formMethod } from "./panels.js";
import * as strings from "./strings.js";

/**
 * @param {import("./protocol.js").ShownProvider} provider
 * @param {string} name What the user name is filled with.
 * @param {import("./panels.js").Actions} actions
 * @returns {import("./panels.js").Panel}
 */
export function formPanel(provider, name, actions) {
  const isToken = formMethod(provider.methods) === "token";
  const username = field(strings.username, { name: "username", autocomplete: "username", autocapitalize: "none" });
  // a token tells by itself whose it is
  username.input.value = isToken ? "-" : name;
  username.node.hidden = isToken;
  const password = field(isToken ? strings.userToken : strings.password, {
    name: "password",
    type: "password",
    autocomplete: "current-password",
  });
  const code = field(strings.oneTimeCode, { name: "code", autocomplete: "one-time-code", inputmode: "numeric" });
  const reveal = revealer(password.input);
  const caps = capsLockHint(password.input);
  password.node.append(reveal.button, caps);
  const fields = element("div", { class: "ts-fields" }, username.node, password.node);
  const disclosure = element("details", {}, element("summary", {}, strings.withOneTimeCode), code.node);
  const news = element("p");
  const hint = element("p", { class: "ts-hint" });
  const body = element("div", { class: "ts-panel" }, fields, disclosure, hint);
  const warning = element("p", { class: "ts-warning" }, icon(WARNING), element("span", {}, strings.exposed));

  const send = element("button", { type: "submit", class: "ts-primary" }, strings.submit);
  const anyway = button(strings.exposedAnyway, showAnyway);
  const other = button(strings.useCode, actions.useCode);
  const cancel = button(strings.cancel, () => actions.request("cancel"));
  const account = link(strings.myAccount, provider.account_url);
  const buttons = element("div", { class: "ts-actions ts-main" }, send, anyway, other, cancel);
  const form = element("form", { class: "ts-panel", novalidate: true, submit }, news, warning, body, buttons);

  /** @type {import("./protocol.js").FormMethod} */
  let method = "password";
  let isBusy = false;
  guard(isExposed(location));

  /** @param {boolean} isGuarded Whether the form stays away until the person insists. */
  function guard(isGuarded) {
    for (const node of [warning, anyway]) node.hidden = !isGuarded;
    for (const node of [body, send]) node.hidden = isGuarded;
  }

  function showAnyway() {
    guard(false);
    username.input.focus();
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    if (isBusy) return;
    const user = username.input.value.trim();
    // the first one that is empty gets the focus
    const isMissing = [
      password.complain(password.input.value ? "" : strings.missing),
      username.complain(user ? "" : strings.missing),
    ];
    if (isMissing.includes(true)) return;
    const buffers = [take(password.input)];
    if (code.input.value) buffers.push(take(code.input));
    reveal.hide();
    actions.submit({ username: user, method, has_one_time_code: buffers.length > 1 }, buffers);
  }

  return {
    node: form,
    footer: [
      link(strings.forgot, provider.password_reset_url),
      link(strings.register, provider.registration_url),
      account,
    ],
    show({ phase, notice, error, provider: { methods } }) {
      isBusy = phase === "signing_in";
      setText(news, notice);
      // who came here from the code knows that it was cancelled
      news.hidden = !notice || methods[0] === "device";
      method = formMethod(methods) ?? method;
      const hasDevice = methods.includes("device");
      for (const { input } of [username, password, code]) input.readOnly = isBusy;
      send.setAttribute("aria-disabled", String(isBusy));
      setText(send, isBusy ? strings.signingIn : strings.submit);
      setText(hint, hintFor(provider.demo_login, method, hasDevice));
      // the alert above says so, too, and what is wrong with the account is mended on its own page
      const isRefused = error.error === "invalid_grant";
      hint.hidden = isToken || (isRefused && !provider.demo_login);
      account.hidden = !isRefused || !account.href;
      disclosure.hidden = method !== "password";
      other.hidden = isBusy || !hasDevice;
      cancel.hidden = !isBusy;
    },
    target() {
      if (body.hidden) return anyway;
      return username.input.value ? password.input : username.input;
    },
    leave() {
      password.input.value = code.input.value = "";
      reveal.hide();
      for (const { complain } of [username, password]) complain("");
    },
  };
}

/** @param {string} demoLogin @param {import("./protocol.js").FormMethod} method @param {boolean} hasDevice */
function hintFor(demoLogin, method, hasDevice) {
  if (demoLogin) return strings.demo(demoLogin);
  return method === "basic" ? strings.basicHint : strings.federated(hasDevice);
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
