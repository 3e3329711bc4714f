/**
 * What the front-end itself knows of its kernel. JupyterLab, Notebook and Voilà tell it through the widget manager, in
 * a way that they promise to nobody: whatever is missing there is not known. Elsewhere nothing is.
 */

// autorestarting too
const ENDED = /dead|terminating|restarting/;

/**
 * @param {any} manager The model's `widget_manager`.
 * @param {() => void} onEnd Called when the kernel ends, or goes away to start anew.
 */
export function watchKernel(manager, onEnd) {
  const session = manager?.context?.sessionContext ?? manager?.kernel;
  const signals = [session?.statusChanged, session?.kernelChanged];

  /** @param {unknown} _sender @param {any} news A status, or what changed. */
  function hear(_sender, news) {
    if (ENDED.test(news) || news?.newValue === null) onEnd();
  }

  for (const signal of signals) signal?.connect?.(hear);
  return {
    /** Whether it runs a cell; undefined when that is not known. */
    isBusy() {
      const { status, connectionStatus } = manager?.kernel ?? {};
      return status && connectionStatus === "connected" ? status === "busy" : undefined;
    },
    close() {
      for (const signal of signals) signal?.disconnect?.(hear);
    },
  };
}
