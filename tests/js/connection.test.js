import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { AWAITING, CODE, makeModel, openPage, pass, SIGNED_IN, settled, show, welcome } from "./page.js";

beforeEach(() => openPage());

const mute = () => {};
const GONE = /This login belongs to an earlier session\. Run the notebook's %load_ext cell and this one again\./;

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

test("a line that throws is said to have stopped, and takes the state along", async () => {
  const model = makeModel({}, (model, content) => {
    if (content.kind === "logout") throw new Error("Cannot send");
    welcome(model, content);
  });
  const view = await show(model);
  await model.turn(SIGNED_IN);
  await view.click("Log out");
  assert.match(
    view.alert(),
    /^The kernel has stopped, or was restarted\. Run the notebook's %load_ext cell and this one again; in an app, reload the page\.$/,
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
  assert.deepEqual(model.kinds(), ["hello", "hello", "poll", "hello", "poll"]);
  await model.turn(SIGNED_IN);
  window.dispatchEvent(new Event("focus"));
  assert.deepEqual(model.kinds().slice(5), ["hello"]);
});

/** A widget manager as JupyterLab's, whose kernel the test plays. */
function makeManager(status = "idle") {
  const signal = () => {
    const slots = new Set();
    return {
      slots,
      connect: (slot) => slots.add(slot),
      disconnect: (slot) => slots.delete(slot),
      emit: (news) => slots.forEach((slot) => slot(null, news)),
    };
  };
  const sessionContext = { statusChanged: signal(), kernelChanged: signal() };
  return { context: { sessionContext }, kernel: { status, connectionStatus: "connected" }, ...sessionContext };
}

function managed(traits, answer, status) {
  const model = makeModel(traits, answer);
  model.widget_manager = makeManager(status);
  return model;
}

test("where the front-end tells that the kernel has ended, the view says so at once", async () => {
  for (const news of ["dead", "terminating", "restarting", "autorestarting", { newValue: null }]) {
    const model = managed(AWAITING);
    const view = await show(model);
    const { statusChanged, kernelChanged } = model.widget_manager;
    (typeof news === "string" ? statusChanged : kernelChanged).emit(news);
    await settled();
    assert.match(view.alert(), /^The kernel has stopped, or was restarted\./);
    assert.doesNotMatch(view.text(), /WDJB/);
    view.close();
    assert.equal(statusChanged.slots.size + kernelChanged.slots.size, 0);
  }
});

test("a kernel that is only busy, idle or replaced has not ended", async () => {
  const model = managed(AWAITING);
  const view = await show(model);
  for (const news of ["busy", "idle", "unknown"]) model.widget_manager.statusChanged.emit(news);
  model.widget_manager.kernelChanged.emit({ newValue: {} });
  await settled();
  assert.equal(view.text("code"), "WDJB-MJHT");
});

test("a view whose kernel runs a cell waits for it, however long that takes, and for what comes after it", async () => {
  const model = managed(SIGNED_IN, mute, "busy");
  const view = await show(model);
  await pass(2_000);
  assert.equal(view.text(".ts-status"), "Waiting for the running cell…");
  await pass(60_000);
  assert.equal(view.alert(), "");
  assert.equal(view.text(".ts-status"), "Waiting for the running cell…");
  model.widget_manager.kernel.status = "idle";
  await pass(5_000);
  assert.equal(view.alert(), "");
  await pass(5_000);
  assert.match(view.alert(), GONE);
});

test("while a code waits the view asks now and then whether the kernel is there, and not while signed in", async () => {
  const model = makeModel(AWAITING);
  await show(model);
  await pass(40_000);
  assert.deepEqual(model.kinds(), ["hello", "hello", "hello"]);
  await model.turn(SIGNED_IN);
  await pass(120_000);
  assert.deepEqual(model.kinds(), ["hello", "hello", "hello"]);
});

test("a kernel that falls silent while a code waits is said to be so, and not to be there", async () => {
  let answers = true;
  const answer = (model, content) => answers && welcome(model, content);
  const said = new Map([
    [undefined, "The kernel does not answer: it runs a cell, or has stopped."],
    ["busy", "Waiting for the running cell…"],
  ]);
  for (const [status, text] of said) {
    answers = true;
    const model = status ? managed(AWAITING, answer, status) : makeModel(AWAITING, answer);
    const view = await show(model);
    answers = false;
    await pass(22_000);
    assert.equal(view.text(".ts-status"), text);
    assert.equal(view.text("code"), "WDJB-MJHT");
    await model.turn(SIGNED_IN);
    assert.match(view.text(), /Signed in as alice/);
  }
  answers = true;
  const model = managed(AWAITING, answer, "idle");
  const view = await show(model);
  answers = false;
  await pass(22_000);
  assert.match(view.alert(), GONE);
});

test("a click that an idle kernel leaves unanswered may have been lost, and is said to be", async () => {
  const model = managed({}, welcome, "idle");
  const view = await show(model);
  await view.click("Sign in with Terrascope");
  await pass(2_000);
  assert.equal(view.text(".ts-status"), "The kernel does not answer. Try again, or reload the page.");
});

test("a state that comes after all wakes a view up that had given up", async () => {
  const model = makeModel({}, mute);
  const view = await show(model);
  await pass(5_000);
  assert.match(view.alert(), GONE);
  const answered = model.sent.length;
  await model.turn(SIGNED_IN);
  assert.equal(model.kinds()[answered], "hello");
});

test("a code whose message was lost is asked for again, once", async () => {
  let tells = false;
  const forgetful = (model, { kind, view_id }) => {
    if (kind !== "hello") return;
    queueMicrotask(() => {
      if (tells) model.tell(view_id);
      model.reply({ kind: "welcome", view_id, now: 0 });
    });
  };
  const model = makeModel(AWAITING, forgetful);
  const view = await show(model);
  assert.equal(view.text("code"), "…");
  assert.deepEqual(model.kinds(), ["hello", "hello"]);
  tells = true;
  await model.turn({ serial: 9 });
  await settled();
  assert.equal(view.text("code"), "WDJB-MJHT");
});

test("an earlier code is never shown with a later state", async () => {
  const model = makeModel(AWAITING);
  const view = await show(model);
  model.code = { ...CODE, code_expires_at: 1 };
  await model.turn({ ...AWAITING, code_expires_at: AWAITING.code_expires_at + 5 });
  assert.equal(view.text("code"), "…");
});

test("a code that is meant for another view, or comes from another kernel, is none", async () => {
  const model = makeModel(AWAITING, (model, { kind, view_id }) => {
    if (kind === "hello") queueMicrotask(() => model.reply({ kind: "welcome", view_id, now: 0 }));
  });
  const view = await show(model);
  model.tell("another");
  model.fire("msg:custom", { kind: "code", boot_id: "another", view_id: "", ...CODE });
  await settled();
  assert.equal(view.text("code"), "…");
});
