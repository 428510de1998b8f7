import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, GraphBuilder, type Tensor } from "../onnx/index.js";
import { addHead, drawDropoutMask, HEAD_PARAMETERS, headShapes, initialHead } from "./head.js";

describe("initialHead", () => {
  test("draws the kernel within Glorot's limit, reaching both ends, and starts the bias at zero", () => {
    const head = initialHead("glorot-uniform", 100, 50, counted());
    const weight = values(head.get("head.weight"));
    const limit = Math.sqrt(6 / 150);
    expect(weight).toHaveLength(5000);
    expect(Math.max(...weight)).toBeLessThanOrEqual(limit);
    expect(Math.max(...weight)).toBeGreaterThan(0.99 * limit);
    expect(Math.min(...weight)).toBeLessThan(-0.99 * limit);
    expect(Math.min(...weight)).toBeGreaterThanOrEqual(-limit * 1.000001);
    expect(values(head.get("head.bias"))).toEqual(new Array(50).fill(0));
  });

  test("zeros draws nothing", () => {
    const head = initialHead("zeros", 2, 3, {
      uniform: () => {
        throw new Error("not to be called");
      },
    });
    expect(values(head.get("head.weight"))).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...head.keys()]).toEqual([...HEAD_PARAMETERS]);
  });

  test("has the shapes that headShapes gives", () => {
    const head = initialHead("glorot-uniform", 4, 3, counted());
    for (const name of HEAD_PARAMETERS) expect(head.get(name)?.dims).toEqual(headShapes(4, 3)[name]);
  });
});

describe("addHead", () => {
  test("multiplies the features, masked, and adds the bias", async () => {
    const b = new GraphBuilder("head");
    const { logits } = addHead(b, {
      features: b.input("features", "float32", ["N", 2]),
      weight: b.input("head.weight", "float32", [2, 3]),
      bias: b.input("head.bias", "float32", [3]),
      dropoutMask: b.input("dropout_mask", "float32", ["N", 2]),
    });
    b.output("logits", "float32", ["N", 3], logits);
    const results = await runGraph(b.build(), {
      features: float32([2, 2], [1, 2, 3, 4]),
      "head.weight": float32([2, 3], [1, 2, 3, 4, 5, 6]),
      "head.bias": float32([3], [10, 20, 30]),
      dropout_mask: float32([2, 2], [1, 1, 0, 2]),
    });
    expect(values(results.logits)).toEqual([19, 32, 45, 42, 60, 78]);
  });
});

describe("drawDropoutMask", () => {
  test("drops the asked part and keeps the mean at 1", () => {
    const mask = new Float32Array(1000);
    drawDropoutMask(counted(), mask, 0.4);
    expect(mask.filter((value) => value === 0)).toHaveLength(400);
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / 0.6)]));
    expect(mask.reduce((sum, value) => sum + value, 0) / 1000).toBeCloseTo(1, 5);
  });

  test("drops nothing at 0", () => {
    const mask = new Float32Array(10);
    drawDropoutMask(counted(), mask, 0);
    expect([...mask]).toEqual(new Array(10).fill(1));
  });

  test.each([1, -0.1, Number.NaN])("refuses a rate of %d", (rate) => {
    expect(() => drawDropoutMask(counted(), new Float32Array(1), rate)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});

/** 0, 0.001 ... 0.999, and again. */
function counted() {
  let count = 0;
  return { uniform: () => (count++ % 1000) / 1000 };
}

function values(tensor: Tensor | undefined): number[] {
  if (tensor === undefined) throw new Error("The tensor is missing.");
  return [...floats(tensor)];
}
