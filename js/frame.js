/** What stays while the panels change: the provider's name, the alert, the status line and the live region. */

import { makeAlert } from "./alert.js";
import { element, setText } from "./dom.js";
import { shareKeys } from "./keys.js";
import { link, point } from "./links.js";
import * as strings from "./strings.js";

/**
 * @param {import("./protocol.js").ShownProvider} provider
 * @param {Record<string, string>} choices Labels by name.
 * @param {(name: string) => void} onChoice
 */
export function makeFrame({ name, label, badge, issuer_host, account_url, links }, choices, onChoice) {
  const chip = element("span", { class: "ts-badge" }, badge);
  chip.hidden = !badge;
  const host = element("span", { class: "ts-host" }, issuer_host);
  const alert = makeAlert();
  const body = element("div", { class: "ts-body" });
  const status = element("p", { class: "ts-status" });
  const end = element("div", { class: "ts-links" });
  const account = link(strings.myAccount, "");
  const announcer = element("p", { "aria-live": "polite" });
  const header = element("div", { class: "ts-header" }, title(name, label, choices, onChoice), chip, host);
  const footer = element("div", { class: "ts-footer" }, status, end);
  const pages = element("div", { class: "ts-links" }, ...links.map((page) => link(...page)));
  const root = element(
    "div",
    {
      class: "ipyterrascope ipyterrascope-login",
      role: "group",
      "aria-label": strings.title(label),
      keydown: shareKeys,
    },
    element("div", { class: "ts-card" }, header, alert.node, body, footer, pages),
    announcer,
  );

  /** @param {import("./panels.js").Panel | null} panel */
  function turnTo(panel) {
    body.replaceChildren(...(panel ? [panel.node] : []));
    end.replaceChildren(...(panel?.footer ?? []), account);
  }

  /**
   * Lead to where one looks after a login and signs out there, and mends what is wrong with the account.
   *
   * @param {import("./protocol.js").LoginTraits} state
   */
  function showAccount({ source, phase }) {
    point(account, source || phase === "failed" ? account_url : "");
  }

  /** @param {string} text @param {boolean} isGoingOn */
  function showStatus(text, isGoingOn) {
    setText(status, text);
    status.classList.toggle("ts-going-on", isGoingOn && text !== "");
  }

  return { root, body, announcer, turnTo, showStatus, showAccount, showAlert: alert.show };
}

/**
 * @param {string} name
 * @param {string} label
 * @param {Record<string, string>} choices
 * @param {(name: string) => void} onChoice
 */
function title(name, label, choices, onChoice) {
  const names = Object.entries(choices);
  if (!names.length) return element("span", { class: "ts-title" }, label);
  const options = names.map(([value, text]) => element("option", { value, selected: value === name }, text));
  const change = () => onChoice(select.value);
  const select = element("select", { class: "ts-title", "aria-label": strings.provider, change }, ...options);
  return select;
}
