/** Where the focus is, in a page or in the shadow root that some front-ends put a widget into. */

/**
 * The element inside `root` that has the focus, if any.
 *
 * @param {HTMLElement} root
 */
export function activeIn(root) {
  const page = root.getRootNode();
  const focused = page instanceof Document || page instanceof ShadowRoot ? page.activeElement : null;
  return root.contains(focused) ? focused : null;
}
