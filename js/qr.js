/** An address as a QR code, for the camera of a phone. */

import { generate } from "lean-qr/nano";
import { shape } from "./dom.js";

const MARGIN = 4;

/**
 * @param {string} text
 * @param {string} label What a screen reader says of it.
 */
export function qrCode(text, label) {
  const code = generate(text);
  const side = code.size + 2 * MARGIN;
  let path = "";
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x + MARGIN} ${y + MARGIN}h1v1h-1z`;
  }
  return shape(path, side, { class: "ts-qr", role: "img", "aria-label": label });
}
