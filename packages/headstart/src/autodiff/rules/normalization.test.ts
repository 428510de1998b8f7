import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float, float32, GraphBuilder } from "../../onnx/index.js";
import { differentiate } from "../differentiate.js";

/** Images of no to three spatial axes, and how a graph declares them; the number of channels is known. */
const images = (minimum = 2) =>
  fc.tuple(fc.integer({ min: 2, max: 4 }), shapes(minimum - 1, 4)).chain(([photos, rest]) => {
    const dims = [photos, ...rest];
    return declared(dims).map((names) => ({
      dims,
      declared: names.map((name, i) => (i === 1 ? (dims[1] ?? 0) : name)),
    }));
  });
const channels = ({ dims }: { dims: readonly number[] }) => dims.slice(1, 2);
const scaled = (dims: readonly number[]) => ({ dims, low: 0.5, high: 1.5 });
const epsilon = float(0.1);

describe("BatchNormalization", () => {
  test("in inference: of the image, scale, bias, mean and variance", async () => {
    await property(images(), (x, seed) => {
      const list = channels(x);
      const inputs = [x, scaled(list), { dims: list }, { dims: list }, scaled(list)];
      return checkGradients(inputs, (b, ...names) => b.node("BatchNormalization", names, { epsilon }), {
        seed,
      });
    });
  });

  test("in training: of the image, scale and bias, through the statistics of the batch", async () => {
    await property(
      images(3),
      (x, seed) => {
        const list = channels(x);
        const given = (b: GraphBuilder, value: number) =>
          b.constant("given", float32(list, Array<number>(list[0] ?? 0).fill(value)));
        return checkGradients(
          [x, scaled(list), { dims: list }],
          (b, image, scale, bias) =>
            b.nodes("BatchNormalization", [image, scale, bias, given(b, 0), given(b, 1)], 3, {
              epsilon,
              training_mode: 1,
            })[0] ?? "",
          { seed, type: "float32" },
        );
      },
      30,
    );
  });

  test("a loss that depends on the running statistics is refused", () => {
    const b = new GraphBuilder("running");
    b.input("x", "float32", [2, 3, 4]);
    const list = (value: number) => b.constant("list", float32([3], [value, value, value]));
    const inputs = ["x", list(1), list(0), list(0), list(1)];
    const [, mean = ""] = b.nodes("BatchNormalization", inputs, 3, { training_mode: 1 });
    b.output("loss", "float32", [], b.node("ReduceSum", [mean], { keepdims: 0 }));
    expect(() => differentiate(b.build(), "loss", ["x"])).toThrow("through an output that is not its first");
  });
});

describe("LayerNormalization", () => {
  const rows = shapes(1, 4).chain((dims) =>
    fc.record({
      axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
      x: declared(dims).map((names) => ({ dims, declared: names })),
    }),
  );

  test("over any of the last axes, with and without bias", async () => {
    await property(
      fc.tuple(rows, fc.boolean()),
      ([{ axis, x }, bias], seed) => {
        const list = x.dims.slice(axis);
        const inputs = [x, scaled(list), ...(bias ? [{ dims: list }] : [])];
        return checkGradients(
          inputs,
          (b, ...names) => b.node("LayerNormalization", names, { axis, epsilon }),
          { seed },
        );
      },
      40,
    );
  });

  test("at its default axis the gradient of a scale of ones sums to nothing", async () => {
    const x = float32([2, 3], [1, 2, 4, -1, 0, 3]);
    const found = await gradientsOf((b) => b.node("LayerNormalization", ["x", "scale"]), {
      x,
      scale: float32([3], [1, 1, 1]),
    });
    for (const value of found.x ?? []) expect(value).toBeCloseTo(0, 6);
    expect(found.scale?.reduce((sum, value) => sum + value)).toBeCloseTo(0, 5);
  });
});

describe("InstanceNormalization", () => {
  test("of the image, scale and bias", async () => {
    await property(images(3), (x, seed) => {
      const list = channels(x);
      return checkGradients(
        [x, scaled(list), { dims: list }],
        (b, ...names) => b.node("InstanceNormalization", names, { epsilon }),
        { seed, type: "float32" },
      );
    });
  });
});

describe("GroupNormalization", () => {
  const grouped = fc.record({
    photos: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    size: fc.integer({ min: 1, max: 3 }),
    places: shapes(1, 2),
  });

  test.each([
    [18, "group"],
    [21, "channel"],
  ])("opset %i, with a scale for each %s", async (opset, each) => {
    await property(grouped, ({ photos, groups, size, places }, seed) => {
      const dims = [photos, groups * size, ...places];
      const list = each === "group" ? [groups] : [groups * size];
      const x = { dims, declared: ["N", groups * size, ...places.map((_, i) => `S${i}`)] };
      return checkGradients(
        [x, scaled(list), { dims: list }],
        (b, ...names) => b.node("GroupNormalization", names, { num_groups: groups, epsilon }),
        { seed, opset, type: "float32" },
      );
    });
  });
});
