import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  AWAITING,
  CODE,
  makeModel,
  openPage,
  PROVIDER,
  pass,
  REFUSED,
  SIGNED_IN,
  SIGNED_OUT,
  settled,
  show,
} from "./page.js";

beforeEach(() => openPage());

test("signed out, the device code comes first and the password second", async () => {
  const view = await show(makeModel());
  assert.deepEqual(view.buttons(), ["Sign in with Terrascope", "Use a password"]);
  assert.equal(view.button("Sign in with Terrascope").className, "ts-primary");
  assert.deepEqual(view.links(), ["Register"]);
});

test("a provider without device codes shows the form at once", async () => {
  const view = await show(makeModel({ provider: { ...PROVIDER, methods: ["password"] } }));
  assert.deepEqual(view.buttons(), ["Show", "Sign in"]);
  assert.match(view.text(), /have no password here\./);
});

test("a provider without passwords does not offer any", async () => {
  const view = await show(makeModel({ provider: { ...PROVIDER, methods: ["device"] } }));
  assert.deepEqual(view.buttons(), ["Sign in with Terrascope"]);
});

test("where nobody may be asked there is nothing to click", async () => {
  const view = await show(makeModel({ provider: { ...PROVIDER, methods: [] } }));
  assert.deepEqual(view.buttons(), []);
});

test("a device code that turns out not to be had leads to the form", async () => {
  const model = makeModel({ phase: "signing_in" });
  const view = await show(model);
  const error = {
    what: "Terrascope offers no device code.",
    why: "It answered 404.",
    do: "Use the password.",
    error: "",
  };
  await model.turn({ phase: "failed", error, provider: { ...PROVIDER, methods: ["password"] } });
  assert.deepEqual(view.buttons(), ["Show", "Sign in"]);
  assert.match(view.alert(), /^Terrascope offers no device code\. /);
});

test("the badge of a provider that is not the real one is shown", async () => {
  const view = await show(makeModel({ provider: { ...PROVIDER, badge: "SANDBOX" } }));
  assert.equal(view.text(".ts-badge"), "SANDBOX");
});

test("the button asks the kernel for a code once, however often it is clicked", async () => {
  const model = makeModel();
  const view = await show(model);
  await view.click("Sign in with Terrascope");
  await view.click("Sign in with Terrascope");
  assert.deepEqual(model.kinds(), ["hello", "start_device"]);
  assert.equal(model.sent[1].boot_id, "boot");
});

const KEEPS = { provider: { ...PROVIDER, can_remember: true } };
const stayBox = (view) => view.el.querySelector(".ts-choice input");
const isOffered = (view) => !stayBox(view).closest("[hidden]");

async function tick(view) {
  stayBox(view).click();
  await settled();
}

test("to stay signed in is offered where a login can be kept, and not ticked", async () => {
  const none = await show(makeModel());
  assert.equal(isOffered(none), false);
  const view = await show(makeModel(KEEPS));
  assert.equal(isOffered(view), true);
  assert.equal(stayBox(view).checked, false);
  assert.match(view.text(".ts-choice"), /Stay signed in/);
});

test("the wish to stay signed in goes along with the code that is asked for", async () => {
  const model = makeModel(KEEPS);
  const view = await show(model);
  await tick(view);
  assert.deepEqual(model.kinds(), ["hello"]);
  await view.click("Sign in with Terrascope");
  assert.deepEqual([model.sent[1].kind, model.sent[1].remember], ["start_device", true]);
});

test("where no login can be kept a message says nothing of it", async () => {
  const model = makeModel();
  const view = await show(model);
  await view.click("Sign in with Terrascope");
  assert.equal("remember" in model.sent[1], false);
});

test("a wish that changes while a code waits asks for no new one, and the box follows the kernel", async () => {
  const model = makeModel({ ...KEEPS, ...AWAITING });
  const view = await show(model);
  stayBox(view).focus();
  await tick(view);
  assert.deepEqual([model.sent[1].kind, model.sent[1].remember], ["remember", true]);
  await model.turn({ ...AWAITING, remember: true, notice: "The code shown before is good too." });
  assert.equal(stayBox(view).checked, true);
  assert.equal(view.text(".ts-status"), "The code shown before is good too.");
  assert.equal(document.activeElement, stayBox(view));
  await model.turn({ ...AWAITING, remember: false });
  assert.equal(stayBox(view).checked, false);
});

test("what login was asked for is ticked at first", async () => {
  const view = await show(makeModel({ ...KEEPS, remember: true }));
  assert.equal(stayBox(view).checked, true);
});

test("who is signed in to stay is told so, and is not asked again", async () => {
  const view = await show(makeModel({ ...KEEPS, ...SIGNED_IN, remember: true, session_ends_at: 0 }));
  assert.match(view.text(), /Kept on this machine until you log out\./);
  assert.equal(isOffered(view), false);
});

test("a kept login that ends by itself is not said to stay until the logout", async () => {
  const view = await show(makeModel({ ...KEEPS, ...SIGNED_IN, remember: true, notice: "For 60 minutes." }));
  assert.match(view.text(), /Kept on this machine\..*Ends at .* if it is not used\./);
  assert.match(view.text(), /For 60 minutes\./);
  assert.doesNotMatch(view.text(), /until you log out/);
});

test("a waiting code is shown with its host, a link that opens a tab of its own, and a count-down", async () => {
  const view = await show(makeModel(AWAITING));
  assert.equal(view.text("code"), "WDJB-MJHT");
  assert.match(view.text(".ts-panel"), /Approve this code at sso\.example\.org/);
  const open = view.button("Copy code & open Terrascope");
  assert.equal(open.href, CODE.verification_uri_complete);
  assert.deepEqual([open.target, open.rel], ["_blank", "noopener noreferrer"]);
  assert.equal(view.text("[role=timer]"), "10:00");
  await pass(19_000);
  assert.equal(view.text("[role=timer]"), "9:41");
  assert.deepEqual(view.buttons(), ["Copy", "QR", "New code", "Cancel", "Use a password"]);
});

test("who would rather use a password while a code waits is asked for it, and gets back to the code", async () => {
  const model = makeModel(AWAITING);
  const view = await show(model);
  await view.click("Use a password");
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Use a code"]);
  await view.click("Use a code");
  assert.equal(view.text("code"), "WDJB-MJHT");
  assert.deepEqual(model.kinds(), ["hello"]);
});

test("without a complete address the link goes to the plain one", async () => {
  const view = await show(makeModel(AWAITING, undefined, { ...CODE, verification_uri_complete: "" }));
  assert.equal(view.button("Copy code & open Terrascope").href, AWAITING.verification_uri);
});

test("the count-down follows the kernel's clock when the browser's is wrong", async () => {
  const late = (model, { kind, view_id }) => {
    const now = AWAITING.code_expires_at - 90;
    if (kind === "hello") queueMicrotask(() => model.reply({ kind: "welcome", view_id, now }));
  };
  const view = await show(makeModel(AWAITING, late));
  assert.equal(view.text("[role=timer]"), "1:30");
});

test("a passing trouble is told while the code goes on to wait", async () => {
  const model = makeModel(AWAITING);
  const view = await show(model);
  await model.turn({ error: { what: "sso.example.org does not answer.", why: "503.", do: "Try later.", error: "" } });
  assert.equal(view.text(".ts-status"), "sso.example.org does not answer. Still trying…");
  assert.equal(view.alert(), "");
  await model.turn({ error: {} });
  assert.equal(view.text(".ts-status"), "Waiting for your approval");
});

test("Cancel and New code are asked of the kernel", async () => {
  for (const [label, kind] of [
    ["Cancel", "cancel"],
    ["New code", "start_device"],
  ]) {
    const model = makeModel(AWAITING);
    await (await show(model)).click(label);
    assert.deepEqual(model.kinds(), ["hello", kind]);
  }
});

test("an expired code waits for a click", async () => {
  const model = makeModel(AWAITING);
  const view = await show(model);
  const error = { what: "The code ran out.", why: "", do: "Get a new code.", error: "expired_token" };
  await model.turn({ phase: "failed", verification_uri: "", code_expires_at: 0, error });
  assert.equal(view.alert(), "The code ran out. Get a new code.");
  assert.deepEqual(model.kinds(), ["hello"]);
  await view.click("New code");
  assert.deepEqual(model.kinds(), ["hello", "start_device"]);
});

test("signed in, it says who, from where and until when", async () => {
  const view = await show(makeModel(SIGNED_IN));
  assert.match(
    view.text(),
    /Signed in as alice\..*With a device code\..*Renewed by itself while in use\. Ends at .*not used/,
  );
  assert.deepEqual(view.buttons(), ["Log out", "Switch account"]);
  assert.deepEqual(view.links(), ["My account"]);
});

test("a login without a name, a renewal or an end says so in its words", async () => {
  const token = await show(makeModel({ ...SIGNED_IN, user: "", source: "environment", renewable: false }));
  assert.match(token.text(), /Signed in\..*what the environment holds\.Good until /);
  const basic = await show(makeModel({ phase: "signed_in", user: "alice", source: "basic" }));
  assert.match(basic.text(), /\(Basic\)\.Good until you log out\./);
});

test("a session that will end soon warns before, and says it once", async () => {
  const view = await show(makeModel({ ...SIGNED_IN, session_ends_at: SIGNED_IN.session_ends_at - 2970 }));
  assert.doesNotMatch(view.text(".ts-facts"), /Not used for a while/);
  await pass(120_000);
  assert.match(view.text(".ts-facts"), /Not used for a while: this login ends in 9 minutes/);
  assert.match(view.spoken(), /ends in 10 minutes/);
  await pass(60_000);
  assert.match(view.text(".ts-facts"), /ends in 8 minutes/);
  assert.match(view.spoken(), /ends in 10 minutes/);
});

test("after logging out it says what that did", async () => {
  const model = makeModel(SIGNED_IN);
  const view = await show(model);
  await view.click("Log out");
  await model.turn({ ...SIGNED_OUT, serial: 2, notice: "Signed out, and the session at Terrascope is ended." });
  assert.match(view.text(".ts-panel"), /session at Terrascope is ended/);
  assert.match(view.spoken(), /session at Terrascope is ended/);
  assert.deepEqual(model.kinds(), ["hello", "logout"]);
});

const SWITCHING = { ...SIGNED_IN, ...AWAITING };

test("Switch account asks for a code beside the login that is there, which Cancel leaves as it was", async () => {
  const model = makeModel(SIGNED_IN);
  const [view, other] = [await show(model), await show(model)];
  await view.click("Switch account");
  assert.deepEqual(
    model.sent.slice(2).map(({ kind, switch: isSwitch }) => [kind, isSwitch]),
    [["start_device", true]],
  );
  await model.turn({ phase: "signing_in" });
  assert.match(other.text(), /Signed in as alice\. Switching: Signing in…/);
  await model.turn(SWITCHING);
  for (const each of [view, other]) {
    assert.match(each.text(), /Signed in as alice\. Switching: Approve this code at sso\.example\.org/);
    assert.ok(each.links().includes("My account"));
  }
  await view.click("Cancel");
  assert.equal(model.kinds().at(-1), "cancel");
  await model.turn({ ...SIGNED_IN, verification_uri: "", code_expires_at: 0, notice: "Cancelled." });
  assert.deepEqual(view.buttons(), ["Log out", "Switch account"]);
});

test("Switch account shows the form where there are no codes, and asks the kernel when that is sent", async () => {
  const model = makeModel({ ...SIGNED_IN, provider: { ...PROVIDER, methods: ["password"] } });
  const [view, other] = [await show(model), await show(model)];
  await view.click("Switch account");
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Cancel"]);
  assert.deepEqual(other.buttons(), ["Log out", "Switch account"]);
  assert.match(view.text(), /Signed in as alice\. Switching:/);
  await model.turn({ expires_at: SIGNED_IN.expires_at + 270 });
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Cancel"]);
  await view.click("Cancel");
  assert.deepEqual(view.buttons(), ["Log out", "Switch account"]);
  assert.deepEqual(model.kinds(), ["hello", "hello"]);
  await view.click("Switch account");
  [view.input("username").value, view.input("password").value] = ["bob", "secret"];
  await view.click("Sign in");
  assert.deepEqual([model.sent.at(-1).kind, model.sent.at(-1).switch], ["submit_password", true]);
  await model.turn({ phase: "signing_in" });
  await model.turn({ ...SIGNED_IN, error: REFUSED.error });
  assert.match(view.alert(), /password is not right/);
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Cancel"]);
  await view.click("Cancel");
  assert.equal(model.sent.at(-1).kind, "cancel");
  await model.turn({ phase: "signing_in", error: {} });
  await model.turn({ ...SIGNED_IN, user: "bob" });
  assert.deepEqual(view.buttons(), ["Log out", "Switch account"]);
});

test("each new state is spoken, and what was there from the start is not", async () => {
  const model = makeModel();
  const view = await show(model);
  assert.equal(view.spoken(), "");
  await model.turn(AWAITING);
  assert.match(view.spoken(), /^Your code is W D J B - M J H T\. Approve it at sso\.example\.org\.$/);
  await pass(545_000);
  assert.match(view.spoken(), /one more minute/);
  await model.turn(SIGNED_IN);
  assert.equal(view.spoken(), "Signed in as alice.");
});

test("the focus goes along when the panel under it changes, and is not stolen otherwise", async () => {
  const model = makeModel();
  const [mine, other] = [await show(model), await show(model)];
  mine.button("Sign in with Terrascope").focus();
  await model.turn(AWAITING);
  assert.equal(document.activeElement, mine.button("Copy code & open Terrascope"));
  document.activeElement.blur();
  await model.turn(SIGNED_IN);
  assert.equal(document.activeElement, document.body);
  assert.match(other.text(), /Signed in as alice/);
});

test("a renewal leaves the page's nodes, and so focus and selection, where they are", async () => {
  const model = makeModel(SIGNED_IN);
  const view = await show(model);
  const logout = view.button("Log out");
  logout.focus();
  await model.turn({ expires_at: SIGNED_IN.expires_at + 270 });
  assert.equal(document.activeElement, logout);
});

test("two views of one model show the same, and each sends for itself", async () => {
  const model = makeModel();
  const [one, two] = [await show(model), await show(model)];
  await one.click("Use a password");
  assert.deepEqual(two.buttons(), ["Sign in with Terrascope", "Use a password"]);
  await model.turn(AWAITING);
  assert.equal(one.text("code"), two.text("code"));
  assert.notEqual(model.sent[0].view_id, model.sent[1].view_id);
  assert.equal(document.querySelectorAll("[id]").length, 0);
});

test("a QR code of the address is drawn on request, and goes with the code", async () => {
  const model = makeModel(AWAITING);
  const view = await show(model);
  assert.equal(view.el.querySelectorAll(".ts-qr").length, 0);
  await view.click("QR");
  const drawn = view.el.querySelector(".ts-qr");
  assert.equal(drawn.getAttribute("aria-label"), "The address as a QR code");
  assert.equal(view.button("QR").getAttribute("aria-expanded"), "true");
  assert.deepEqual(modulesOf(drawn), await expectedModules(CODE.verification_uri_complete));
  await view.click("QR");
  assert.equal(view.el.querySelectorAll(".ts-qr").length, 0);
  await view.click("QR");
  await model.turn(SIGNED_IN);
  await model.turn(AWAITING);
  assert.equal(view.el.querySelectorAll(".ts-qr").length, 0);
});

/** The dark modules of a drawn code as "x,y", its margin of four taken off. */
function modulesOf(svg) {
  const path = svg.querySelector("path").getAttribute("d");
  return [...path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => `${x - 4},${y - 4}`).sort();
}

async function expectedModules(text) {
  const { generate } = await import("lean-qr/nano");
  const code = generate(text);
  const all = [...Array(code.size * code.size).keys()].map((n) => [n % code.size, Math.floor(n / code.size)]);
  return all
    .filter(([x, y]) => code.get(x, y))
    .map(String)
    .sort();
}

test("after a session has ended one signs in again, and after a denied or expired code gets a new one", async () => {
  const failed = (error) => ({ phase: "failed", error: { what: "It failed.", why: "", do: "", error: "", ...error } });
  for (const [error, label] of [
    [{ ended: true }, "Sign in again"],
    [{ ended: true, error: "invalid_grant" }, "Sign in again"],
    [{ error: "access_denied" }, "New code"],
    [{ error: "expired_token" }, "New code"],
    [{}, "Try again"],
  ]) {
    const view = await show(makeModel(failed(error)));
    assert.deepEqual(view.buttons(), [label, "Use a password"]);
  }
});

test("several providers can be chosen from, and the widget is then the other one's", async () => {
  const choices = { terrascope: "Terrascope", mine: "Mine" };
  const model = makeModel({ choices });
  const view = await show(model);
  const select = () => view.el.querySelector("select");
  assert.deepEqual([select().value, select().getAttribute("aria-label")], ["terrascope", "Provider"]);
  select().focus();
  select().value = "mine";
  select().dispatchEvent(new window.Event("change"));
  const { kind, provider } = model.sent.at(-1);
  assert.deepEqual([kind, provider], ["choose_provider", "mine"]);
  await model.turn({ provider: { ...PROVIDER, name: "mine", label: "Mine" } });
  model.fire("change:provider");
  await settled();
  assert.equal(view.el.querySelectorAll(".ipyterrascope-login").length, 1);
  assert.deepEqual(view.buttons(), ["Sign in with Mine", "Use a password"]);
  assert.equal(document.activeElement, select());
  view.close();
  assert.equal(model.listening(), 0);
});

test("a back-end's pages for people stand beside the link to register", async () => {
  const links = [["Join the project", "https://join.example.org/"]];
  for (const traits of [{}, SIGNED_IN]) {
    const view = await show(makeModel({ ...traits, provider: { ...PROVIDER, links } }));
    const page = [...view.el.querySelectorAll("a")].find((node) => node.textContent === "Join the project");
    assert.deepEqual([page?.href, page?.rel], ["https://join.example.org/", "noopener noreferrer"]);
  }
});

test("text from outside stays text, whatever is in it", async () => {
  const evil = '<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>';
  const provider = {
    ...PROVIDER,
    label: evil,
    badge: evil,
    issuer_host: evil,
    registration_url: "javascript:alert(1)",
    links: [[evil, "javascript:alert(1)"]],
  };
  for (const traits of [
    { notice: evil },
    { ...AWAITING, verification_uri: "javascript:alert(1)" },
    { ...SIGNED_IN, user: evil, source: evil },
    { ...REFUSED, error: { what: evil, why: evil, do: evil, error: evil } },
  ]) {
    const code = { ...CODE, user_code: evil, verification_uri_complete: "data:text/html,x" };
    const view = await show(makeModel({ provider, choices: { a: evil, b: evil }, ...traits }, undefined, code));
    assert.equal(view.el.querySelectorAll("img, script").length, 0);
    for (const link of view.el.querySelectorAll("a")) assert.match(link.href, /^(https:.*)?$/);
  }
  assert.equal(globalThis.pwned, undefined);
});

test("a code whose address is not safe is shown without a link", async () => {
  const code = { ...CODE, verification_uri_complete: "javascript:alert(1)" };
  const view = await show(makeModel({ ...AWAITING, verification_uri: "http://sso.example.org/" }, undefined, code));
  assert.deepEqual(view.links(), []);
  assert.deepEqual(view.buttons(), ["Copy", "New code", "Cancel", "Use a password"]);
});

test("the clean-up leaves nothing behind", async () => {
  const model = makeModel(AWAITING);
  const view = await show(model);
  view.close();
  model.get = () => assert.fail("somebody still looks");
  assert.equal(view.el.childElementCount, 0);
  assert.equal(model.listening(), 0);
  window.dispatchEvent(new Event("focus"));
  await pass(60_000);
  await settled();
  assert.deepEqual(model.kinds(), ["hello"]);
});
