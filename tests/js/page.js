/** A page and a model to show the login widget in: a DOM by jsdom, and a kernel played by the test. */

import { mock } from "node:test";
import { JSDOM } from "jsdom";

const NOW = 1_800_000_000;

export const PROVIDER = {
  name: "terrascope",
  label: "Terrascope",
  badge: "",
  demo_login: "",
  issuer_host: "sso.example.org",
  registration_url: "https://example.org/sign-up",
  account_url: "https://sso.example.org/account/",
  password_reset_url: "https://sso.example.org/reset",
  token_url: "",
  links: [],
  methods: ["device", "password"],
  can_remember: false,
};

export const SIGNED_OUT = {
  boot_id: "boot",
  provider: PROVIDER,
  choices: {},
  username: "",
  phase: "signed_out",
  serial: 1,
  verification_uri: "",
  code_expires_at: 0,
  user: "",
  source: "",
  expires_at: 0,
  session_ends_at: 0,
  remember: false,
  renewable: false,
  error: {},
  notice: "",
};

export const CODE = {
  user_code: "WDJB-MJHT",
  verification_uri_complete: "https://sso.example.org/device?user_code=WDJB-MJHT",
  code_expires_at: NOW + 600,
};

export const AWAITING = {
  phase: "awaiting_user",
  verification_uri: "https://sso.example.org/device",
  code_expires_at: NOW + 600,
};

export const SIGNED_IN = {
  phase: "signed_in",
  user: "alice",
  source: "device",
  renewable: true,
  expires_at: NOW + 300,
  session_ends_at: NOW + 3600,
};

export const REFUSED = {
  phase: "failed",
  error: {
    what: "The sign-in was refused.",
    why: "The password is not right.",
    do: "Type it again.",
    error: "invalid_grant",
  },
};

/**
 * Open an empty page, and make it the world of the modules under test. Time stands still until the test moves it.
 *
 * @param {string} [url]
 */
export function openPage(url = "http://localhost:8888/lab") {
  const { window } = new JSDOM("<!doctype html><body></body>", { url, pretendToBeVisual: true });
  for (const name of [
    "window",
    "document",
    "location",
    "navigator",
    "Document",
    "ShadowRoot",
    "Event",
    "KeyboardEvent",
  ]) {
    Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
  }
  globalThis.getSelection = () => window.getSelection();
  globalThis.window = window;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: NOW * 1000 });
  return window;
}

/** A model as anywidget hands it out; `answer` plays the kernel and may throw; `code` is the one that it tells. */
export function makeModel(traits = {}, answer = welcome, code = CODE) {
  const state = { ...SIGNED_OUT, ...traits };
  const listeners = new Map();
  const model = {
    sent: [],
    code,
    widget_manager: undefined,
    tell: (view_id = "") => model.reply({ kind: "code", view_id, ...model.code }),
    buffers: [],
    get: (name) => state[name],
    on: (name, callback) => listeners.set(name, [...(listeners.get(name) ?? []), callback]),
    off: (name, callback) =>
      listeners.set(
        name,
        (listeners.get(name) ?? []).filter((known) => known !== callback),
      ),
    listening: () => [...listeners.values()].flat().length,
    fire(name, ...details) {
      for (const callback of listeners.get(name) ?? []) callback(...details);
    },
    send(content, _callbacks, buffers = []) {
      answer(model, content);
      model.sent.push(content);
      model.buffers.push(buffers.map((buffer) => new TextDecoder().decode(buffer)));
      model.lastBuffers = buffers;
    },
    reply: (fields) => model.fire("msg:custom", { boot_id: state.boot_id, ...fields }),
    /** Let the kernel's account go on to another state. */
    async turn(changes) {
      if (changes.phase === "awaiting_user") this.tell();
      Object.assign(state, changes, { serial: state.serial + 1 });
      model.fire("change:serial");
      await settled();
    },
    kinds: () => model.sent.map(({ kind }) => kind),
  };
  return model;
}

/** The kernel that answers a hello, and nothing else. */
export function welcome(model, { kind, view_id }) {
  if (kind !== "hello") return;
  queueMicrotask(() => {
    if (model.get("phase") === "awaiting_user") model.tell(view_id);
    model.reply({ kind: "welcome", view_id, now: Date.now() / 1000 });
  });
}

/** Let the microtasks run in which a view gathers changes. */
export async function settled() {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

/**
 * Let time pass, in steps: a timer that another one sets counts from when that one is due.
 *
 * @param {number} ms
 */
export async function pass(ms) {
  for (let left = ms; left > 0; left -= 500) {
    mock.timers.tick(Math.min(500, left));
    await settled();
  }
}

/** Show a view of `model` and wait until the kernel has answered. */
export async function show(model, parent) {
  const { default: login } = await import("../../js/login.js");
  return showView(login, readers, model, parent);
}

/** Show a view of a widget, and what `readers` finds in it. */
export async function showView(widget, readers, model, parent = document.body) {
  const el = document.createElement("div");
  parent.append(el);
  const close = widget.render({ model, el });
  await settled();
  const find = (selector) => [...el.querySelectorAll(selector)].filter((node) => !node.closest("[hidden]"));
  const text = (selector) => find(selector).map((node) => node.textContent);
  return { el, close, ...readers(el, find, text) };
}

function readers(el, find, text) {
  return {
    text: (selector = ".ipyterrascope-login") => text(selector).join(" "),
    buttons: () => text("button"),
    links: () => find("a").map((node) => node.textContent),
    button(label) {
      const found = find("button, a").find((node) => node.textContent === label);
      if (!found) throw new Error(`No "${label}" among ${text("button, a").join(", ")}`);
      return found;
    },
    input: (name) => el.querySelector(`input[name=${name}]`),
    alert: () => text("[role=alert]").join(" "),
    spoken: () => el.querySelector("[aria-live=polite]").textContent,
    async click(label) {
      this.button(label).click();
      await settled();
    },
  };
}
