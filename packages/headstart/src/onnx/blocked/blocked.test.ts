import { beforeAll, describe, expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { findBlock } from "../../runtime/blocks.js";
import { GraphBuilder } from "../builder.js";
import type { Graph } from "../graph.js";
import { float32, floats, type Tensor } from "../tensor.js";
import { toBlocked } from "./blocked.js";

type Attributes = Readonly<Record<string, number | readonly number[]>>;

let block: number | undefined;
beforeAll(async () => {
  block = await findBlock(runGraph);
});

/** Writes a graph whose inputs are filled with waves. */
class Waves {
  readonly b = new GraphBuilder("waves");
  readonly feeds: Record<string, Tensor> = {};

  input(dims: readonly number[], declared: readonly (number | string)[] = dims): string {
    const name = `in${Object.keys(this.feeds).length}`;
    const count = dims.reduce((product, dim) => product * dim, 1);
    this.feeds[name] = float32(
      dims,
      Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + name.length)),
    );
    return this.b.input(name, "float32", declared);
  }

  conv(x: string, filter: readonly number[], attributes: Attributes = {}, bias = false): string {
    const inputs = [x, this.input(filter)];
    if (bias) inputs.push(this.input(filter.slice(0, 1)));
    return this.b.node("Conv", inputs, attributes);
  }

  scaled(value: string): string {
    return this.b.node("Mul", [value, this.b.scalar(0.05)]);
  }

  end(value: string): void {
    this.b.output("y", "float32", ["N", "C", "H", "W"], value);
  }
}

/** Runs a graph in either layout and compares; returns the operators of the blocked one, without shapes. */
async function compared({ b, feeds }: Waves): Promise<string[]> {
  const graph = b.build();
  const blocked = toBlocked(graph, block ?? 16);
  if (block !== undefined) {
    const [expected, found] = [await runGraph(graph, feeds), await runGraph(blocked, feeds)];
    const [one, other] = [expected.y, found.y];
    expect(other?.dims).toEqual(one?.dims);
    const values = one ? floats(one) : [];
    const largest = Math.max(...Array.from(values, Math.abs));
    const differences = Array.from(values, (value, i) =>
      Math.abs(value - ((other && floats(other)[i]) ?? Number.NaN)),
    );
    expect(Math.max(...differences) / largest).toBeLessThan(1e-5);
  }
  return operators(blocked);
}

function operators({ nodes }: Graph): string[] {
  return nodes
    .filter(({ op }) => op !== "Reshape" && op !== "Identity")
    .map(({ op, domain }) => (domain ? `${op}*` : op));
}

describe("toBlocked", () => {
  test("knows the processor's blocks", () => {
    if (process.arch === "x64") expect([8, 16]).toContain(block);
  });

  test.each([
    ["3 x 3", [16, 32, 3, 3], { pads: [1, 1, 1, 1] }],
    ["1 x 1", [48, 32, 1, 1], {}],
    ["strided", [32, 32, 3, 3], { strides: [2, 2], pads: [0, 1, 1, 0] }],
    ["dilated", [32, 32, 3, 2], { dilations: [2, 1], pads: [2, 0, 2, 0] }],
    ["depthwise", [32, 1, 5, 5], { group: 32, pads: [2, 2, 2, 2], strides: [2, 1] }],
  ] as const)("convolutions: %s", async (_, filter, attributes) => {
    const w = new Waves();
    w.end(w.conv(w.input([2, 32, 9, 7], ["N", 32, 9, 7]), filter, attributes, true));
    const found = await compared(w);
    expect(found.slice(-2)).toEqual(["Conv*", "ReorderOutput*"]);
  });

  test("fills up channels", async () => {
    const w = new Waves();
    const x = w.scaled(w.conv(w.input([2, 3, 8, 8]), [24, 3, 3, 3], { strides: [2, 2] }, true));
    const deep = w.conv(w.b.node("Sigmoid", [x]), [24, 1, 3, 3], { group: 24 }, true);
    w.end(w.b.node("Tanh", [w.scaled(w.conv(deep, [44, 24, 1, 1], {}, true))]));
    expect(await compared(w)).not.toContain("Conv");
  });

  test("makes additions and activations part of convolutions, and keeps what lies between in blocks", async () => {
    const w = new Waves();
    const { b } = w;
    const pads = [1, 1, 1, 1];
    const first = w.scaled(b.node("Relu", [w.conv(w.input([1, 32, 4, 4]), [32, 32, 3, 3], { pads }, true)]));
    const second = w.conv(first, [32, 32, 3, 3], { pads });
    const sum = b.node("Clip", [b.node("Add", [first, second]), b.scalar(0), b.scalar(1)]);
    const pooled = b.node("MaxPool", [sum], { kernel_shape: [2, 2], strides: [2, 2] });
    const mask = b.node("HardSigmoid", [pooled]);
    w.end(b.node("GlobalAveragePool", [b.node("Mul", [pooled, mask])]));
    expect((await compared(w)).filter((op) => op !== "ReorderInput*")).toEqual([
      ...["Conv*", "Mul", "Conv*", "MaxPool*", "HardSigmoid", "Mul", "GlobalAveragePool*", "ReorderOutput*"],
    ]);
  });

  test("gives both layouts to those who want either", async () => {
    const w = new Waves();
    const { b } = w;
    const x = b.node("Softplus", [w.scaled(w.conv(w.input([1, 16, 4, 4]), [16, 16, 1, 1]))]);
    const joined = b.node("Concat", [w.conv(x, [16, 16, 1, 1]), w.conv(x, [32, 16, 1, 1])], { axis: 1 });
    w.end(b.node("Add", [w.conv(joined, [16, 48, 1, 1]), b.node("Transpose", [x], { perm: [0, 1, 3, 2] })]));
    expect(await compared(w)).toContain("ReorderOutput*");
  });

  test.each([
    [1, 2, [0, 0, 0, 0], 1],
    [3, 2, [1, 1, 1, 1], 1],
    [7, 2, [3, 3, 3, 3], 1],
    [2, 2, [0, 0, 0, 0], 0],
    [3, 1, [1, 1, 1, 1], 0],
    [3, 3, [0, 0, 0, 0], 0],
  ])("transposed convolutions: kernel %i, stride %i", async (kernel, stride, pads, extra) => {
    const w = new Waves();
    const attributes = { strides: [stride, stride], pads, output_padding: [extra, extra] };
    const filter = w.input([16, 32, kernel, kernel]);
    const x = w.scaled(w.conv(w.input([2, 32, 6, 5]), [16, 32, 1, 1]));
    w.end(w.b.node("ConvTranspose", [x, filter], attributes));
    expect(await compared(w)).not.toContain("ConvTranspose");
  });

  test.each([
    [3, 2, [1, 1, 1, 1], 1],
    [5, 2, [1, 1, 2, 2], 0],
    [3, 1, [1, 1, 1, 1], 0],
  ])("transposed convolutions of each channel: kernel %i, stride %i", async (kernel, stride, pads, extra) => {
    const w = new Waves();
    const attributes = { strides: [stride, stride], pads, output_padding: [extra, extra], group: 32 };
    const x = w.scaled(w.conv(w.input([2, 32, 6, 5]), [32, 32, 1, 1]));
    w.end(w.b.node("ConvTranspose", [x, w.input([32, 1, kernel, kernel])], attributes));
    expect(await compared(w)).not.toContain("ConvTranspose");
  });

  test("leaves alone what it cannot do, and constants", async () => {
    const w = new Waves();
    const { b } = w;
    const constant = b.node("Neg", [
      b.constant("w", float32([16, 16, 1, 1], new Float32Array(256).fill(0.1))),
    ]);
    const grouped = w.conv(w.input([1, 32, 4, 4]), [16, 16, 1, 1], { group: 2 });
    const narrow = w.conv(b.node("Conv", [grouped, constant]), [3, 16, 1, 1]);
    w.end(narrow);
    expect(await compared(w)).toEqual(["Neg", "Conv", "Conv", "Conv"]);
  });
});
