import fc from "fast-check";
import { describe, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";

const inputs = (least: number, most: number) =>
  shapes(least, most).chain((dims) => declared(dims).map((names) => ({ dims, declared: names })));

describe("values in another shape", () => {
  test.each([[[0, -1]], [[-1]], [[0, 0, -1]], [[1, -1, 1]], [[-1, 0]]])("Reshape to [%s]", async (target) => {
    const most = target[0] === -1 && target.length > 1 ? 2 : 4;
    const least = target.includes(0) ? 2 : 0;
    const fits = inputs(least, most).filter(({ dims }) =>
      target.every((dim, i) => dim !== 0 || i < dims.length),
    );
    await property(fits, (x, seed) =>
      checkGradients([x], (b, value) => b.node("Reshape", [value, b.integers(target)]), { seed }),
    );
  });

  test("Flatten at any axis", async () => {
    const drawn = inputs(1, 4).chain((x) =>
      fc.tuple(fc.constant(x), fc.integer({ min: -x.dims.length, max: x.dims.length })),
    );
    await property(drawn, ([x, axis], seed) =>
      checkGradients([x], (b, value) => b.node("Flatten", [value], { axis }), { seed }),
    );
  });

  test("Unsqueeze and Squeeze at given axes", async () => {
    await property(inputs(1, 3), (x, seed) =>
      checkGradients([x], (b, value) => b.node("Unsqueeze", [value, b.integers([0, -1])]), { seed }),
    );
    const ones = inputs(1, 3).map(({ dims, declared: names }) => ({
      dims: [1, ...dims, 1],
      declared: [1, ...names, "?"],
    }));
    await property(ones, (x, seed) =>
      checkGradients([x], (b, value) => b.node("Squeeze", [value, b.integers([-1, 0])]), { seed }),
    );
  });

  test("Squeeze of every axis of size 1", async () => {
    await property(inputs(1, 4), (x, seed) =>
      checkGradients([x], (b, value) => b.node("Squeeze", [value]), { seed }),
    );
  });

  test("Transpose by any permutation, and by none", async () => {
    const drawn = inputs(1, 4).chain((x) => {
      const axes = [...x.dims.keys()];
      return fc.tuple(fc.constant(x), fc.shuffledSubarray(axes, { minLength: axes.length }));
    });
    await property(drawn, ([x, perm], seed) =>
      checkGradients([x], (b, value) => b.node("Transpose", [value], { perm }), { seed }),
    );
    await property(inputs(0, 4), (x, seed) =>
      checkGradients([x], (b, value) => b.node("Transpose", [value]), { seed }),
    );
  });

  test("Expand to any shape, known or not", async () => {
    const drawn = shapes(0, 3).chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        kept: fc.tuple(...dims.map(() => fc.boolean())),
        first: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 1 }),
        known: fc.boolean(),
      }),
    );
    await property(
      drawn,
      ({ dims, kept, first, known }, seed) => {
        const x = dims.map((dim, axis) => (kept[axis] ? dim : 1));
        return checkGradients(
          [
            { dims: x },
            {
              dims: [...first, ...dims],
              declared: known ? [...first, ...dims] : [...first, ...dims].map(() => "?"),
            },
          ],
          (b, value, like) => b.node("Mul", [b.node("Expand", [value, b.node("Shape", [like])]), like]),
          { seed },
        );
      },
      40,
    );
  });

  test("Tile, a known number of times or not", async () => {
    const drawn = inputs(0, 3).chain((x) =>
      fc.record({
        x: fc.constant(x),
        repeats: fc.tuple(...x.dims.map(() => fc.integer({ min: 1, max: 3 }))),
        known: fc.boolean(),
      }),
    );
    await property(
      drawn,
      ({ x, repeats, known }, seed) =>
        checkGradients(
          [x, { dims: repeats, declared: known ? repeats : repeats.map(() => "?") }],
          (b, value, sizes) => {
            const times = known ? b.integers(repeats) : b.node("Shape", [sizes]);
            const tiled = b.node("Tile", [value, times]);
            return b.node("Add", [tiled, b.node("ReduceSum", [sizes], { keepdims: 0 })]);
          },
          { seed },
        ),
      40,
    );
  });

  test("Concat along any axis", async () => {
    const drawn = shapes(1, 3).chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
        sizes: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
        unknown: fc.boolean(),
      }),
    );
    await property(
      drawn,
      ({ dims, axis, sizes, unknown }, seed) => {
        const parts = sizes.map((size) => ({
          dims: dims.with(axis < 0 ? axis + dims.length : axis, size),
          ...(unknown ? { declared: dims.map(() => "?") } : {}),
        }));
        return checkGradients(parts, (b, ...names) => b.node("Concat", names, { axis }), { seed });
      },
      40,
    );
  });

  test("Split into parts of any size, of which some may be left", async () => {
    const drawn = shapes(1, 3).chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
        sizes: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 3 }),
        used: fc.subarray([0, 1], { minLength: 1 }),
        given: fc.boolean(),
      }),
    );
    await property(
      drawn,
      ({ dims, axis, sizes, used, given }, seed) => {
        const parts = given ? sizes : sizes.map(() => 2);
        const total = parts.reduce((sum, size) => sum + size);
        const x = { dims: dims.with(axis < 0 ? axis + dims.length : axis, total) };
        return checkGradients(
          [x],
          (b, value) => {
            const [list, count] = given
              ? [[value, b.integers(parts)], {}]
              : [[value], { num_outputs: parts.length }];
            const made = b.nodes("Split", list, parts.length, { axis, ...count });
            const flat = used.map((part) =>
              b.node("Reshape", [b.node("Exp", [made[part] ?? ""]), b.integers([-1])]),
            );
            return b.node("Concat", flat, { axis: 0 });
          },
          { seed },
        );
      },
      40,
    );
  });

  test("DepthToSpace in both modes, and SpaceToDepth", async () => {
    const drawn = fc.record({
      sizes: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 3 }))),
      blocksize: fc.integer({ min: 1, max: 3 }),
      mode: fc.constantFrom("DCR", "CRD"),
      declared: fc.boolean(),
    });
    await property(
      drawn,
      ({ sizes: [n = 1, c = 1, h = 1, w = 1], blocksize, mode, declared: known }, seed) => {
        const input = (dims: number[]) => (known ? { dims } : { dims, declared: dims.map(() => "?") });
        const deep = input([n, c * blocksize ** 2, h, w]);
        const wide = input([n, c, h * blocksize, w * blocksize]);
        return checkGradients(
          [deep, wide],
          (b, x, other) => {
            const products = [
              b.node("Mul", [b.node("DepthToSpace", [x], { blocksize, mode }), other]),
              b.node("Mul", [b.node("SpaceToDepth", [other], { blocksize }), x]),
            ];
            const flat = products.map((product) =>
              b.node("Reshape", [b.node("Exp", [product]), b.integers([-1])]),
            );
            return b.node("Concat", flat, { axis: 0 });
          },
          { seed },
        );
      },
    );
  });
});
