/** The code that waits for approval: shown large, copied with the link, or scanned. */

import { minutesAndSeconds } from "./clock.js";
import { button, element, setText } from "./dom.js";
import { link, point, safeUrl } from "./links.js";
import { mainActions, otherWays, panelOf } from "./panels.js";
import { qrCode } from "./qr.js";
import * as strings from "./strings.js";

/**
 * @param {import("./protocol.js").ShownProvider} provider
 * @param {import("./panels.js").Actions} actions
 * @returns {import("./panels.js").Panel}
 */
export function codePanel(provider, actions) {
  const [lead, host] = [element("span"), element("strong")];
  const code = element("code");
  const timer = element("span", { class: "ts-timer", role: "timer" });
  const open = link(strings.copyAndOpen(provider.label), "", {
    class: "ts-primary",
    "aria-label": strings.opensInNewTab(provider.label),
    click: () => actions.copy(code),
  });
  const others = otherWays(actions, { class: "ts-quiet" });
  const copy = button(strings.copy, () => actions.copy(code), { "aria-label": strings.copyCode });
  const scan = button(strings.qr, () => draw(!isOpen), { "aria-label": strings.showQr });
  const picture = element("div");
  let address = "";
  let isOpen = false;

  /** @param {boolean} isWanted */
  function draw(isWanted) {
    isOpen = isWanted;
    scan.ariaExpanded = String(isOpen);
    scan.hidden = !address;
    picture.replaceChildren(...(isOpen && address ? [qrCode(address, strings.asQr)] : []));
  }

  draw(false);
  return {
    node: panelOf(
      element("p", {}, lead, host),
      element("div", { class: "ts-code" }, code, element("div", { class: "ts-actions" }, copy, scan)),
      picture,
      mainActions(open, button(strings.newCode, actions.start), button(strings.cancel, actions.cancel)),
    ),
    footer: [timer, ...others.nodes],
    show(state, now, waiting) {
      const complete = waiting?.verification_uri_complete || state.verification_uri;
      setText(lead, `${strings.switching(state)}${strings.enterCodeAt} `);
      setText(host, safeUrl(state.verification_uri)?.host ?? "");
      setText(code, waiting?.user_code ?? "…");
      setText(timer, minutesAndSeconds(state.code_expires_at - now));
      others.show(state.provider.methods, "device");
      point(open, complete);
      if (address === open.href) return;
      address = open.href;
      draw(isOpen);
    },
    target: () => (open.hidden ? copy : open),
    leave: () => draw(false),
  };
}
