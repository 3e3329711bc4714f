/** Making elements. Text enters a page only as text: there is no way here to hand in HTML. */

/** @typedef {Record<string, string | boolean | ((event: any) => void)>} Attributes Functions are event listeners. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * @template {Element} Node_
 * @param {Node_} node
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/**
 * @param {string} label
 * @param {() => void} onClick
 * @param {Attributes} [attributes]
 */
export function button(label, onClick, attributes = {}) {
  return element("button", { type: "button", click: onClick, ...attributes }, label);
}

/**
 * Change a text only where it differs, so that a selection in it stays.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A path in a box of `side` by `side`.
 *
 * @param {string} path
 * @param {number} side
 * @param {Record<string, string>} attributes
 */
export function shape(path, side, attributes) {
  const line = filled(document.createElementNS(SVG, "path"), { d: path }, []);
  return filled(document.createElementNS(SVG, "svg"), { viewBox: `0 0 ${side} ${side}`, ...attributes }, [line]);
}

/** @param {string} path What to stroke, in a box of 16 by 16. */
export function icon(path) {
  return shape(path, 16, { class: "ts-icon", "aria-hidden": "true" });
}

export const EXTERNAL = "M6.5 3.5h-3v9h9v-3M9.5 2.5h4v4M13 3 7.5 8.5";
export const CHECK = "M3 8.5 6.5 12 13 4.5";
export const WARNING = "M8 2.2 14.6 13.6H1.4zM8 6.5v3.2M8 11.4v.6";
