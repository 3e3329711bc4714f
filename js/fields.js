/** The inputs of the form: a label, what is wrong with the input, and what helps to type a password. */

import { button, element, setText } from "./dom.js";
import * as strings from "./strings.js";

/**
 * @param {string} text
 * @param {import("./dom.js").Attributes} attributes
 */
export function field(text, attributes) {
  // inside the label, so that a screen reader reads it with the name, and no element needs an id
  const problem = element("span");
  const input = element("input", { type: "text", spellcheck: "false", input: () => complain(""), ...attributes });
  const label = element("label", {}, element("span", { class: "ts-name" }, element("span", {}, text), problem), input);

  /**
   * Mark the input, give it the focus and say what is wrong; nothing wrong takes the mark away.
   *
   * @param {string} why
   */
  function complain(why) {
    setText(problem, why && ` ${why}`);
    input.ariaInvalid = String(why !== "");
    if (why) input.focus();
    return why !== "";
  }

  return { input, node: element("div", { class: "ts-field" }, label), complain };
}

/**
 * @param {string} text
 * @param {() => void} onChange
 */
export function checkbox(text, onChange) {
  const input = element("input", { type: "checkbox", change: onChange });
  return { input, node: element("label", { class: "ts-choice" }, input, element("span", {}, text)) };
}

/**
 * A button that shows what is typed, and hides it again.
 *
 * @param {HTMLInputElement} input
 */
export function revealer(input) {
  const toggle = button("", () => turn(input.type === "password"), { class: "ts-reveal" });

  /** @param {boolean} isShown */
  function turn(isShown) {
    input.type = isShown ? "text" : "password";
    setText(toggle, isShown ? strings.hide : strings.show);
    toggle.ariaLabel = strings.typed(toggle.textContent);
  }

  turn(false);
  // where its type changes, Undo and Redo forget what was typed
  return { button: toggle, hide: () => [true, false].forEach(turn) };
}

/**
 * A line that is there while Caps Lock is on and the input has the focus.
 *
 * @param {HTMLInputElement} input
 */
export function capsLockHint(input) {
  const hint = element("span", { role: "status" });
  /** @param {any} event One that is none of a key tells nothing, as when the focus leaves. */
  const look = (event) => setText(hint, event.getModifierState?.("CapsLock") ? strings.capsLock : "");
  for (const type of ["keydown", "keyup", "blur"]) input.addEventListener(type, look);
  return hint;
}
