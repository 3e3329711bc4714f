/** A bar that fills up, and says what it means. */

import { element } from "./dom.js";

export function makeBar() {
  const fill = element("div", { class: "ts-fill" });
  const limits = { "aria-valuemin": "0", "aria-valuemax": "100" };
  const node = element("div", { class: "ts-bar", role: "progressbar", ...limits }, fill);

  /**
   * @param {string} label A sentence.
   * @param {number} fraction From 0 to 1.
   * @param {string} text How much that is, in words.
   */
  function show(label, fraction, text) {
    const percent = 100 * Math.min(1, Math.max(0, fraction));
    node.ariaLabel = label;
    node.setAttribute("aria-valuenow", String(Math.floor(percent)));
    node.setAttribute("aria-valuetext", text);
    // by script: a page may forbid style attributes
    fill.style.width = `${percent.toFixed(2)}%`;
  }

  return { node, show };
}
