import assert from "node:assert/strict";
import { test } from "node:test";
import { countText, durationText, sizeText } from "../../js/sizes.js";

test("sizes are written as the kernel writes them", () => {
  const sizes = [0, 999, 1000, 12_345_678, 999_949, 999_950, 4_000_000_000_000, 5e15];
  assert.deepEqual(sizes.map(sizeText), [
    "0 B",
    "999 B",
    "1.0 kB",
    "12.3 MB",
    "999.9 kB",
    "1.0 MB",
    "4.0 TB",
    "5000.0 TB",
  ]);
});

test("durations are rounded to what a person wants to know", () => {
  assert.deepEqual([0, 1.4, 89, 90, 3599, 5400, 90_000].map(durationText), [
    "1 s",
    "1 s",
    "89 s",
    "2 min",
    "60 min",
    "1.5 h",
    "25 h",
  ]);
});

test("large counts have a separator", () => {
  assert.equal(countText(10_000), "10,000");
});
