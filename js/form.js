/** The password form. What is typed leaves it once, as bytes, and is gone from the page in the same tick. */

import { button, element, icon, setText, WARNING } from "./dom.js";
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
  const username = input(strings.username, { name: "username", autocomplete: "username", autocapitalize: "none" });
  username.field.value = name;
  const password = input(strings.password, { name: "password", type: "password", autocomplete: "current-password" });
  const code = input(strings.oneTimeCode, { name: "code", autocomplete: "one-time-code", inputmode: "numeric" });
  const fields = element("div", { class: "ts-fields" }, username.label, password.label);
  const disclosure = element("details", {}, element("summary", {}, strings.withOneTimeCode), code.label);
  const news = element("p");
  const hint = element("p", { class: "ts-hint" });
  const body = element("div", { class: "ts-panel" }, fields, disclosure, hint);
  const warning = element("p", { class: "ts-warning" }, icon(WARNING), element("span", {}, strings.exposed));

  const send = element("button", { type: "submit", class: "ts-primary" }, strings.submit);
  const anyway = button(strings.exposedAnyway, showAnyway);
  const other = button(strings.useCode, actions.useCode);
  const cancel = button(strings.cancel, () => actions.request("cancel"));
  const buttons = element("div", { class: "ts-actions" }, send, anyway, other, cancel);
  const form = element("form", { class: "ts-panel", submit }, news, warning, body, buttons);

  /** @type {"password" | "basic"} */
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
    username.field.focus();
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    if (isBusy) return;
    if (!username.field.value.trim()) return username.field.focus();
    if (!password.field.value) return password.field.focus();
    const buffers = [take(password.field)];
    if (code.field.value) buffers.push(take(code.field));
    const answers = { username: username.field.value.trim(), method, has_one_time_code: buffers.length > 1 };
    actions.submit(answers, buffers);
  }

  return {
    node: form,
    footer: [link(strings.forgot, provider.password_reset_url), link(strings.register, provider.registration_url)],
    show({ phase, notice, provider: { methods } }) {
      isBusy = phase === "signing_in";
      setText(news, notice);
      // who came here from the code knows that it was cancelled
      news.hidden = !notice || methods[0] === "device";
      method = formMethod(methods) === "basic" ? "basic" : "password";
      const hasDevice = methods.includes("device");
      for (const { field } of [username, password, code]) field.readOnly = isBusy;
      send.setAttribute("aria-disabled", String(isBusy));
      setText(send, isBusy ? strings.signingIn : strings.submit);
      setText(hint, method === "basic" ? strings.basicHint : strings.federated(hasDevice));
      disclosure.hidden = method === "basic";
      other.hidden = isBusy || !hasDevice;
      cancel.hidden = !isBusy;
    },
    target() {
      if (body.hidden) return anyway;
      return username.field.value ? password.field : username.field;
    },
    leave() {
      password.field.value = code.field.value = "";
    },
  };
}

/**
 * @param {string} text
 * @param {import("./dom.js").Attributes} attributes
 */
function input(text, attributes) {
  const field = element("input", { type: "text", spellcheck: "false", ...attributes });
  return { field, label: element("label", {}, element("span", {}, text), field) };
}

/**
 * Take what was typed out of a field.
 *
 * @param {HTMLInputElement} field
 */
function take(field) {
  const bytes = new TextEncoder().encode(field.value);
  field.value = "";
  return bytes;
}
