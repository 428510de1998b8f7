import { describe, expect, test } from "vitest";
import { batchOfOne, patterned, worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { folderWith } from "../../test/support/temporary.js";
import { TINY_FEATURES, tinyBackbone } from "../../test/support/tiny-backbone.js";
import { float32, floats, type Graph, type Tensor } from "../onnx/index.js";
import { loadBackbone } from "./backbone.js";
import { composeFront } from "./front.js";

async function featuresOf(graph: Graph, image: Tensor, more: Record<string, Tensor> = {}) {
  return floats((await runGraph(graph, { image, ...more })).features ?? float32([0], []));
}

describe("composeFront", () => {
  test("prepares photos as the backbone wants them", async () => {
    const backbone = await tinyBackbone(folderWith({}));
    const photo = patterned(24, 16);
    const planes = new Float32Array(photo.data.length);
    for (const [i, value] of photo.data.entries())
      planes[(i % 3) * 24 * 16 + Math.floor(i / 3)] = (value - 127) / 64;
    const expected = await runGraph(backbone.graph, { image: float32([1, 3, 16, 24], planes) });
    const found = await featuresOf(composeFront(backbone), batchOfOne(photo));
    expect(found).toHaveLength(TINY_FEATURES);
    expect(worstDifference(found, floats(expected.features ?? float32([0], [])))).toBeLessThan(1e-5);
  });

  test("a stage sees values from 0 to 255 and may have inputs and sizes of its own", async () => {
    const backbone = await tinyBackbone(folderWith({}));
    const graph = composeFront(backbone, (b, image) => {
      const whole = b.node("Mul", [image, b.input("factor", "float32", [])]);
      return b.node("AveragePool", [whole], { kernel_shape: [2, 2], strides: [2, 2] });
    });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["image", "factor"]);
    const grey = { type: "uint8", dims: [1, 32, 32, 3], data: new Uint8Array(3072).fill(100) } as const;
    const small = { type: "uint8", dims: [1, 16, 16, 3], data: new Uint8Array(768).fill(200) } as const;
    const found = await featuresOf(graph, grey, { factor: float32([], [2]) });
    expect(worstDifference(found, await featuresOf(composeFront(backbone), small))).toBeLessThan(1e-5);
  });

  test("the embedded backbone takes photos of any size behind a stage that resizes", async () => {
    const graph = composeFront(await loadBackbone(), (b, image) =>
      b.node("Resize", [image, "", "", b.integers([1, 3, 64, 64])], { mode: "nearest" }),
    );
    for (const [width, height] of [
      [64, 64],
      [90, 40],
    ] as const)
      expect(await featuresOf(graph, batchOfOne(patterned(width, height)))).toHaveLength(1280);
  });
});
