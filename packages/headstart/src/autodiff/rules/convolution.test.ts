import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { numbers, property, uniform } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { runGraph } from "../../../test/support/run-graph.js";
import { type Dim, elementCount, float32, GraphBuilder, type Tensor } from "../../onnx/index.js";
import { differentiate } from "../differentiate.js";

/** A convolution: shapes of image and filters, and attributes. */
interface Layer {
  readonly x: readonly number[];
  readonly w: readonly number[];
  /** Dimensions of the image as the graph declares them. */
  readonly declared: readonly Dim[];
  /** Whether the places are declared by names. */
  readonly symbolic: boolean;
  readonly group: number;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

/** One spatial axis of a convolution. */
const axis = fc.record({
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.constantFrom(1, 1, 2, 3),
  dilation: fc.integer({ min: 1, max: 2 }),
  begin: fc.integer({ min: 0, max: 3 }),
  end: fc.integer({ min: 0, max: 3 }),
  /** Places that the windows take, less one. */
  steps: fc.integer({ min: 0, max: 3 }),
  /** What the last window leaves of the image. */
  rest: fc.integer({ min: 0, max: 2 }),
});

/** Convolutions of one to three axes, small enough for a loop. */
const layers = fc
  .record({
    axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
    photos: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    depth: fc.constantFrom(1, 2, 9),
    filters: fc.integer({ min: 1, max: 2 }),
    symbolic: fc.boolean(),
  })
  .map(({ axes, photos, group, depth, filters, symbolic }) => {
    const fitting = axes.map((a) => {
      const reach = (a.kernel - 1) * a.dilation + 1;
      // The padding must leave something of the image.
      const size = Math.max(a.steps * a.stride + reach + Math.min(a.rest, a.stride - 1) - a.begin - a.end, 1);
      return { ...a, size };
    });
    const of = (key: keyof (typeof fitting)[number]) => fitting.map((a) => a[key]);
    return {
      x: [photos, group * depth, ...of("size")],
      w: [group * filters, depth, ...of("kernel")],
      declared: ["N", group * depth, ...fitting.map((_, i) => (symbolic ? `S${i}` : (of("size")[i] ?? 0)))],
      symbolic,
      group,
      strides: of("stride"),
      dilations: of("dilation"),
      pads: [...of("begin"), ...of("end")],
    };
  });

/** Dense convolutions of many places and few filters. */
const wide = fc
  .record({
    photos: fc.integer({ min: 1, max: 3 }),
    kernels: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })),
    dilation: fc.integer({ min: 1, max: 2 }),
    pads: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
  })
  .map(({ photos, kernels, dilation, pads }) => ({
    x: [photos, 9, 10, 9],
    w: [2, 9, ...kernels],
    declared: ["N", 9, 10, 9],
    symbolic: false,
    group: 1,
    strides: [1, 1],
    dilations: [dilation, dilation],
    pads,
  }));

/** Every index into dimensions. */
function* indices(dims: readonly number[]): Generator<number[]> {
  const [first, ...rest] = dims;
  if (first === undefined) yield [];
  else for (let i = 0; i < first; i++) for (const tail of indices(rest)) yield [i, ...tail];
}

const at = (list: ArrayLike<number>, i: number) => list[i] ?? Number.NaN;
const offset = (dims: readonly number[], index: readonly number[]) =>
  index.reduce((sum, i, k) => sum * at(dims, k) + i, 0);

/** The gradients of sum(s * conv(x, w) ) by the definition, for whole numbers, which float32 adds up exactly. */
function byDefinition(layer: Layer, x: Float32Array, w: Float32Array, s: Float32Array, y: readonly number[]) {
  const [dx, dw, db] = [new Float32Array(x.length), new Float32Array(w.length), new Float32Array(at(y, 1))];
  for (const [n = 0, m = 0, ...o] of indices(y)) {
    const weight = at(s, offset(y, [n, m, ...o]));
    db[m] = at(db, m) + weight;
    for (const [c = 0, ...k] of indices(layer.w.slice(1))) {
      const place = o.map(
        (i, a) => i * at(layer.strides, a) + at(k, a) * at(layer.dilations, a) - at(layer.pads, a),
      );
      if (place.some((p, a) => p < 0 || p >= at(layer.x, a + 2))) continue;
      const channel = Math.floor((m * layer.group) / at(layer.w, 0)) * at(layer.w, 1) + c;
      const i = offset(layer.x, [n, channel, ...place]);
      const j = offset(layer.w, [m, c, ...k]);
      dx[i] = at(dx, i) + weight * at(w, j);
      dw[j] = at(dw, j) + weight * at(x, i);
    }
  }
  return { x: [...dx], w: [...dw], bias: [...db] };
}

/** Whole numbers between -4 and 4, so that float32 adds them up exactly. */
const whole = (seed: number, dims: readonly number[]) =>
  Float32Array.from(uniform(seed, elementCount(dims), -4, 5), Math.floor);

/** Dimensions of what a convolution makes. */
function made({ x, w, strides, dilations, pads }: Layer): number[] {
  const places = strides.map((stride, a) => {
    const reach = (at(w, a + 2) - 1) * at(dilations, a) + 1;
    const padding = at(pads, a) + at(pads, a + strides.length);
    return Math.floor((at(x, a + 2) + padding - reach) / stride) + 1;
  });
  return [at(x, 0), at(w, 0), ...places];
}

const attributesOf = ({ group, strides, dilations, pads }: Layer) => ({ group, strides, dilations, pads });

/** The elements of a tensor, with no zero that is negative. */
const read = (tensor: Tensor | undefined) => (tensor ? numbers(tensor) : []).map((value) => value + 0);

/** The gradients of the sum of a value, of inputs whose dimensions are declared apart from what they hold. */
async function gradientsWith(
  inputs: Readonly<Record<string, { declared: readonly Dim[]; tensor: Tensor }>>,
  build: (b: GraphBuilder) => string,
  of: readonly string[],
): Promise<Record<string, number[]>> {
  const b = new GraphBuilder("sum");
  for (const [name, { declared }] of Object.entries(inputs)) b.input(name, "float32", declared);
  b.output("loss", "float32", [], b.node("ReduceSum", [build(b)], { keepdims: 0 }));
  const { graph, gradients } = differentiate(b.build(), "loss", of);
  const shown = GraphBuilder.from(graph);
  for (const [name, gradient] of gradients)
    shown.output(`d_${name}`, "float32", inputs[name]?.declared ?? [], gradient);
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { tensor }]) => [name, tensor]));
  const found = await runGraph(shown.build(), feeds);
  return Object.fromEntries(of.map((name) => [name, read(found[`d_${name}`])]));
}

const symbols = (dims: readonly number[], letter: string) =>
  dims.map((dim, i) => (i === 1 ? dim : `${letter}${i}`));

async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
  return "";
}

describe("Conv", () => {
  test.each([
    ["whatever slides over whatever", layers, 200],
    ["where the image is large beside the filters", wide, 20],
  ])("as its definition has it, to the bit, %s", async (_, drawn, runs) => {
    await property<Layer>(
      drawn,
      async (layer, seed) => {
        const y = made(layer);
        const [x, w, s] = [whole(seed, layer.x), whole(seed + 1, layer.w), whole(seed + 2, y)];
        const found = await gradientsWith(
          {
            x: { declared: layer.declared, tensor: float32(layer.x, x) },
            w: { declared: layer.w, tensor: float32(layer.w, w) },
            bias: { declared: y.slice(1, 2), tensor: float32(y.slice(1, 2), whole(seed, y.slice(1, 2))) },
            s: { declared: layer.symbolic ? symbols(y, "Y") : y, tensor: float32(y, s) },
          },
          (b) => b.node("Mul", [b.node("Conv", ["x", "w", "bias"], attributesOf(layer)), "s"]),
          ["x", "w", "bias"],
        );
        expect(found).toEqual(byDefinition(layer, x, w, s, y));
      },
      runs,
    );
  });

  test.each([
    ["SAME_UPPER", 5, 2, 1, [0, 1]],
    ["SAME_LOWER", 5, 2, 1, [1, 0]],
    ["SAME_UPPER", 6, 3, 2, [0, 1]],
    ["SAME_LOWER", 6, 3, 2, [1, 0]],
    ["SAME_UPPER", 7, 3, 2, [1, 1]],
    ["SAME_UPPER", 6, 1, 2, [0, 0]],
    ["VALID", 6, 3, 2, [0, 0]],
  ])(
    "padding that the node leaves to be found: %s, size %i, kernel %i, stride %i",
    async (auto, size, kernel, stride, pads) => {
      const inputs = {
        x: float32([2, 2, size], whole(1, [2, 2, size])),
        w: float32([3, 2, kernel], whole(2, [3, 2, kernel])),
      };
      const squared = (attributes: Record<string, string | number[]>) => (b: GraphBuilder) => {
        const y = b.node("Conv", ["x", "w"], { strides: [stride], ...attributes });
        return b.node("Mul", [y, y]);
      };
      expect(await gradientsOf(squared({ auto_pad: auto }), inputs)).toEqual(
        await gradientsOf(squared({ pads }), inputs),
      );
    },
  );

  test("padding that depends on a size which is not known is refused, unless no stride matters", async () => {
    const same = (strides: number[], size: Dim) => () => {
      const b = new GraphBuilder("same");
      b.input("x", "float32", ["N", 2, size]);
      const w = b.constant("w", float32([1, 2, 1], [1, 2]));
      const y = b.node("Conv", ["x", w], { auto_pad: "SAME_UPPER", strides });
      b.output("loss", "float32", [], b.node("ReduceSum", [y], { keepdims: 0 }));
      return differentiate(b.build(), "loss", ["x", "w"]);
    };
    expect(await refusal(same([2], "W"))).toContain(
      "whose padding (SAME_UPPER) depends on a size that is not known",
    );
    expect(await refusal(same([4], 8))).toContain("whose stride is too large for its padding (SAME_UPPER)");
    expect(await refusal(same([1], "W"))).toBe("");
  });
});

describe("ConvTranspose", () => {
  test("is the adjoint of the convolution back, to the bit, and so are its gradients", async () => {
    await property(
      layers,
      async (layer, seed) => {
        // x and y have changed places: s weighs what the transposed convolution makes, which has the size of a convolution's image.
        const y = made(layer);
        const reach = layer.strides.map((_, a) => (at(layer.w, a + 2) - 1) * at(layer.dilations, a) + 1);
        const spread = layer.strides.map((stride, a) => {
          const padding = at(layer.pads, a) + at(layer.pads, a + layer.strides.length);
          return (at(y, a + 2) - 1) * stride + at(reach, a) - padding;
        });
        const output_padding = spread.map((size, a) => at(layer.x, a + 2) - size);
        const tensors = {
          x: { declared: layer.symbolic ? symbols(y, "Y") : y, tensor: float32(y, whole(seed, y)) },
          w: { declared: layer.w, tensor: float32(layer.w, whole(seed + 1, layer.w)) },
          bias: {
            declared: layer.x.slice(1, 2),
            tensor: float32(layer.x.slice(1, 2), whole(seed, layer.x.slice(1, 2))),
          },
          s: { declared: layer.declared, tensor: float32(layer.x, whole(seed + 2, layer.x)) },
        };
        const there = await gradientsWith(
          tensors,
          (b) =>
            b.node("Mul", [
              b.node("ConvTranspose", ["x", "w", "bias"], { ...attributesOf(layer), output_padding }),
              "s",
            ]),
          ["x", "w", "bias"],
        );
        const back = await gradientsWith(
          tensors,
          (b) => b.node("Mul", [b.node("Conv", ["s", "w"], attributesOf(layer)), "x"]),
          ["x", "w"],
        );
        expect({ x: there.x, w: there.w }).toEqual(back);
        const sums = Array<number>(at(layer.x, 1)).fill(0);
        const weights = numbers(tensors.s.tensor);
        for (const [n = 0, c = 0, ...place] of indices(layer.x))
          sums[c] = at(sums, c) + at(weights, offset(layer.x, [n, c, ...place]));
        expect(there.bias).toEqual(sums.map((sum) => sum + 0));
      },
      80,
    );
  });

  test("of which the output's size is given is refused", async () => {
    const x = float32([1, 1, 3], [1, 2, 3]);
    const w = float32([1, 1, 2], [1, 2]);
    const given = (b: GraphBuilder) =>
      b.node("ConvTranspose", ["x", "w"], { output_shape: [5], strides: [2] });
    expect(await refusal(() => gradientsOf(given, { x, w }))).toContain("whose padding is to be found");
    const wide = (b: GraphBuilder) =>
      b.node("ConvTranspose", ["x", "w"], { output_padding: [1], dilations: [2] });
    expect(await refusal(() => gradientsOf(wide, { x, w }))).toContain("whose output_padding is not smaller");
  });
});
