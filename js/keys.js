/** Keys that a widget keeps from the notebook around it. */

/**
 * JupyterLab takes plain keys for commands of the cell, and Enter in a field for a new line there: these stay here.
 * Enter with Shift, Ctrl or Alt runs the cell: it goes on to Jupyter, which keeps it from pressing a button here.
 *
 * @param {KeyboardEvent} event
 */
export function shareKeys(event) {
  const isCommand = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  if (!isCommand) event.stopPropagation();
}
