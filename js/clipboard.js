/** Copying a code. */

/**
 * Copy the text of `node`; where the page may not use the clipboard, leave it selected for the person to copy.
 *
 * @param {HTMLElement} node
 * @returns {Promise<boolean>} Whether it was copied.
 */
export async function copy(node) {
  try {
    await navigator.clipboard.writeText(node.textContent ?? "");
    return true;
  } catch {
    // plain http has no clipboard, and a page in the background may not write to it
    getSelection()?.selectAllChildren(node);
    return document.execCommand?.("copy") ?? false;
  }
}
