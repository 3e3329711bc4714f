import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  MANY,
  makeModel,
  openPage,
  pass,
  ROWS,
  row,
  settled,
  show,
  silence,
  welcome,
  windowOf,
} from "./download-page.js";

beforeEach(() => openPage());

const FAILED = row("b.tif", "failed", { note: "It is gone.", advice: "Look elsewhere." });

/** Let a model answer whatever rows it is asked for, after a moment. */
function answering(model, content) {
  welcome(model, content);
  if (content.kind === "rows") {
    const window = windowOf(content.list, content.start, Math.min(content.count, 10_000 - content.start));
    model.windows = [model.windows[0], window];
    queueMicrotask(model.tell);
  }
}

const many = (answer = answering) => {
  const model = makeModel({ summary: "Began to download 10,000 files to data." }, answer);
  Object.assign(model.state, MANY);
  model.windows = [windowOf("active", 0, 8)];
  return model;
};

test("a view shows how much is there, how fast it goes and what is left", async () => {
  const view = await show(makeModel());
  assert.equal(view.text(".ts-totals"), "1 of 3 files31.8 MB of 57.0 MB");
  assert.equal(view.text(".ts-pace"), "8.0 MB/s · 3 s left");
  assert.deepEqual(view.bars()[0], [
    "How much of the whole download is there",
    "55",
    "1 of 3 files, 31.8 MB of 57.0 MB",
  ]);
  assert.equal(view.el.querySelector(".ts-body > .ts-bar .ts-fill").style.width, "55.79%");
});

test("of few files each has a row, and those under way a bar with a sentence for a name", async () => {
  const view = await show(makeModel());
  assert.deepEqual(view.rows(), [
    ["a.tif", "saved, 12.0 MB", ""],
    ["b.tif", "9.0 MB of 12.0 MB", ""],
    ["c.tif", "waiting, 12.0 MB", ""],
  ]);
  assert.deepEqual(view.bars().slice(1), [["How much of b.tif is there", "75", "9.0 MB of 12.0 MB"]]);
  assert.deepEqual(view.tabs(), []);
  assert.equal(view.list().getAttribute("aria-label"), "All files");
});

test("a name that is hardly longer than its end is one piece", async () => {
  const model = makeModel();
  model.windows = [{ list: "all", start: 0, rows: [row("S2C_20260807_V220.tif"), row("S2C_2026_V220.tif")] }];
  const view = await show(model);
  const [long, short] = [...view.el.querySelectorAll(".ts-name")].map((name) => name.firstChild.textContent);
  assert.deepEqual([long, short], ["S2C_2", ""]);
});

test("a long name keeps its end, and is read whole", async () => {
  const model = makeModel();
  const name = "S2C_20260807T104621_31TCN_TOC-SCENECLASSIFICATION_20M_V220.tif";
  model.windows = [{ list: "all", start: 0, rows: [row(name), ...ROWS.slice(1)] }];
  const view = await show(model);
  assert.equal(view.rows()[0][0], name);
  assert.equal(view.el.querySelector(".ts-name").lastChild.textContent, "ION_20M_V220.tif");
});

test("sizes that nobody knows yet are left out", async () => {
  const model = makeModel();
  model.windows = [{ list: "all", start: 0, rows: [row("a.tif", "active", { bytes_total: null, bytes_done: 5 })] }];
  Object.assign(model.state, { bytes_total: null, eta_s: null, bytes_per_s: 0, files_total: 1, files_done: 0 });
  const view = await show(model);
  assert.equal(view.text(".ts-totals"), "0 of 1 file31.8 MB");
  assert.equal(view.text(".ts-pace"), "Waiting for the server…");
  assert.deepEqual(view.rows(), [["a.tif", "5 B", ""]]);
});

test("a failed file tells the reason and what to do", async () => {
  const model = makeModel();
  model.windows = [{ list: "all", start: 0, rows: [ROWS[0], FAILED, ROWS[2]] }];
  const view = await show(model);
  assert.deepEqual(view.rows()[1], ["b.tif", "failed", "It is gone. Look elsewhere."]);
  assert.equal(view.el.querySelectorAll(".ts-note")[1].title, "It is gone. Look elsewhere.");
});

test("a reason does not repeat a long name that stands above it", async () => {
  const model = makeModel();
  const page = (name) =>
    row(`p/${name}`, "failed", { note: `A web page came instead of ${name}.`, advice: "Sign in." });
  model.windows = [
    { list: "all", start: 0, rows: [page("a"), page("S2C_20260807T104621_31TCN_TOC-B02.tif"), ROWS[2]] },
  ];
  assert.deepEqual(
    (await show(model)).rows().map(([, , note]) => note),
    ["A web page came instead of a. Sign in.", "A web page came instead of the file. Sign in.", ""],
  );
});

test("each thing that can become of a file has a word, and what is there a tick", async () => {
  const words = {
    linked: "linked",
    copied: "copied",
    skipped: "already there",
    cancelled: "cancelled",
    failed: "failed",
  };
  const model = makeModel();
  model.windows = [{ list: "all", start: 0, rows: Object.keys(words).map((status) => row("a.tif", status)) }];
  Object.assign(model.state, { files_total: 5 });
  const view = await show(model);
  assert.deepEqual(
    view.rows().map(([, figure]) => figure.replace(", 12.0 MB", "")),
    Object.values(words),
  );
  const ticks = [...view.el.querySelectorAll(".ts-row")].map(
    (node) => !node.querySelector(".ts-icon").hasAttribute("hidden"),
  );
  assert.deepEqual(ticks, [true, true, true, false, false]);
});

test("of what was not fetched a row says how much of it is kept", async () => {
  const model = makeModel();
  const rows = ["cancelled", "failed"].map((status) => row("a.tif", status, { bytes_done: 3_000_000 }));
  model.windows = [{ list: "all", start: 0, rows }];
  Object.assign(model.state, { files_total: 2 });
  const view = await show(model);
  assert.deepEqual(
    view.rows().map(([, figure]) => figure),
    ["cancelled, 3.0 MB of 12.0 MB kept", "failed, 3.0 MB of 12.0 MB kept"],
  );
});

test("a file that waits for another try says for what", async () => {
  const model = makeModel();
  const busy = row("b.tif", "active", { note: "It is busy. Next try in 30 s." });
  model.windows = [{ list: "all", start: 0, rows: [ROWS[0], busy, ROWS[2]] }];
  assert.equal((await show(model)).rows()[1][2], "It is busy. Next try in 30 s.");
});

for (const [phase, buttons, pace] of [
  ["running", ["Pause", "Cancel"], "8.0 MB/s · 3 s left"],
  ["paused", ["Resume", "Cancel"], "Paused: what is there is kept."],
  ["done", [], "All files are there."],
  ["failed", ["Retry failed"], "What is there is not fetched again."],
  ["cancelled", ["Fetch the rest"], "What is there is not fetched again."],
]) {
  test(`while ${phase}, what can be done is offered`, async () => {
    const model = makeModel();
    const view = await show(model);
    await model.turn({ phase, summary: "1 saved, 2 failed (12 MB in 3 s)" });
    assert.deepEqual(view.buttons(), buttons);
    assert.equal(view.text(".ts-pace"), pace);
    const isEnded = !["running", "paused"].includes(phase);
    assert.equal(view.text(".ts-headline"), isEnded ? "1 saved, 2 failed (12 MB in 3 s)" : "1 of 3 files");
  });
}

test("each button asks the kernel for what it says, once", async () => {
  for (const [phase, label, kind] of [
    ["running", "Pause", "pause"],
    ["running", "Cancel", "cancel"],
    ["paused", "Resume", "resume"],
    ["failed", "Retry failed", "retry"],
    ["cancelled", "Fetch the rest", "retry"],
  ]) {
    const model = makeModel();
    model.state.phase = phase;
    const view = await show(model);
    await view.click(label);
    await view.click(label);
    assert.deepEqual(model.kinds(), ["hello", kind]);
    assert.equal(view.el.querySelector(".ts-actions").getAttribute("aria-busy"), "true");
    model.reply({ kind: "accepted", view_id: model.sent[1].view_id });
    assert.equal(view.el.querySelector(".ts-actions").getAttribute("aria-busy"), "false");
  }
});

test("a click that came too late is told, and the view goes on", async () => {
  const model = makeModel();
  const view = await show(model);
  await view.click("Pause");
  model.reply({ kind: "refused", view_id: model.sent[1].view_id, reason: "Nothing was done. It had moved on." });
  assert.equal(view.alert(), "Nothing was done. It had moved on.");
  assert.deepEqual(view.buttons(), ["Pause", "Cancel"]);
});

test("the keyboard stays in the widget when the button that was pressed goes", async () => {
  const model = makeModel();
  const view = await show(model);
  await view.click("Pause");
  await model.turn({ phase: "paused" });
  assert.equal(document.activeElement.textContent, "Resume");
  await model.turn({ phase: "done" });
  assert.equal(document.activeElement.className, "ts-totals");
});

test("a view that takes the place of one that had the focus has it", async () => {
  const model = makeModel();
  const view = await show(model);
  await view.click("Cancel");
  // as JupyterLab does when the text beside the widget changes
  view.el.replaceChildren();
  const next = await show(model);
  assert.equal(document.activeElement.textContent, "Pause");
  next.close();
  document.body.append(Object.assign(document.createElement("input"), { id: "mine" }));
  document.getElementById("mine").focus();
  await show(model);
  assert.equal(document.activeElement.id, "mine");
});

test("of ten thousand files only the rows in view are in the page", async () => {
  const model = many();
  const view = await show(model);
  assert.deepEqual(view.tabs(), [
    ["Under way 8", true],
    ["All 10,000", false],
  ]);
  assert.equal(view.rows().length, 8);
  await view.click("All 10,000");
  await pass(200);
  assert.equal(view.nodes(), 13);
  assert.equal(view.rows()[0][0], "all-0.tif");
  assert.equal(view.el.querySelector(".ts-rows").style.height, `${10_000 * 56}px`);
  await view.scroll(5000 * 56);
  await pass(200);
  assert.equal(view.nodes(), 13);
  assert.ok(view.rows().some(([name]) => name === "all-5000.tif"));
  const first = view.el.querySelector(".ts-row");
  assert.equal(first.getAttribute("aria-setsize"), "10000");
  assert.equal(first.getAttribute("aria-posinset"), String(Number(first.textContent.match(/\d+/)[0]) + 1));
  await view.scroll(10_000 * 56);
  await pass(200);
  assert.equal(view.rows().at(-1)[0], "all-9999.tif");
});

test("a quick scroll asks for few windows, the last one where it ended", async () => {
  const model = many();
  const view = await show(model);
  await view.click("All 10,000");
  await pass(500);
  const before = model.asked().length;
  for (let step = 1; step <= 100; step++) await view.scroll(step * 60 * 56);
  await pass(1000);
  const asked = model.asked().slice(before);
  assert.ok(asked.length <= 3, JSON.stringify(asked));
  const [, start, count] = asked.at(-1);
  assert.ok(start <= 6000 && start + count > 6006, JSON.stringify(asked));
});

test("rows that the kernel has not told yet are left open, and a busy kernel is not asked again and again", async () => {
  const model = many();
  const view = await show(model);
  model.send = (content) => model.sent.push(content);
  await view.click("All 10,000");
  assert.deepEqual(view.rows()[0], ["…", "", ""]);
  for (let step = 0; step < 20; step++) {
    await model.turn({ bytes_done: step });
    await pass(200);
  }
  assert.equal(model.asked().length, 1);
});

test("what failed has a list of its own, which shows by itself in the end", async () => {
  const model = many();
  const view = await show(model);
  const windows = [windowOf("active", 0, 8), { list: "failed", start: 0, rows: [FAILED] }];
  await model.turn({ files_failed: 1 }, windows);
  assert.deepEqual(
    view.tabs().map(([label]) => label),
    ["Under way 8", "Failed 1", "All 10,000"],
  );
  assert.match(view.text(".ts-pace"), /1 failed$/);
  await view.click("Failed 1");
  assert.deepEqual(view.rows(), [["b.tif", "failed", "It is gone. Look elsewhere."]]);
  await view.click("Under way 8");
  await model.turn({ phase: "failed", files_active: 0, list: "failed" }, windows);
  assert.deepEqual(view.tabs(), [
    ["Failed 1", true],
    ["All 10,000", false],
  ]);
});

test("between two files nothing is under way, and the list says so", async () => {
  const model = many();
  const view = await show(model);
  await model.turn({ files_active: 0 }, [windowOf("active", 0, 0)]);
  assert.equal(view.text(".ts-empty"), "No file is under way at this moment.");
  assert.equal(view.nodes(), 0);
});

test("two views of one model each have their own rows in view", async () => {
  const model = many();
  const one = await show(model);
  const other = await show(model);
  await one.click("All 10,000");
  await pass(200);
  assert.equal(one.rows()[0][0], "all-0.tif");
  assert.equal(other.el.querySelector(".ts-tab").getAttribute("aria-pressed"), "true");
  assert.equal(other.text(".ts-totals"), one.text(".ts-totals"));
});

test("a kernel that has not answered yet shows what the text says, and nothing to press", async () => {
  const view = await show(makeModel({}, silence));
  assert.equal(view.text(".ts-headline"), "Began to download 3 files to data.");
  assert.equal(view.status(), "Connecting…");
  assert.deepEqual(view.buttons(), []);
});

test("without an answer after five seconds the view says what to do", async () => {
  const model = makeModel({}, silence);
  const view = await show(model);
  await pass(5500);
  assert.match(view.alert(), /^This download belongs to an earlier session\. Run the notebook's cells again/);
  assert.deepEqual(view.buttons(), []);
  // the first message of a widget may wait for a cell where a second one does not
  assert.deepEqual(model.kinds(), ["hello", "hello"]);
});

test("how it ended stays true of an earlier session, and alarms nobody", async () => {
  const view = await show(makeModel({ phase: "failed", summary: "3 saved, 1 failed (12 MB in 3 s)" }, silence));
  await pass(5500);
  assert.equal(view.text(".ts-headline"), "3 saved, 1 failed (12 MB in 3 s)");
  assert.equal(view.alert(), "");
  assert.equal(view.status(), "This download belongs to an earlier session.");
});

test("progress that comes while a hello waits shows that the kernel is there", async () => {
  const model = makeModel({}, silence);
  const view = await show(model);
  model.tell();
  assert.deepEqual(view.buttons(), ["Pause", "Cancel"]);
  await pass(20_000);
  assert.equal(view.alert(), "");
});

test("progress of another kernel is not believed", async () => {
  const model = makeModel({}, silence);
  const view = await show(model);
  model.fire("msg:custom", { kind: "progress", boot_id: "other", view_id: "", state: model.state, windows: [] });
  assert.equal(view.status(), "Connecting…");
});

test("a kernel that was restarted is said to have stopped, and nothing is left in the live region", async () => {
  const model = makeModel();
  const view = await show(model);
  await model.turn({ phase: "paused" });
  await model.turn({ phase: "running" });
  assert.equal(view.spoken(), "Going on.");
  model.send = () => {
    throw new Error("Cannot send");
  };
  await view.click("Pause");
  assert.match(view.alert(), /^The kernel has stopped, or was restarted\. Run the notebook's cells again/);
  assert.equal(view.spoken(), "");
  assert.deepEqual(view.buttons(), []);
});

for (const [is_foreground, hint] of [
  [
    true,
    "The kernel hears this when the cell has ended. To stop at once, interrupt the kernel: what is there is kept.",
  ],
  [false, "The kernel hears this when the running cell has ended."],
]) {
  test(`a click that waits for a cell ${is_foreground ? "of this download" : "of another kind"} says so`, async () => {
    const model = makeModel();
    model.state.is_foreground = is_foreground;
    model.widget_manager = { kernel: { status: "busy", connectionStatus: "connected" } };
    const view = await show(model);
    await view.click("Pause");
    await pass(2500);
    await model.turn({ bytes_done: 40_000_000 });
    assert.equal(view.status(), hint);
    assert.equal(view.spoken(), hint);
    model.reply({ kind: "accepted", view_id: model.sent[1].view_id });
    assert.equal(view.status(), "");
  });
}

test("a screen reader is told each new phase, the first failure, and a quarter now and then", async () => {
  const model = makeModel();
  const view = await show(model);
  assert.equal(view.spoken(), "");
  await model.turn({ fraction: 0.8 });
  assert.equal(view.spoken(), "", "a quarter so soon");
  await model.turn({ files_failed: 1 });
  assert.equal(view.spoken(), "1 failed");
  await model.turn({ files_failed: 2 });
  assert.equal(view.spoken(), "1 failed");
  await model.turn({ phase: "paused" });
  assert.match(view.spoken(), /^Paused/);
  await model.turn({ phase: "running", fraction: 0.1 });
  assert.equal(view.spoken(), "Going on.");
  await pass(21_000);
  await model.turn({ fraction: 0.6 });
  assert.equal(view.spoken(), "50 % of the download is there.");
  await model.turn({ phase: "done", summary: "3 saved (57 MB in 9 s)" });
  assert.equal(view.spoken(), "3 saved (57 MB in 9 s)");
});

test("a running download is asked now and then whether it is there, one that rests is left alone", async () => {
  const model = makeModel();
  await show(model);
  await pass(40_000);
  assert.equal(model.kinds().filter((kind) => kind === "hello").length, 3);
  await model.turn({ phase: "paused" });
  await pass(120_000);
  assert.equal(model.kinds().filter((kind) => kind === "hello").length, 3);
});

test("plain keys stay in the widget, and those that run a cell go on to Jupyter", async () => {
  const view = await show(makeModel());
  const heard = [];
  document.body.addEventListener("keydown", ({ key }) => heard.push(key));
  for (const options of [
    { key: "d" },
    { key: "Enter" },
    { key: "Enter", shiftKey: true },
    { key: "s", ctrlKey: true },
  ]) {
    view.list().dispatchEvent(new window.KeyboardEvent("keydown", { ...options, bubbles: true }));
  }
  assert.deepEqual(heard, ["Enter", "s"]);
});

test("the clean-up leaves nothing behind", async () => {
  const model = many();
  const view = await show(model);
  await view.click("All 10,000");
  view.close();
  assert.equal(view.el.children.length, 0);
  assert.equal(model.listening(), 0);
  const sent = model.sent.length;
  await pass(60_000);
  window.dispatchEvent(new window.Event("focus"));
  await settled();
  assert.equal(model.sent.length, sent);
});

test("names enter the page as text", async () => {
  const model = makeModel({ folder: "<img src=x>" });
  model.windows = [{ list: "all", start: 0, rows: [row("<b>a</b>", "failed", { note: "<script>x</script>" })] }];
  const view = await show(model);
  assert.equal(view.el.querySelector("b, img, script"), null);
  assert.equal(view.rows()[0][0], "<b>a</b>");
});
