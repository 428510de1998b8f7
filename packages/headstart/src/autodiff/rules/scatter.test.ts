import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, declared, property, shapes } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float32, int64 } from "../../onnx/index.js";

const elements = shapes(1, 4).chain((dims) =>
  fc.record({
    dims: fc.constant(dims),
    declared: declared(dims),
    axis: fc.integer({ min: -dims.length, max: dims.length - 1 }),
  }),
);

/** Shapes with different places in them, given by their first coordinates, some counted from the end. */
const places = shapes(1, 4).chain((dims) =>
  fc.integer({ min: 1, max: dims.length }).chain((depth) => {
    const place = fc.tuple(...dims.slice(0, depth).map((dim) => fc.integer({ min: -dim, max: dim - 1 })));
    const modulo = (at: readonly number[]) =>
      at.map((one, axis) => (one + (dims[axis] ?? 1)) % (dims[axis] ?? 1)).join();
    return fc.record({
      dims: fc.constant(dims),
      declared: declared(dims),
      at: fc.uniqueArray(place, { minLength: 1, maxLength: 5, selector: modulo }),
    });
  }),
);

function coordinates(at: readonly (readonly number[])[]) {
  return int64([at.length, at[0]?.length ?? 0], at.flat());
}

describe("taking and putting", () => {
  test("GatherND, from one place more than once", async () => {
    await property(places, ({ at, ...x }, seed) =>
      checkGradients(
        [x],
        (b, value) => b.node("GatherND", [value, b.constant("at", coordinates([...at, ...at.slice(0, 1)]))]),
        { seed },
      ),
    );
    const x = float32([1, 2], [1, 2]);
    const batched = () =>
      gradientsOf((b) => b.node("GatherND", ["x", b.constant("at", int64([1, 1], [0]))], { batch_dims: 1 }), {
        x,
      });
    await expect(batched()).rejects.toThrow("which has batch dimensions");
  });

  test.each(["none", "add"])("ScatterND with reduction %s", async (reduction) => {
    await property(places, ({ at, ...x }, seed) =>
      checkGradients(
        [x, { dims: [at.length, ...x.dims.slice(at[0]?.length)] }],
        (b, value, updates) =>
          b.node("ScatterND", [value, b.constant("at", coordinates(at)), updates], { reduction }),
        { seed },
      ),
    );
  });

  test.each(["none", "add"])("ScatterElements with reduction %s", async (reduction) => {
    await property(elements, ({ axis, ...x }, seed) => {
      const size = x.dims.at(axis) ?? 1;
      const dims = x.dims.map((dim, i) => (i === (axis + x.dims.length) % x.dims.length ? 1 : dim));
      const count = dims.reduce((product, dim) => product * dim, 1);
      const at = Array.from({ length: count }, (_, i) => ((seed + i) % (2 * size)) - size);
      return checkGradients(
        [x, { dims }],
        (b, value, updates) =>
          b.node("ScatterElements", [value, b.constant("at", int64(dims, at)), updates], { axis, reduction }),
        { seed },
      );
    });
  });

  test("other reductions are refused", async () => {
    const x = float32([2], [1, 2]);
    const at = int64([1], [0]);
    await expect(
      gradientsOf((b) => b.node("ScatterElements", ["x", b.constant("at", at), "x"], { reduction: "mul" }), {
        x,
      }),
    ).rejects.toThrow("whose reduction is mul");
  });

  test("TopK gives the gradient to the elements that were taken", async () => {
    await property(elements, ({ axis, ...x }, seed) => {
      const k = 1 + (seed % (x.dims.at(axis) ?? 1));
      return checkGradients(
        [x],
        (b, value) => b.nodes("TopK", [value, b.integers([k])], 2, { axis, largest: seed % 2 })[0] ?? "",
        { seed },
      );
    });
  });
});
