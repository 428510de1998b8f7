import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { numbers, uniform } from "../../test/support/check-gradients.js";
import { runGraph } from "../../test/support/run-graph.js";
import { differentiate } from "../autodiff/index.js";
import { float, float32, type Graph, GraphBuilder, type Tensor } from "../onnx/index.js";
import { type Statistic, trainNormalisation } from "./batch-norm.js";

interface Listed {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

/** Made by bench/peers/torch_batch_norm.py. */
const golden: {
  readonly rate: number;
  readonly start: Readonly<Record<string, Listed>>;
  readonly steps: readonly {
    readonly x: Listed;
    readonly target: Listed;
    readonly loss: number;
    readonly after: Readonly<Record<string, Listed>>;
  }[];
} = JSON.parse(readFileSync(new URL("../../test/fixtures/torch-batch-norm.json", import.meta.url), "utf8"));

const TRAINED = ["weight1", "weight2", "scale1", "bias1", "scale2", "bias2"];
const STATISTICS = [1, 2].map(
  (i): Statistic => ({ node: `norm${i}`, mean: `mean${i}`, variance: `variance${i}` }),
);

const tensorOf = ({ dims, values }: Listed): Tensor => float32(dims, values);

/** The network of the golden data in inference form, from `x` to `y`. */
function network(): Graph {
  const b = new GraphBuilder("two normalisations");
  const x = b.input("x", "float32", ["N", 3, 2, 2]);
  const given = (name: string) => {
    const tensor = tensorOf(golden.start[name] ?? { dims: [], values: [] });
    return TRAINED.includes(name) ? b.input(name, "float32", tensor.dims) : b.constant(name, tensor);
  };
  const norm = (i: number, value: string) => {
    const inputs = [value, ...["scale", "bias", "mean", "variance"].map((name) => given(`${name}${i}`))];
    return b.node("BatchNormalization", inputs, i === 1 ? {} : { momentum: float(0.99) }, {
      name: `norm${i}`,
    });
  };
  const hidden = b.node("Relu", [norm(1, b.node("Mul", [x, given("weight1")]))]);
  b.output("y", "float32", ["N", 3, 2, 2], b.node("Mul", [norm(2, hidden), given("weight2")]));
  return b.build();
}

/** One step of SGD. */
function step(): Graph {
  const { graph, statistics } = trainNormalisation(network(), STATISTICS);
  expect(statistics.map(({ name, shape }) => [name, shape])).toEqual(
    ["mean1", "variance1", "mean2", "variance2"].map((name) => [name, [3]]),
  );
  const front = GraphBuilder.from(graph);
  const error = front.node("Sub", ["y", front.input("target", "float32", ["N", 3, 2, 2])]);
  const loss = front.node("ReduceMean", [front.node("Mul", [error, error])], { keepdims: 0 });
  const { graph: whole, gradients } = differentiate(front.build(), loss, TRAINED);
  const b = GraphBuilder.from(whole);
  b.output("loss", "float32", [], loss);
  for (const name of TRAINED) {
    const move = b.node("Mul", [b.scalar(golden.rate), gradients.get(name) ?? ""]);
    b.output(`${name}.next`, "float32", golden.start[name]?.dims ?? [], b.node("Sub", [name, move]));
  }
  return b.build();
}

describe("trainNormalisation", () => {
  test("makes the steps that PyTorch makes, also with a batch of one photo", async () => {
    const graph = step();
    let state = Object.fromEntries(Object.entries(golden.start).map(([name, one]) => [name, tensorOf(one)]));
    for (const { x, target, loss, after } of golden.steps) {
      const before = Object.values(state).map(numbers);
      const made = await runGraph(graph, { ...state, x: tensorOf(x), target: tensorOf(target) });
      expect(Object.values(state).map(numbers), "inputs stay as they are").toEqual(before);
      expect(numbers(made.loss ?? float32([0], []))[0]).toBeCloseTo(loss, 5);
      state = Object.fromEntries(
        Object.keys(state).map((name) => [name, made[`${name}.next`] ?? float32([0], [])]),
      );
      for (const [name, { values }] of Object.entries(after))
        for (const [i, value] of numbers(state[name] ?? float32([0], [])).entries())
          expect(Math.abs(value - (values[i] ?? Number.NaN)), name).toBeLessThan(1e-5);
    }
  });

  test.each([
    ["[N, C]", [5, 3]],
    ["[N, C, L]", [4, 3, 5]],
    ["[N, C, H, W]", [2, 3, 2, 4]],
    ["[N, C, D, H, W]", [2, 3, 2, 2, 3]],
    ["[1, C], of which the variance is 0", [1, 3]],
  ])("uses and moves statistics of %s", async (_, dims) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const x = uniform(3, count, -2, 2);
    const b = new GraphBuilder("norm");
    const given = ["scale", "bias", "mean", "variance"].map((name, i) =>
      b.constant(name, float32([3], [i + 1, 2, 0.5])),
    );
    const y = b.node("BatchNormalization", [b.input("x", "float32", dims), ...given], {}, { name: "norm" });
    b.output("y", "float32", dims, y);
    const { graph } = trainNormalisation(b.build(), [{ node: "norm", mean: "mean", variance: "variance" }]);
    const made = await runGraph(graph, {
      x: float32(dims, x),
      mean: float32([3], [3, 2, 0.5]),
      variance: float32([3], [4, 2, 0.5]),
    });
    const places = count / 3 / (dims[0] ?? 1);
    for (const channel of [0, 1, 2]) {
      const of = x.filter((_, i) => Math.floor(i / places) % 3 === channel);
      const mean = of.reduce((sum, value) => sum + value, 0) / of.length;
      const squares = of.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      const old = [[3, 2, 0.5][channel] ?? 0, [4, 2, 0.5][channel] ?? 0] as const;
      const at = (name: string) => numbers(made[name] ?? float32([0], []))[channel];
      expect(at("mean.next")).toBeCloseTo(0.9 * old[0] + 0.1 * mean, 5);
      expect(at("variance.next")).toBeCloseTo(0.9 * old[1] + 0.1 * (squares / Math.max(of.length - 1, 1)), 5);
      const first = ((x[channel * places] ?? 0) - mean) / Math.sqrt(squares / of.length + 1e-5);
      const [scale, bias] = [[1, 2, 0.5][channel] ?? 0, [2, 2, 0.5][channel] ?? 0];
      expect(numbers(made.y ?? float32([0], []))[channel * places]).toBeCloseTo(first * scale + bias, 4);
    }
  });

  test("moves shared statistics once for each node", async () => {
    const b = new GraphBuilder("twice");
    const given = ["scale", "bias", "mean", "variance"].map((name) => b.constant(name, float32([1], [1])));
    const norm = (x: string, name: string) => b.node("BatchNormalization", [x, ...given], {}, { name });
    const first = norm(b.input("x", "float32", [2, 1]), "a");
    b.output("y", "float32", [2, 1], norm(b.node("Add", [first, b.scalar(3)]), "b"));
    const shared = { mean: "mean", variance: "variance" };
    const { graph } = trainNormalisation(b.build(), [
      { node: "b", ...shared },
      { node: "a", ...shared },
    ]);
    const made = await runGraph(graph, {
      x: float32([2, 1], [1, 3]),
      mean: float32([1], [0]),
      variance: float32([1], [1]),
    });
    // Means are 2 and, of what comes out of the first plus 3, 4 (its bias is 1).
    expect(numbers(made["mean.next"] ?? float32([0], []))[0]).toBeCloseTo(0.9 * (0.1 * 2) + 0.1 * 4, 5);
  });

  test("names a node that is not there, or no normalisation in inference form", () => {
    expect(() =>
      trainNormalisation(network(), [{ node: "norm3", mean: "mean1", variance: "variance1" }]),
    ).toThrow("no normalisation norm3 in inference form");
    const { graph } = trainNormalisation(network(), STATISTICS.slice(0, 1));
    expect(() => trainNormalisation(graph, STATISTICS.slice(0, 1))).toThrow("mean1 is no float32 constant");
  });
});
