import { describe, expect, test } from "vitest";
import { patterned, worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { folderWith } from "../../test/support/temporary.js";
import { TINY_FEATURES, tinyBackbone } from "../../test/support/tiny-backbone.js";
import { TINY_CALIBRATION, TINY_PROVENANCE, tinyModel } from "../../test/support/tiny-classifier.js";
import { composeFront } from "../backbones/index.js";
import { resizeStage } from "../data/index.js";
import { applyTemperature } from "../evaluation/index.js";
import { float32, floats, readModel, uint8, writeModel } from "../onnx/index.js";
import { readProvenance } from "./provenance.js";
import { recalibrated } from "./temperature.js";

/** Photos of the given sizes side by side in one batch. */
const batch = (count: number, width: number, height: number) =>
  uint8(
    [count, height, width, 3],
    Uint8Array.from({ length: count * width * height * 3 }, (_, i) => (i * 37 + Math.floor(i / 11)) % 256),
  );

async function answers(graph: Awaited<ReturnType<typeof tinyModel>>, image: ReturnType<typeof batch>) {
  const found = await runGraph(graph, { image });
  const of = (name: string) => floats(found[name] ?? float32([0], []));
  return { probabilities: of("probabilities"), logits: of("logits"), features: of("features") };
}

describe("composeClassifier", () => {
  test("makes a file that says all of itself", async () => {
    const graph = readModel(writeModel(await tinyModel(folderWith({}))));
    expect(readProvenance(graph)).toEqual(TINY_PROVENANCE);
    expect(graph.inputs).toMatchObject([{ name: "image", type: "uint8", shape: ["N", "H", "W", 3] }]);
    expect(graph.outputs).toMatchObject([
      { name: "probabilities", type: "float32", shape: ["N", 3] },
      { name: "logits", type: "float32", shape: ["N", 3] },
      { name: "features", type: "float32", shape: ["N", TINY_FEATURES] },
    ]);
  });

  test.each(["bicubic", "nearest"] as const)("answers for photos of any size (%s)", async (resize) => {
    const graph = await tinyModel(folderWith({}), { resize });
    for (const [count, width, height] of [
      [1, 32, 32],
      [2, 7, 90],
      [3, 200, 41],
    ] as const) {
      const { probabilities, logits, features } = await answers(graph, batch(count, width, height));
      expect([probabilities.length, logits.length, features.length]).toEqual(
        [3, 3, TINY_FEATURES].map((n) => n * count),
      );
      for (let row = 0; row < count; row++) {
        const exps = [0, 1, 2].map((i) => Math.exp(logits[row * 3 + i] ?? Number.NaN));
        const sum = exps.reduce((a, b) => a + b);
        for (const [i, value] of exps.entries())
          expect(probabilities[row * 3 + i]).toBeCloseTo(value / sum, 5);
      }
    }
  });

  test("divides the logits by the temperature of its calibration, and says what is unlike its prototypes", async () => {
    const plain = await tinyModel(folderWith({}));
    const image = batch(2, 40, 30);
    const before = await answers(plain, image);
    const [first = []] = [[...before.features.slice(0, TINY_FEATURES)]];
    const length = Math.hypot(...first);
    const unlike = {
      prototypes: float32(
        [1, TINY_FEATURES],
        first.map((value) => value / length),
      ),
      quantiles: float32([2], [-1e-3, 1]),
    };
    const graph = readModel(
      writeModel(await tinyModel(folderWith({}), { calibration: TINY_CALIBRATION }, unlike)),
    );
    const found = await answers(graph, image);
    expect(found.logits).toEqual(before.logits);
    expect(worstDifference(found.probabilities, applyTemperature(before.logits, 3, 4))).toBeLessThan(1e-6);
    const outputs = await runGraph(graph, { image });
    const [own = 1, other = 0] = floats(outputs.unlike ?? float32([0], []));
    expect(own).toBeCloseTo(0.001, 3);
    expect(other).toBeGreaterThan(own);
  });

  test("can be calibrated again: the same as calibrated at once", async () => {
    const folder = folderWith({});
    const written = writeModel(await tinyModel(folder, { calibration: TINY_CALIBRATION }));
    const once = readModel(writeModel(await tinyModel(folder)));
    expect(writeModel(recalibrated(once, TINY_CALIBRATION))).toEqual(written);
    const back = recalibrated(readModel(written), undefined);
    expect(readProvenance(readModel(writeModel(back)))).toEqual(TINY_PROVENANCE);
    const { initializers, ...rest } = once;
    const older = {
      ...rest,
      initializers: new Map([...initializers].filter(([name]) => !/temp/.test(name))),
    };
    expect(() => recalibrated(older, TINY_CALIBRATION)).toThrow(/earlier version/);
  });

  test("has the features of the front that it is made of", async () => {
    const folder = folderWith({});
    const graph = await tinyModel(folder);
    const front = composeFront(await tinyBackbone(folder), resizeStage(32, "bicubic"));
    const picture = patterned(50, 40);
    const image = { ...picture, dims: [1, ...picture.dims] };
    const { features } = await answers(graph, image);
    const { features: expected } = await runGraph(front, { image });
    expect(worstDifference(features, floats(expected ?? float32([0], [])))).toBe(0);
  });

  test("gives a photo the same answer in any batch", async () => {
    const graph = await tinyModel(folderWith({}));
    const two = batch(2, 33, 21);
    const { probabilities } = await answers(graph, two);
    const second = uint8([1, 21, 33, 3], two.data.slice(21 * 33 * 3));
    expect(
      worstDifference((await answers(graph, second)).probabilities, probabilities.slice(3)),
    ).toBeLessThan(1e-6);
  });
});
