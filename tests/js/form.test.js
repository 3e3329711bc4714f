import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { AWAITING, makeModel, openPage, PROVIDER, REFUSED, SIGNED_IN, SIGNED_OUT, settled, show } from "./page.js";

beforeEach(() => openPage());

async function openForm(model) {
  const view = await show(model);
  await view.click("Use a password");
  return view;
}

function type(view, values) {
  for (const [name, value] of Object.entries(values)) view.input(name).value = value;
}

async function submit(view) {
  view.el.querySelector("form").requestSubmit();
  await settled();
}

test("the password leaves once, as bytes, and is gone from the page in the same tick", async () => {
  const model = makeModel();
  const view = await openForm(model);
  type(view, { username: " alice ", password: "päss wörd+&%" });
  view.el.querySelector("form").requestSubmit();
  assert.equal(view.input("password").value, "");
  assert.deepEqual(model.buffers.at(-1), ["päss wörd+&%"]);
  const { kind, username, method, has_one_time_code, ...rest } = model.sent.at(-1);
  assert.deepEqual([kind, username, method, has_one_time_code], ["submit_password", "alice", "password", false]);
  assert.deepEqual(Object.keys(rest).sort(), ["boot_id", "switch", "view_id"]);
});

test("the wish to stay signed in goes along with the form, but not with Basic among other ways", async () => {
  for (const [methods, expected] of [
    [["password"], true],
    [["basic"], true],
    [["basic", "device"], undefined],
  ]) {
    const model = makeModel({ provider: { ...PROVIDER, methods, can_remember: true }, remember: true });
    const view = await show(model);
    type(view, { username: "alice", password: "secret" });
    await submit(view);
    assert.equal(model.sent.at(-1).remember, expected);
  }
});

const EARTHDATA = { ...PROVIDER, methods: ["token", "password"], token_url: "https://urs.example.org/profile" };

test("a token is pasted alone, beside the link to where one is made", async () => {
  const model = makeModel({ provider: { ...EARTHDATA, can_remember: true }, username: "alice" });
  const view = await show(model);
  assert.equal(view.input("username"), null);
  assert.equal(view.input("password").closest("label").textContent, "Paste a token");
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Use a password"]);
  assert.deepEqual(view.links(), ["Make a token", "Register"]);
  assert.match(view.text(".ts-hint"), /used until it ends/);
  assert.ok(view.el.querySelector(".ts-choice").hidden);
  await submit(view);
  assert.equal(model.sent.filter(({ kind }) => kind === "submit_password").length, 0);
  type(view, { password: "eyJ0b2tlbiI6MX0" });
  await submit(view);
  const { kind, username, method, has_one_time_code, remember } = model.sent.at(-1);
  assert.deepEqual([kind, username, method, has_one_time_code], ["submit_password", "", "token", false]);
  assert.equal(remember, undefined);
  assert.deepEqual(model.buffers.at(-1), ["eyJ0b2tlbiI6MX0"]);
  assert.equal(view.input("password").value, "");
});

test("from the token to user name and password and back, where nothing of what was typed is left", async () => {
  const model = makeModel({ provider: EARTHDATA, username: "alice" });
  const view = await show(model);
  const token = view.input("password");
  type(view, { password: "eyJ0" });
  await view.click("Use a password");
  assert.equal(document.activeElement, document.body);
  assert.equal(token.value, "");
  assert.equal(view.input("username").value, "alice");
  assert.equal(view.text(".ts-hint"), "It is sent once, for a token, and not kept.");
  assert.ok(view.el.querySelector("details").hidden);
  assert.deepEqual(view.links(), ["Forgot the password?", "Register"]);
  view.button("Use a token").focus();
  await view.click("Use a token");
  assert.equal(document.activeElement, token);
  assert.deepEqual(model.kinds(), ["hello"]);
});

test("a client's secret is typed alone, may be kept, and is a click away from a code", async () => {
  const model = makeModel({
    provider: { ...PROVIDER, methods: ["oidc", "device"], can_remember: true },
    remember: true,
  });
  const view = await show(model);
  assert.equal(view.input("password").closest("label").textContent, "Client secret");
  assert.equal(view.input("password").autocomplete, "off");
  assert.match(view.text(".ts-hint"), /stays in memory until you log out, or on this machine/);
  assert.deepEqual(view.links(), ["Register"]);
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Use a code"]);
  type(view, { password: "s3cret" });
  await submit(view);
  const { username, method, remember } = model.sent.at(-1);
  assert.deepEqual([username, method, remember], ["", "oidc", true]);
  assert.deepEqual(model.buffers.at(-1), ["s3cret"]);
  await model.turn({ ...AWAITING });
  assert.deepEqual(view.buttons().slice(-2), ["Cancel", "Use a secret"]);
});

test("what is wrong with a login by token leads to the account's page", async () => {
  const model = makeModel({ provider: EARTHDATA });
  const view = await show(model);
  await model.turn({ phase: "failed", error: { what: "No other token.", error: "max_token_limit" } });
  assert.deepEqual(view.links(), ["Make a token", "Register", "My account"]);
});

test("the bytes are overwritten once the kernel has answered", async () => {
  const model = makeModel();
  const view = await openForm(model);
  type(view, { username: "alice", password: "secret" });
  await submit(view);
  const [buffer] = model.lastBuffers;
  assert.equal(buffer.buffer.byteLength, 6);
  await model.turn({ phase: "signing_in" });
  assert.ok(buffer.every((byte) => byte === 0));
});

test("a one-time code is the second buffer, and is emptied as well", async () => {
  const model = makeModel();
  const view = await openForm(model);
  type(view, { username: "alice", password: "secret", code: "123456" });
  await submit(view);
  assert.deepEqual(model.buffers.at(-1), ["secret", "123456"]);
  assert.equal(model.sent.at(-1).has_one_time_code, true);
  assert.equal(view.input("code").value, "");
});

test("nothing is sent without a user name and a password; what is missing is marked and said", async () => {
  const model = makeModel();
  const view = await openForm(model);
  const inputs = ["username", "password"].map((name) => view.input(name));
  const marks = () => inputs.map((input) => input.getAttribute("aria-invalid"));
  await submit(view);
  assert.equal(document.activeElement, view.input("username"));
  assert.deepEqual(marks(), ["true", "true"]);
  assert.deepEqual(
    ["username", "password"].map((name) => view.input(name).closest("label").textContent),
    ["User name Fill this in.", "Password Fill this in."],
  );
  type(view, { username: "alice" });
  view.input("username").dispatchEvent(new window.Event("input"));
  assert.deepEqual(marks(), ["false", "true"]);
  await submit(view);
  assert.equal(document.activeElement, view.input("password"));
  assert.deepEqual(model.kinds(), ["hello"]);
  await view.click("Use a code");
  assert.deepEqual(marks(), ["false", "false"]);
});

test("the password can be shown, and is hidden again before it is sent or left", async () => {
  const model = makeModel();
  const view = await openForm(model);
  const password = view.input("password");
  const toggle = view.button("Show");
  assert.deepEqual([toggle.getAttribute("aria-label"), toggle.type], ["Show what is typed", "button"]);
  await view.click("Show");
  assert.deepEqual([password.type, toggle.getAttribute("aria-label")], ["text", "Hide what is typed"]);
  await view.click("Hide");
  assert.equal(password.type, "password");
  await view.click("Show");
  type(view, { username: "alice", password: "secret" });
  await submit(view);
  assert.equal(password.type, "password");
  await view.click("Show");
  await model.turn(SIGNED_IN);
  assert.equal(password.type, "password");
});

test("a Caps Lock that is on is told while the password is typed", async () => {
  const view = await openForm(makeModel());
  const password = view.input("password");
  const press = (capsLock) =>
    password.dispatchEvent(new window.KeyboardEvent("keyup", { key: "A", modifierCapsLock: capsLock }));
  press(true);
  assert.equal(view.text("label + button + [role=status]"), "Caps Lock is on.");
  press(false);
  assert.equal(view.text("label + button + [role=status]"), "");
  press(true);
  password.dispatchEvent(new window.Event("blur"));
  assert.equal(view.text("label + button + [role=status]"), "");
});

test("what the alert says of accounts without a password is not said twice, and the account's page is a link", async () => {
  const model = makeModel();
  const view = await openForm(model);
  assert.doesNotMatch(view.links().join(), /My account/);
  await model.turn(REFUSED);
  assert.equal(view.text(".ts-hint"), "");
  assert.deepEqual(view.links(), ["Forgot the password?", "Register", "My account"]);
});

test("while signing in the form stays, cannot be sent again and can be cancelled", async () => {
  const model = makeModel();
  const view = await openForm(model);
  type(view, { username: "alice", password: "secret" });
  await submit(view);
  await model.turn({ phase: "signing_in" });
  type(view, { password: "again" });
  await submit(view);
  assert.deepEqual(model.kinds(), ["hello", "submit_password"]);
  assert.deepEqual(view.buttons(), ["Show", "Signing in…", "Cancel"]);
  assert.equal(view.input("username").readOnly, true);
  await view.click("Cancel");
  assert.equal(model.kinds().at(-1), "cancel");
});

test("a wrong password keeps the user name, empties the rest and says why", async () => {
  const model = makeModel();
  const view = await openForm(model);
  type(view, { username: "alice", password: "wrong", code: "123456" });
  await submit(view);
  await model.turn({ phase: "signing_in" });
  await model.turn(REFUSED);
  assert.deepEqual(
    ["username", "password", "code"].map((name) => view.input(name).value),
    ["alice", "", ""],
  );
  assert.equal(view.alert(), "The sign-in was refused. The password is not right. Type it again.");
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Use a code"]);
});

test("a password that was typed and not sent does not outlive the form", async () => {
  const model = makeModel();
  const view = await openForm(model);
  const password = view.input("password");
  password.value = "secret";
  await view.click("Use a code");
  assert.equal(password.value, "");
  await view.click("Use a password");
  password.value = "secret";
  await model.turn(SIGNED_IN);
  assert.equal(password.value, "");
  await model.turn({ ...SIGNED_OUT, serial: 9 });
  await view.click("Use a password");
  password.value = "secret";
  view.close();
  assert.equal(password.value, "");
});

test("once signed in, the next login begins as the first one did, after what logging out did", async () => {
  const model = makeModel();
  const view = await openForm(model);
  await model.turn(SIGNED_IN);
  await model.turn({ ...SIGNED_OUT, serial: 9, notice: "Signed out." });
  assert.match(view.text(".ts-panel"), /^Signed out\./);
  assert.deepEqual(view.buttons(), ["Sign in with Terrascope", "Use a password"]);
});

test("the form says what just happened, too", async () => {
  const view = await show(makeModel({ provider: { ...PROVIDER, methods: ["password"] }, notice: "Signed out." }));
  assert.match(view.text(".ts-panel"), /^Signed out\./);
});

test("password managers are told what the fields are", async () => {
  const view = await openForm(makeModel());
  const told = ["username", "password", "code"].map((name) => view.input(name).autocomplete);
  assert.deepEqual(told, ["username", "current-password", "one-time-code"]);
  assert.equal(view.input("password").type, "password");
  for (const field of view.el.querySelectorAll("input")) assert.ok(field.closest("label").textContent);
});

test("federated accounts are told that they have no password, and led back to the code", async () => {
  const model = makeModel();
  const view = await openForm(model);
  assert.match(view.text(), /EduGAIN and social logins have no password here\./);
  assert.deepEqual(view.links(), ["Forgot the password?", "Register"]);
  await view.click("Use a code");
  assert.deepEqual(model.kinds(), ["hello", "start_device"]);
});

test("where anybody may sign in, the form says as whom", async () => {
  const provider = { ...PROVIDER, badge: "SANDBOX", demo_login: "dora, password 1234" };
  const model = makeModel({ provider });
  const view = await openForm(model);
  assert.equal(view.text(".ts-hint"), "No real account: sign in as dora, password 1234.");
  await model.turn(REFUSED);
  assert.match(view.text(".ts-hint"), /dora/);
});

test("a known user name is filled in, and the focus goes to the password", async () => {
  const view = await show(makeModel({ username: "alice" }));
  view.button("Use a password").focus();
  await view.click("Use a password");
  assert.equal(view.input("username").value, "alice");
  assert.equal(document.activeElement, view.input("password"));
});

test("where only Basic is offered, the form says what becomes of the password, and sends that method", async () => {
  const model = makeModel({ provider: { ...PROVIDER, methods: ["basic"] } });
  const view = await show(model);
  assert.match(view.text(".ts-hint"), /stays in memory until you log out, or on this machine/);
  type(view, { username: "alice", password: "secret" });
  await submit(view);
  assert.equal(model.sent.at(-1).method, "basic");
});

test("plain keys stay in the widget, and the notebook's shortcuts pass", async () => {
  const view = await openForm(makeModel());
  const heard = [];
  document.addEventListener("keydown", (event) => heard.push(event.key));
  const press = (key, modifiers = {}) =>
    view.input("password").dispatchEvent(new window.KeyboardEvent("keydown", { key, bubbles: true, ...modifiers }));
  for (const key of ["Enter", "d", "ArrowUp"]) press(key);
  press("s", { ctrlKey: true });
  press("z", { metaKey: true });
  press("x", { altKey: true });
  assert.deepEqual(heard, ["s", "z", "x"]);
});

test("on a page that is not encrypted the form is behind a warning and a button", async () => {
  openPage("http://hub.example.org/lab");
  const view = await openForm(makeModel());
  assert.match(view.text(), /This page is not encrypted/);
  assert.deepEqual(view.buttons(), ["Show the form anyway", "Use a code"]);
  await view.click("Show the form anyway");
  assert.deepEqual(view.buttons(), ["Show", "Sign in", "Use a code"]);
  assert.equal(document.activeElement, view.input("username"));
});

for (const url of ["https://hub.example.org/lab", "http://127.0.0.1:8888/lab", "http://[::1]:8888/lab"]) {
  test(`at ${url} there is no such warning`, async () => {
    openPage(url);
    const view = await openForm(makeModel());
    assert.deepEqual(view.buttons(), ["Show", "Sign in", "Use a code"]);
  });
}
