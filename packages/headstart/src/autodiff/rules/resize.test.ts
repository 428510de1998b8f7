import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, property } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { type AttributeValue, float, float32, GraphBuilder } from "../../onnx/index.js";
import { differentiate } from "../differentiate.js";

const coordinates = fc.constantFrom("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel");
const modes = fc.oneof(
  fc.record({
    mode: fc.constant("nearest"),
    nearest_mode: fc.constantFrom("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    coordinate_transformation_mode: coordinates,
  }),
  fc.record({ mode: fc.constant("linear"), coordinate_transformation_mode: coordinates }),
  fc.record({
    mode: fc.constant("cubic"),
    coordinate_transformation_mode: coordinates,
    cubic_coeff_a: fc.constant(float(-0.5)),
  }),
);

/** Pictures with sizes to resize to and how they are declared. */
const drawn = fc.record({
  channels: fc.integer({ min: 1, max: 2 }),
  from: fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 5 })),
  scales: fc.tuple(fc.constantFrom(0.5, 1, 1.5, 2, 3), fc.constantFrom(0.6, 1, 2)),
  attributes: modes,
  known: fc.boolean(),
  bySize: fc.boolean(),
});

describe("Resize", () => {
  test("in every mode and coordinate convention, by scales and by sizes", async () => {
    await property(
      drawn,
      ({ channels, from, scales, attributes, known, bySize }, seed) => {
        const to = from.map((size, axis) => Math.floor(size * (scales[axis] ?? 1)));
        const dims = [1, channels, ...from];
        return checkGradients(
          [{ dims, declared: known ? dims : ["N", channels, "H", "W"] }],
          (b, x) =>
            b.node(
              "Resize",
              bySize
                ? [x, "", "", b.integers([1, channels, ...to])]
                : [x, "", b.constant("scales", float32([4], [1, 1, ...scales]))],
              attributes as Record<string, AttributeValue>,
            ),
          { seed, type: "float32" },
        );
      },
      120,
    );
  });

  test("only of given axes", async () => {
    await property(
      fc.tuple(modes, fc.boolean()),
      ([attributes, known], seed) =>
        checkGradients(
          [{ dims: [1, 2, 3, 4], declared: known ? [1, 2, 3, 4] : ["N", 2, "H", "W"] }],
          (b, x) =>
            b.node("Resize", [x, "", b.constant("scales", float32([2], [1.5, 2]))], {
              ...attributes,
              axes: [3, 2],
            } as Record<string, AttributeValue>),
          { seed, type: "float32" },
        ),
      10,
    );
  });

  test("copies of pixels are summed up, without a matrix", async () => {
    const x = float32([1, 1, 1, 2], [1, 2]);
    const upscaled = (b: GraphBuilder) =>
      b.node("Resize", ["x", "", b.constant("scales", float32([4], [1, 1, 2, 3]))], {
        mode: "nearest",
        nearest_mode: "floor",
        coordinate_transformation_mode: "asymmetric",
      });
    expect((await gradientsOf(upscaled, { x })).x).toEqual([6, 6]);
    const b = new GraphBuilder("upscaled");
    b.input("x", "float32", [1, 1, 1, 2]);
    b.output("loss", "float32", [], b.node("ReduceSum", [upscaled(b)], { keepdims: 0 }));
    const { graph } = differentiate(b.build(), "loss", ["x"]);
    expect(graph.nodes.map(({ op }) => op)).not.toContain("MatMul");
  });

  test.each([
    [
      "whose region roi has no gradient rule",
      { coordinate_transformation_mode: "tf_crop_and_resize", mode: "linear" },
    ],
    ["which keeps the aspect ratio by itself", { keep_aspect_ratio_policy: "not_larger" }],
  ])("%s is refused", async (why, attributes) => {
    const x = float32([1, 1, 2, 2], [1, 2, 3, 4]);
    const resized = (b: GraphBuilder) =>
      b.node(
        "Resize",
        ["x", b.constant("roi", float32([8], [0, 0, 0, 0, 1, 1, 1, 1])), "", b.integers([1, 1, 4, 4])],
        attributes,
      );
    await expect(gradientsOf(resized, { x })).rejects.toThrow(why);
  });
});
