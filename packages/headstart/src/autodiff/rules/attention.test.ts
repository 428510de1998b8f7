import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type CheckedInput,
  checkGradients,
  declared,
  property,
} from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { type AttributeValue, float, float32 } from "../../onnx/index.js";

const size = fc.integer({ min: 1, max: 3 });
const sizes = fc.record({ photos: size, heads: size, queries: size, keys: size, head: size, value: size });

async function check(
  inputs: readonly CheckedInput[],
  attributes: Record<string, AttributeValue>,
  seed: number,
) {
  await checkGradients(inputs, (b, ...names) => b.node("Attention", names, attributes), {
    seed,
    type: "float32",
    opset: 23,
  });
}

test("of four dimensions, with any scale", async () => {
  const drawn = fc.tuple(
    sizes,
    fc.constantFrom<Record<string, AttributeValue>>({}, { scale: float(0.7) }),
    fc.nat(1),
  );
  await property(drawn, async ([{ photos, heads, queries, keys, head, value }, scale, causal], seed) => {
    const rows = causal ? queries : keys;
    const inputs = [
      [queries, head],
      [rows, head],
      [rows, value],
    ].map((dims) => ({ dims: [photos, heads, ...dims] }));
    await check(inputs, { ...scale, is_causal: causal }, seed);
  });
});

test("of three dimensions, declared in any way, with a mask that has a gradient, too", async () => {
  const drawn = sizes.chain(({ photos, heads, queries, keys, head, value }) => {
    const dims = [
      [photos, queries, heads * head],
      [photos, keys, heads * head],
      [photos, keys, heads * value],
      [queries, keys],
    ];
    // ONNX's own shape inference of Attention goes wrong where the last size is not a number.
    const inputs = dims.map((one) =>
      declared(one).map((known) => ({ dims: one, declared: [...known.slice(0, -1), one.at(-1) ?? 1] })),
    );
    return fc.record({ heads: fc.constant(heads), inputs: fc.tuple(...inputs) });
  });
  await property(drawn, ({ heads, inputs }, seed) =>
    check(inputs, { q_num_heads: heads, kv_num_heads: heads }, seed),
  );
});

test("with a mask of yes and no", async () => {
  await property(
    fc.constant([1, 2, 3, 2]),
    async (dims, seed) => {
      await checkGradients(
        [{ dims }, { dims }, { dims }],
        (b, q, k, v) => {
          const mask = b.node("Greater", [
            b.constant("mask", float32([3, 3], [1, 0, 1, 1, 1, 0, 0, 1, 1])),
            b.scalar(0.5),
          ]);
          return b.node("Attention", [q, k, v, mask]);
        },
        { seed, type: "float32", opset: 23 },
      );
    },
    4,
  );
});

test("keys of fewer heads and a softcap are refused", async () => {
  const [q, k] = [float32([1, 2, 1, 1], [1, 2]), float32([1, 1, 1, 1], [1])];
  const of = (inputs: string[], attributes: Record<string, AttributeValue>) =>
    gradientsOf((b) => b.node("Attention", inputs, attributes), { q, k }, 23);
  await expect(of(["q", "k", "k"], {})).rejects.toThrow("as many heads");
  await expect(of(["q", "q", "q"], { softcap: float(2) })).rejects.toThrow("softcap");
});
