import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../../random.js";
import { Runtime } from "../../runtime/index.js";
import type { CheckedPhoto } from "./finding.js";
import { outlierFindings, outlierScores } from "./outliers.js";
import { rowsInMemory } from "./rows.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** Features of classes around centres, and of one photo of the last class that is labelled as the first. */
function drawn(perClass: number, classes: number) {
  const width = 24;
  const random = createRandom("outliers");
  const centres = Array.from({ length: classes + 1 }, () =>
    Array.from({ length: width }, () => random.between(-1, 1)),
  );
  const row = (c: number) => (centres[c] ?? []).map((value) => value + random.between(-0.5, 0.5));
  const labels = Array.from({ length: perClass * classes }, (_, i) => i % classes);
  const values = Float32Array.from([...labels.flatMap(row), ...row(classes)]);
  return { features: rowsInMemory(values, width), labels: [...labels, 0] };
}

const photo = (_: unknown, i: number): CheckedPhoto => ({
  name: String(i),
  path: "",
  className: "cat",
  side: "train",
  digest: "",
  bytes: 1,
});

describe("outliers", () => {
  test("what does not belong to its class comes first", async () => {
    const { features, labels } = drawn(30, 3);
    const scores = await outlierScores(runtime, features, labels, 3);
    expect(scores.indexOf(Math.max(...scores))).toBe(labels.length - 1);
    const [first, ...others] = outlierFindings(labels.map(photo), scores);
    expect(first?.photos.map(({ name }) => name)).toEqual(["90"]);
    expect(first?.confidence).toBeGreaterThan(0.5);
    expect(others).toEqual([]);
  });

  test("classes with few photos have none", async () => {
    const { features, labels } = drawn(4, 2);
    expect([...(await outlierScores(runtime, features, labels, 2))]).toEqual(labels.map(() => 0));
  });

  test("photos that are all the same are none", async () => {
    const values = new Float32Array(40 * 4).map((_, i) => (i % 4) + 1);
    const scores = await outlierScores(runtime, rowsInMemory(values, 4), new Array(40).fill(0), 1);
    expect(outlierFindings(Array.from({ length: 40 }, photo), scores)).toEqual([]);
  });
});
