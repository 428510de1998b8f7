import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  float32,
  floats,
  type Graph,
  prune,
  readModel,
  renameValues,
  scalar,
  type Tensor,
  upgrade,
} from "../src/onnx/index.js";
import { composeStep, type Optimiser, type Tail } from "../src/training/index.js";
import { openGraph } from "./support/run-graph.js";
import { readSafetensors } from "./support/safetensors.js";
import { shared } from "./support/shared.js";

const OPTIMISER: Optimiser = {
  kind: "adamw",
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
};

/** Loss before each of 20 steps, by bench/peers/torch_steps.py. */
const CURVES: Readonly<Record<string, readonly number[]>> = JSON.parse(
  readFileSync(new URL("fixtures/torch/steps.json", import.meta.url), "utf8"),
);

const folder = shared("golden/networks");

describe.skipIf(!folder)("whole networks trained as PyTorch trains them (needs ../shared)", () => {
  test.each(Object.keys(CURVES))("%s follows 20 steps of AdamW", async (name) => {
    const golden = readSafetensors(join(folder ?? "", `${name}.safetensors`));
    const network = upgrade(readModel(new Uint8Array(readFileSync(join(folder ?? "", `${name}.onnx`)))));
    const trained = [...golden.keys()].filter((key) => key.startsWith("grad.") && key !== "grad.x");
    const { tail, weight, bias, values } = divide(
      network,
      trained.map((key) => key.slice("grad.".length)),
    );
    const [classes = 0, featureCount = 0] = weight.dims;
    const step = composeStep({
      tail,
      featureCount,
      classes,
      optimiser: OPTIMISER,
      dropout: 0,
      labelSmoothing: 0,
    });
    let state: Record<string, Tensor> = {
      ...Object.fromEntries(
        step.slots.map(({ name: slot, shape }) => [
          slot,
          float32(shape, new Float32Array(shape.reduce((product, size) => product * size, 1))),
        ]),
      ),
      ...values,
      "head.weight": transposed(weight),
      "head.bias": bias,
    };
    const graph = await openGraph(step.graph);
    const losses: number[] = [];
    for (const number of (CURVES[name] ?? []).keys()) {
      const found = await graph.run({
        ...state,
        activations: known(golden, "x"),
        label: known(golden, "y"),
        learning_rate: float32([], [OPTIMISER.learningRate]),
        step: float32([], [number + 1]),
      });
      losses.push(scalar(known(new Map(Object.entries(found)), "loss")));
      state = Object.fromEntries(
        step.carried.map(({ name: one }) => [one, known(new Map(Object.entries(found)), `${one}.next`)]),
      );
    }
    await graph.close();
    expect(losses).toHaveLength(20);
    const worst = Math.max(
      ...losses.map((loss, i) => Math.abs(loss / (CURVES[name]?.[i] ?? Number.NaN) - 1)),
    );
    expect(worst).toBeLessThan(1e-5);
  });
});

/** A network that ends in a fully connected layer, taken apart before it: what comes before, with its parameters as inputs, and the layer. */
function divide(network: Graph, parameters: readonly string[]) {
  const last = network.nodes.find(({ outputs }) => outputs.includes("logits"));
  const [features = "", weight = "", bias = ""] = last?.inputs ?? [];
  expect(last?.op).toBe("Gemm");
  const front = prune(network, [features]);
  const inner = parameters.filter((name) => front.initializers.has(name));
  const values = Object.fromEntries(inner.map((name) => [name, known(network.initializers, name)]));
  const graph: Graph = {
    ...front,
    inputs: [
      ...front.inputs,
      ...Object.entries(values).map(([name, { type, dims }]) => ({ name, type, shape: dims })),
    ],
    initializers: new Map([...front.initializers].filter(([name]) => !inner.includes(name))),
  };
  const tail: Tail = {
    graph: renameValues(
      graph,
      new Map([
        ["x", "activations"],
        [features, "features"],
      ]),
    ),
    parameters: Object.entries(values).map(([name, { dims }]) => ({ name, shape: dims, depth: 0 })),
  };
  expect(inner).toHaveLength(parameters.length - 2);
  return {
    tail,
    weight: known(network.initializers, weight),
    bias: known(network.initializers, bias),
    values,
  };
}

function known(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`There is no ${name}.`);
  return tensor;
}

function transposed(tensor: Tensor): Tensor {
  const [rows = 0, columns = 0] = tensor.dims;
  const values = floats(tensor);
  return float32(
    [columns, rows],
    Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN),
  );
}
