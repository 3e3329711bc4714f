import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { AWAITING, makeModel, openPage, pass, SIGNED_IN, settled, show, welcome } from "./page.js";

beforeEach(() => openPage());

const mute = () => {};
const GONE = /This login belongs to an earlier session\. Run the cell again\./;

test("until the kernel answers, nothing can be clicked and no state is shown", async () => {
  const view = await show(makeModel(SIGNED_IN, mute));
  assert.equal(view.text(".ts-status"), "Connecting…");
  assert.deepEqual([view.buttons(), view.links()], [[], []]);
  assert.doesNotMatch(view.text(), /alice/);
});

test("a kernel that does not answer for five seconds is an earlier session", async () => {
  const view = await show(makeModel(SIGNED_IN, mute));
  await pass(4_900);
  assert.equal(view.alert(), "");
  await pass(200);
  assert.match(view.alert(), GONE);
  assert.doesNotMatch(view.text(), /alice/);
});

test("an answer with another boot id, or meant for another view, is none", async () => {
  const model = makeModel(SIGNED_IN, mute);
  const view = await show(model);
  const { view_id } = model.sent[0];
  model.fire("msg:custom", { kind: "welcome", boot_id: "another", view_id, now: 0 });
  model.fire("msg:custom", { kind: "welcome", boot_id: "boot", view_id: "another", now: 0 });
  model.fire("msg:custom", undefined);
  await pass(5_000);
  assert.match(view.alert(), GONE);
});

test("an answer that comes late wakes the view up", async () => {
  const model = makeModel(SIGNED_IN, mute);
  const view = await show(model);
  await pass(9_000);
  model.reply({ kind: "welcome", view_id: model.sent[0].view_id, now: 0 });
  await settled();
  assert.equal(view.alert(), "");
  assert.match(view.text(), /Signed in as alice/);
});

test("a line that throws is said to be broken, and takes the state along", async () => {
  const model = makeModel({}, (model, content) => {
    if (content.kind === "logout") throw new Error("Cannot send");
    welcome(model, content);
  });
  const view = await show(model);
  await model.turn(SIGNED_IN);
  await view.click("Log out");
  assert.match(
    view.alert(),
    /^The kernel was restarted, or has stopped\. Run the notebook's %load_ext cell and this one again\.$/,
  );
  assert.deepEqual(view.buttons(), []);
  assert.doesNotMatch(view.text(), /alice/);
});

test("when the line changes the view asks again, and shows nothing until it is answered", async () => {
  let answers = true;
  const model = makeModel(SIGNED_IN, (model, content) => answers && welcome(model, content));
  const view = await show(model);
  answers = false;
  model.fire("comm_live_update");
  await settled();
  assert.doesNotMatch(view.text(), /alice/);
  await pass(5_000);
  assert.match(view.alert(), GONE);
  answers = true;
  window.dispatchEvent(new Event("focus"));
  await settled();
  assert.match(view.text(), /alice/);
});

test("a click that nobody answers for two seconds waits for the running cell, and may be repeated", async () => {
  const model = makeModel();
  const view = await show(model);
  await view.click("Sign in with Terrascope");
  assert.equal(view.el.querySelector(".ts-body").getAttribute("aria-busy"), "true");
  await pass(2_000);
  assert.equal(view.text(".ts-status"), "Waiting for the running cell…");
  assert.equal(view.spoken(), "Waiting for the running cell…");
  assert.equal(view.el.querySelector(".ts-body").getAttribute("aria-busy"), "false");
  await view.click("Sign in with Terrascope");
  assert.deepEqual(model.kinds(), ["hello", "start_device", "start_device"]);
  await model.turn(AWAITING);
  assert.equal(view.text(".ts-status"), "Waiting for your approval");
});

test("an accepted request waits for nothing", async () => {
  const model = makeModel();
  const view = await show(model);
  await view.click("Sign in with Terrascope");
  model.reply({ kind: "accepted", view_id: model.sent[1].view_id });
  await pass(3_000);
  assert.equal(view.text(".ts-status"), "");
});

test("a refused request says why in the view that asked, until something else happens", async () => {
  const model = makeModel();
  const [mine, other] = [await show(model), await show(model)];
  await mine.click("Sign in with Terrascope");
  model.reply({ kind: "refused", view_id: model.sent[2].view_id, reason: "Nothing was done. It had moved on." });
  await settled();
  assert.equal(mine.alert(), "Nothing was done. It had moved on.");
  assert.equal(mine.text("[role=alert] strong"), "Nothing was done.");
  assert.equal(other.alert(), "");
  await model.turn(AWAITING);
  assert.equal(mine.alert(), "");
});

test("the person's return to the tab asks the kernel to look at once, while a code waits", async () => {
  const model = makeModel(AWAITING);
  await show(model);
  window.dispatchEvent(new Event("focus"));
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(model.kinds(), ["hello", "poll", "poll"]);
  await model.turn(SIGNED_IN);
  window.dispatchEvent(new Event("focus"));
  assert.deepEqual(model.kinds(), ["hello", "poll", "poll"]);
});
