/** Prints all that a view sends when a person does everything there is to do, for Python to read: a JSON array. */

import { writeFileSync } from "node:fs";
import { MANY, makeModel, openPage, pass, show, windowOf } from "./download-page.js";

openPage();
const model = makeModel();
Object.assign(model.state, MANY, { files_failed: 40 });
model.windows = [windowOf("active", 0, 8)];
const view = await show(model);

for (const [label, phase] of [
  ["Pause", "paused"],
  ["Resume", "running"],
  ["Cancel", "cancelled"],
  ["Fetch the rest", "running"],
]) {
  await view.click(label);
  model.reply({ kind: "accepted", view_id: model.sent.at(-1).view_id });
  await model.turn({ phase });
}
for (const list of ["All 10,000", "Failed 40", "Under way 8"]) {
  await view.click(list);
  await pass(200);
}
await view.click("All 10,000");
await view.scroll(10_000 * 56);
await pass(1000);
view.close();

writeFileSync(1, JSON.stringify(model.sent)); // standard output
