/** Where the focus is, in a page or in the shadow root that some front-ends put a widget into. */

/**
 * The element inside `root` that has the focus, if any.
 *
 * @param {HTMLElement} root
 */
export function activeIn(root) {
  const { activeElement } = /** @type {Document | ShadowRoot} */ (root.getRootNode());
  return root.contains(activeElement) ? activeElement : null;
}
