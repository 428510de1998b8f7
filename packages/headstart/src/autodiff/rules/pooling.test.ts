import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float32, type GraphBuilder } from "../../onnx/index.js";

const axis = fc.record({
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 3 }),
  begin: fc.integer({ min: 0, max: 1 }),
  end: fc.integer({ min: 0, max: 1 }),
  size: fc.integer({ min: 5, max: 7 }),
});

/** Poolings of one to three axes, with all ways of padding. */
const pools = (dilations: fc.Arbitrary<number>) =>
  fc
    .record({
      axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
      planes: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      dilation: dilations,
      auto: fc.constantFrom("NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"),
      ceil: fc.nat(1),
      include: fc.nat(1),
      symbolic: fc.boolean(),
    })
    .map(({ axes, planes, dilation, auto, ceil, include, symbolic }) => {
      // Padding must be smaller than the window.
      const pad = (key: "begin" | "end") => axes.map((a) => Math.min(a[key], a.kernel - 1));
      const sizes = axes.map(({ size }) => size);
      const padded = auto === "NOTSET";
      const known = !symbolic || auto.startsWith("SAME");
      return {
        x: {
          dims: [...planes, ...sizes],
          declared: ["N", "C", ...(known ? sizes : sizes.map((_, i) => `S${i}`))],
        },
        attributes: {
          kernel_shape: axes.map(({ kernel }) => kernel),
          // Where ONNX Runtime is to find the padding, windows must leave no gaps.
          strides: axes.map(({ stride, kernel }) =>
            auto.startsWith("SAME") ? Math.min(stride, kernel) : stride,
          ),
          // ONNX Runtime forgets dilations when it finds the padding.
          ...(dilation > 1 && !auto.startsWith("SAME") ? { dilations: axes.map(() => dilation) } : {}),
          ...(padded ? { pads: [...pad("begin"), ...pad("end")], ceil_mode: ceil } : { auto_pad: auto }),
        },
        include,
      };
    });

describe("MaxPool", () => {
  test("with every window, padding and dilation", async () => {
    await property(
      pools(fc.integer({ min: 1, max: 2 })),
      ({ x, attributes }, seed) =>
        checkGradients([x], (b, image) => b.node("MaxPool", [image], attributes), { seed }),
      60,
    );
  });

  test("of equal elements the first gets it all, as in PyTorch", async () => {
    const x = float32([1, 1, 3, 3], [5, 5, 1, 5, 5, 5, 2, 5, 5]);
    const pool = (b: GraphBuilder) => b.node("MaxPool", ["x"], { kernel_shape: [2, 2] });
    expect(await gradientsOf(pool, { x })).toEqual({ x: [1, 1, 0, 1, 1, 0, 0, 0, 0] });
    const relu = float32([1, 1, 1, 4], [0, 0, 0, 0]);
    const row = (b: GraphBuilder) => b.node("MaxPool", ["x"], { kernel_shape: [1, 2], strides: [1, 2] });
    expect(await gradientsOf(row, { x: relu })).toEqual({ x: [1, 0, 1, 0] });
  });

  test("an element that is the largest of several windows gets all of their gradients", async () => {
    const x = float32([1, 1, 5], [0, 1, 9, 1, 0]);
    const pool = (b: GraphBuilder) => b.node("MaxPool", ["x"], { kernel_shape: [3], storage_order: 1 });
    expect(await gradientsOf(pool, { x })).toEqual({ x: [0, 0, 3, 0, 0] });
  });
});

describe("GlobalMaxPool", () => {
  test("over one, two and three axes", async () => {
    const images = shapes(3, 5).chain((dims) => declared(dims).map((names) => ({ dims, declared: names })));
    await property(images, (x, seed) =>
      checkGradients([x], (b, image) => b.node("GlobalMaxPool", [image]), { seed, type: "float32" }),
    );
  });

  test("of equal elements the first gets it all", async () => {
    const x = float32([1, 2, 2, 2], [1, 3, 3, 3, 4, 0, 4, 4]);
    expect(await gradientsOf((b) => b.node("GlobalMaxPool", ["x"]), { x })).toEqual({
      x: [0, 1, 0, 0, 1, 0, 0, 0],
    });
  });
});

describe("AveragePool", () => {
  test("with every window and padding, counted or not, hanging over the end or not", async () => {
    await property(
      pools(fc.constant(1)),
      ({ x, attributes, include }, seed) =>
        checkGradients(
          [x],
          (b, image) => b.node("AveragePool", [image], { ...attributes, count_include_pad: include }),
          { seed, type: "float32" },
        ),
      100,
    );
  });

  test("padding that is not counted makes the others' shares larger", async () => {
    const x = float32([1, 1, 3], [1, 2, 3]);
    const pool = (include: number) => (b: GraphBuilder) =>
      b.node("AveragePool", ["x"], { kernel_shape: [2], pads: [1, 0], count_include_pad: include });
    expect(await gradientsOf(pool(0), { x })).toEqual({ x: [1.5, 1, 0.5] });
    expect(await gradientsOf(pool(1), { x })).toEqual({ x: [1, 1, 0.5] });
  });
});
