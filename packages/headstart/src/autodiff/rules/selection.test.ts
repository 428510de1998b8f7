import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float32, GraphBuilder, int64 } from "../../onnx/index.js";
import { differentiate } from "../differentiate.js";

/** A list that is known before the graph runs, or one that is made of an input when it runs. */
function list(b: GraphBuilder, values: readonly number[], known: boolean): string {
  if (known) return b.integers(values);
  const [low = 0, ...more] = [Math.min(...values, 0)];
  // Each number is counted by an input's shape, which is declared without sizes.
  const counted = values.map((value, i) => {
    const made = b.node("ConstantOfShape", [
      b.node("Add", [b.node("Shape", ["one"]), b.integers([value - low])]),
    ]);
    return b.node("Sub", [b.node("Shape", [made], {}, { name: `place${i}` }), b.integers([1 - low])]);
  });
  return more.length > 0 || counted.length === 1
    ? (counted[0] ?? "")
    : b.node("Concat", counted, { axis: 0 });
}

const ONE = { dims: [1], declared: ["?"] };
const withOne = (b: GraphBuilder, y: string, one: string) => b.node("Mul", [y, one]);

const anyShape = (least: number, most: number) =>
  shapes(least, most).chain((dims) => declared(dims).map((names) => ({ dims, declared: names })));

describe("Trilu", () => {
  test("keeps the gradients of one triangle", async () => {
    const drawn = fc.record({
      dims: fc.tuple(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
      ),
      upper: fc.nat(1),
      k: fc.option(fc.integer({ min: -2, max: 2 })),
    });
    const diagonal = (b: GraphBuilder, k: number | null) =>
      k === null ? [] : [b.node("Squeeze", [b.integers([k]), b.integers([0])])];
    await property(drawn, ({ dims, upper, k }, seed) =>
      checkGradients([{ dims }], (b, x) => b.node("Trilu", [x, ...diagonal(b, k)], { upper }), { seed }),
    );
  });
});

describe("Slice", () => {
  const places = fc.constantFrom(-9, -4, -3, -2, -1, 0, 1, 2, 3, 4, 9, 2 ** 63, -(2 ** 63));
  const drawn = anyShape(1, 3).chain((x) =>
    fc.record({
      x: fc.constant(x),
      axes: fc.shuffledSubarray([...x.dims.keys()], { minLength: 1 }),
      bounds: fc.tuple(...x.dims.map(() => fc.tuple(places, places, fc.constantFrom(1, 1, 2, 3, -1, -2)))),
      back: fc.boolean(),
    }),
  );

  /** How many elements a slice takes. */
  const count = (size: number, [start, end, step]: readonly [number, number, number]) => {
    const all = [...Array(size).keys()];
    const at = (place: number) => (place < 0 ? place + size : place);
    return step > 0
      ? all.slice(Math.max(at(start), 0), Math.max(at(end), 0)).length
      : all.filter((i) => i <= at(start) && i > at(end)).length;
  };

  test("with any bounds, steps and axes", async () => {
    await property(
      drawn,
      ({ x, axes, bounds, back }, seed) => {
        const taken = axes.map((axis) => bounds[axis] ?? ([0, 9, 1] as const));
        const filled = axes.every((axis, i) => count(x.dims[axis] ?? 0, taken[i] ?? [0, 0, 1]) > 0);
        if (!filled) return Promise.resolve();
        const named = back ? axes.map((axis) => axis - x.dims.length) : axes;
        return checkGradients(
          [x],
          (b, value) =>
            b.node("Slice", [
              value,
              ...[0, 1].map((bound) => b.integers(taken.map((one) => one[bound] ?? 0))),
              b.integers(named),
              b.integers(taken.map(([, , step]) => step)),
            ]),
          { seed },
        );
      },
      150,
    );
  });

  test("without axes and steps", async () => {
    await property(
      anyShape(1, 3),
      (x, seed) =>
        checkGradients([x], (b, value) => b.node("Slice", [value, b.integers([0]), b.integers([-1 + 9])]), {
          seed,
        }),
      10,
    );
  });

  test("of nothing", async () => {
    const x = float32([3], [1, 2, 3]);
    const found = await gradientsOf(
      (b) => b.node("Concat", ["x", b.node("Slice", ["x", b.integers([2]), b.integers([1])])], { axis: 0 }),
      { x },
    );
    expect(found.x).toEqual([1, 1, 1]);
  });

  test("with bounds that are found when it runs", async () => {
    const bounds = fc.constantFrom([0, 2], [1, 4], [-2, 9], [2, -1]);
    const steps = fc.constantFrom(1, 2);
    await property(
      fc.tuple(bounds, steps, anyShape(1, 1)),
      ([[from = 0, to = 0], step, { declared: names }], seed) =>
        checkGradients(
          [{ dims: [2, 4], declared: ["N", names[0] === 4 ? 4 : "?"] }, { ...ONE }],
          (b, x, one) => {
            b.node("Identity", [one], {}, { name: "one" });
            const range = [from, to].map((bound) => list(b, [bound], false));
            return withOne(b, b.node("Slice", [x, ...range, b.integers([1]), b.integers([step])]), one);
          },
          { seed },
        ),
      12,
    );
  });

  test("with axes that are found when it runs is refused", async () => {
    const [x, axes] = [float32([2], [1, 2]), int64([1], [0])];
    await expect(
      gradientsOf((b) => b.node("Slice", ["x", b.integers([0]), b.integers([1]), "axes"]), { x, axes }),
    ).rejects.toThrow("Slice (Slice), of which the axes or steps are known only when it runs.");
  });
});

describe("Gather", () => {
  test("by indices that are constants or inputs, of any shape, along any axis", async () => {
    const drawn = anyShape(1, 4).chain((x) =>
      fc.record({
        x: fc.constant(x),
        axis: fc.integer({ min: -x.dims.length, max: x.dims.length - 1 }),
        dims: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
        places: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 9, maxLength: 9 }),
        negative: fc.boolean(),
      }),
    );
    await property(
      drawn,
      ({ x, axis, dims, places, negative }, seed) => {
        const size = x.dims.at(axis) ?? 1;
        const count = dims.reduce((product, dim) => product * dim, 1);
        const indices = places
          .slice(0, count)
          .map((place) => Math.floor(place * size) - (negative ? size : 0));
        return checkGradients(
          [x],
          (b, value) => b.node("Gather", [value, b.constant("indices", int64(dims, indices))], { axis }),
          { seed },
        );
      },
      60,
    );
  });

  test("adds up what went to several places, and takes indices that are inputs", async () => {
    const x = float32([3, 2], [1, 2, 3, 4, 5, 6]);
    const indices = int64([2, 2], [0, 2, -1, 0]);
    const weights = float32([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    const found = await gradientsOf((b) => b.node("Mul", [b.node("Gather", ["x", "indices"]), "weights"]), {
      x,
      indices,
      weights,
    });
    expect(found.x).toEqual([8, 10, 0, 0, 8, 10]);
    const scalar = await gradientsOf((b) => b.node("Gather", ["x", "at"]), { x, at: int64([], [1]) });
    expect(scalar.x).toEqual([0, 0, 1, 1, 0, 0]);
  });

  test("of one token only puts zeros around its gradient", () => {
    const b = new GraphBuilder("token");
    b.input("x", "float32", ["N", 5, 8]);
    const token = b.node("Gather", ["x", b.constant("first", int64([], [0]))], { axis: 1 });
    b.output("loss", "float32", [], b.node("ReduceSum", [token], { keepdims: 0 }));
    const before = b.build().nodes.length;
    const made = differentiate(b.build(), "loss", ["x"])
      .graph.nodes.slice(before)
      .map(({ op }) => op);
    expect(made).toEqual(["Shape", "Expand", "Unsqueeze", "Pad"]);
  });

  test("GatherElements adds up what went to several places", async () => {
    const x = float32([2, 3], [1, 2, 3, 4, 5, 6]);
    const indices = int64([2, 4], [0, 0, 2, -1, 1, 1, 1, 0]);
    const { x: found } = await gradientsOf((b) => b.node("GatherElements", ["x", "indices"], { axis: 1 }), {
      x,
      indices,
    });
    expect(found).toEqual([2, 0, 2, 1, 3, 0]);
    await property(
      anyShape(1, 3),
      (input, seed) =>
        checkGradients(
          [input],
          (b, value) => {
            const zeros = b.node("Mul", [b.node("Shape", [value]), b.integers([1])]);
            const at = b.node("ConstantOfShape", [zeros], { value: int64([1], [-1]) });
            return b.node("GatherElements", [value, at], { axis: -1 });
          },
          { seed },
        ),
      10,
    );
  });
});

describe("Pad", () => {
  const drawn = (mode: string) =>
    fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 1, maxLength: 4 }).chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        declared: declared(dims),
        pads: fc.tuple(
          ...[...dims, ...dims].map((dim) =>
            fc.integer({ min: mode === "constant" ? -1 : 0, max: mode === "reflect" ? dim - 1 : 2 }),
          ),
        ),
        known: fc.boolean(),
      }),
    );

  test.each(["constant", "edge", "reflect", "wrap"])("%s", async (mode) => {
    await property(
      drawn(mode).filter(({ dims, pads }) =>
        dims.every((dim, i) => dim + (pads[i] ?? 0) + (pads[i + dims.length] ?? 0) > 0),
      ),
      ({ pads, known, ...x }, seed) =>
        checkGradients(
          [x, ONE],
          (b, value, one) => {
            b.node("Identity", [one], {}, { name: "one" });
            return withOne(b, b.node("Pad", [value, list(b, pads, known)], { mode }), one);
          },
          { seed },
        ),
      30,
    );
  });

  test("of given axes, and with a number that has a gradient", async () => {
    for (const mode of ["constant", "reflect"])
      await property(
        fc.tuple(declared([2, 3, 4]), fc.constantFrom([-1, 0], [0, 1], [2])),
        ([names, axes], seed) =>
          checkGradients(
            [{ dims: [2, 3, 4], declared: names }, { dims: [] }],
            (b, x, filling) =>
              b.node("Mul", [
                b.node(
                  "Pad",
                  [
                    x,
                    b.integers(axes.flatMap(() => [1, 1])),
                    mode === "constant" ? filling : "",
                    b.integers(axes),
                  ],
                  { mode },
                ),
                filling,
              ]),
            { seed },
          ),
        10,
      );
  });
});
