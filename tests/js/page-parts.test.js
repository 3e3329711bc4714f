import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { minutesAndSeconds, timeOfDay } from "../../js/clock.js";
import { AWAITING, makeModel, openPage, pass, settled, show } from "./page.js";

beforeEach(() => openPage());

/** @param {object} parts */
function withNavigator(parts) {
  Object.defineProperty(globalThis, "navigator", { value: parts, configurable: true });
}

test("only https, and http on this machine, becomes a link", async () => {
  const { safeUrl } = await import("../../js/links.js");
  for (const good of ["https://a.example/x?y#z", "http://localhost:1/", "http://127.0.0.9/", "http://[::1]:8/"]) {
    assert.equal(safeUrl(good)?.href, good);
  }
  for (const bad of [
    ...["", "x", "/device", "//a.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x"],
    ...["http://a.example/", "http://localhost.a.example/", "http://127.0.0.1.a.example/", "https://u:p@a.example/"],
    ...["file:///etc/passwd", "blob:https://a.example/1"],
  ]) {
    assert.equal(safeUrl(bad), null, bad);
  }
});

test("the copy button and the link both copy the code, and say so for a while", async () => {
  for (const label of ["Copy", "Copy code & open Terrascope"]) {
    const copied = [];
    withNavigator({ clipboard: { writeText: async (text) => copied.push(text) } });
    const view = await show(makeModel(AWAITING));
    await view.click(label);
    assert.deepEqual(copied, ["WDJB-MJHT"]);
    assert.equal(view.text(".ts-status"), "Code copied.");
    assert.equal(view.spoken(), "Code copied.");
    await pass(4_000);
    assert.equal(view.text(".ts-status"), "Waiting for your approval");
  }
});

test("where the clipboard cannot be had the code is selected, and the person told", async () => {
  const refusing = { clipboard: { writeText: () => Promise.reject(new Error("NotAllowedError")) } };
  for (const parts of [{}, refusing]) {
    withNavigator(parts);
    const view = await show(makeModel(AWAITING));
    await view.click("Copy");
    await settled();
    assert.match(view.text(".ts-status"), /^The code is selected: copy it with Ctrl\+C/);
    assert.equal(String(window.getSelection()), "WDJB-MJHT");
  }
});

test("a count-down never goes below zero", () => {
  assert.deepEqual([600.4, 59.6, 1, 0.9, -5].map(minutesAndSeconds), ["10:00", "0:59", "0:01", "0:00", "0:00"]);
});

test("an instant of another day is told with its day", () => {
  const noon = new Date(2027, 0, 15, 12).getTime() / 1000;
  assert.doesNotMatch(timeOfDay(noon + 60, noon), /15|16/);
  assert.match(timeOfDay(noon + 86_400, noon), /16/);
});
