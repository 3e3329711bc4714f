/** What went wrong, in a box that is read out when it changes. */

import { element, icon, WARNING } from "./dom.js";

export function makeAlert() {
  const node = element("div", { class: "ts-alert", role: "alert" });

  /** @param {string[]} sentences The first one in bold; none hides the alert. */
  function show(sentences) {
    node.hidden = sentences.length === 0;
    // an unchanged alert is not touched, or it would be read out again
    if (node.textContent === sentences.join(" ")) return;
    const [first = "", ...rest] = sentences;
    const text = element("span", {}, element("strong", {}, first), ...rest.map((sentence) => ` ${sentence}`));
    node.replaceChildren(...(first ? [icon(WARNING), text] : []));
  }

  return { node, show };
}
