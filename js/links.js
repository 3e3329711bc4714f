/** Which addresses may become a link, and whether this page may take a password. */

import { EXTERNAL, element, icon } from "./dom.js";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Return the address when it is https, or http on this machine; null for any other, or none.
 *
 * @param {string} address
 * @returns {URL | null}
 */
export function safeUrl(address) {
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  return /^https?:$/.test(url.protocol) && !isExposed(url) && !url.username && !url.password ? url : null;
}

/**
 * Point a link to `address`, or make it a dead and hidden one where the address is not safe.
 *
 * @param {HTMLAnchorElement} node
 * @param {string} address
 */
export function point(node, address) {
  const url = safeUrl(address);
  node.hidden = !url;
  if (url) node.href = url.href;
  else node.removeAttribute("href");
}

/**
 * A link that opens a tab of its own, which learns nothing of this page.
 *
 * @param {string} label
 * @param {string} address
 * @param {import("./dom.js").Attributes} [attributes]
 */
export function link(label, address, attributes = {}) {
  const node = element("a", { target: "_blank", rel: "noopener noreferrer", ...attributes }, label, icon(EXTERNAL));
  point(node, address);
  return node;
}

/**
 * Tell whether what is typed into a page at `location` crosses a network in plain text.
 *
 * @param {{ protocol: string, hostname: string }} location
 */
export function isExposed({ protocol, hostname }) {
  return protocol === "http:" && !LOOPBACK.test(hostname);
}
