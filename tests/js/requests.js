/** Prints all that a view sends when a person does everything there is to do, for Python to read: a JSON array. */

import { writeFileSync } from "node:fs";
import { AWAITING, makeModel, openPage, PROVIDER, pass, SIGNED_IN, SIGNED_OUT, settled, show } from "./page.js";

openPage();
const second = { ...PROVIDER, name: "mine", methods: ["basic"] };
const keeps = { ...PROVIDER, can_remember: true };
const model = makeModel({ provider: keeps, choices: { terrascope: "Terrascope", mine: "Mine" } });
const view = await show(model);

view.el.querySelector(".ts-choice input").click();
await view.click("Sign in with Terrascope");
await model.turn(AWAITING);
view.el.querySelector(".ts-choice input").click();
await model.turn(AWAITING);
window.dispatchEvent(new window.Event("focus"));
await view.click("Cancel");
await model.turn({ ...SIGNED_OUT, serial: 3 });
await view.click("Use a password");
await submit({ username: "alice", password: "päss wörd" });
await model.turn(SIGNED_IN);
await view.click("Log out");
await model.turn({ ...SIGNED_OUT, serial: 5 });
await view.click("Use a password");
await submit({ username: "alice", password: "secret", code: "123456" });
await model.turn({ ...SIGNED_OUT, serial: 7 });
view.el.querySelector("select").value = "mine";
view.el.querySelector("select").dispatchEvent(new window.Event("change"));
await model.turn({ provider: second });
model.fire("change:provider");
await settled();
await submit({ username: "alice", password: "secret" });
await model.turn({ ...SIGNED_OUT, serial: 9, provider: { ...second, name: "earthdata", methods: ["token"] } });
model.fire("change:provider");
await settled();
await submit({ password: "eyJ0" });
await model.turn({ ...SIGNED_OUT, serial: 11, provider: { ...second, name: "openeo", methods: ["oidc"] } });
model.fire("change:provider");
await settled();
await submit({ password: "secret" });
await pass(1_000);
view.close();

const sent = model.sent.map((content, index) => ({ content, buffers: model.buffers[index] }));
writeFileSync(1, JSON.stringify(sent)); // standard output

async function submit(values) {
  for (const [name, value] of Object.entries(values)) view.input(name).value = value;
  view.el.querySelector("form").requestSubmit();
  await settled();
}
