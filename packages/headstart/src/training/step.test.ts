import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { shared } from "../../test/support/shared.js";
import {
  elementCount,
  float32,
  floats,
  type Graph,
  GraphBuilder,
  int64,
  integers,
  type Tensor,
} from "../onnx/index.js";
import { readSafetensors } from "../onnx/safetensors.js";
import { createRandom } from "../random.js";
import { HEAD_PARAMETERS, initialHead } from "./head.js";
import type { Optimiser } from "./optimisers.js";
import { composeEvaluation, composeStep, type Step, type StepOptions } from "./step.js";

const SGD: Optimiser = { kind: "sgd", learningRate: 1 };
const ADAM: Optimiser = { kind: "adam", learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const PLAIN = { featureCount: 2, classes: 2, optimiser: SGD, dropout: 0, labelSmoothing: 0 };

type Tensors = Readonly<Record<string, Tensor>>;

describe("composeStep", () => {
  test("has the inputs and outputs that the trainer feeds and reads", () => {
    const step = composeStep({ ...PLAIN, optimiser: ADAM, dropout: 0.5 });
    const slots = HEAD_PARAMETERS.flatMap((name) => [`${name}.first_moment`, `${name}.second_moment`]);
    expect(step.slots.map(({ name }) => name)).toEqual(slots);
    expect(step.slots.map(({ parameter }) => parameter)).toEqual(
      HEAD_PARAMETERS.flatMap((name) => [name, name]),
    );
    expect(new Set(step.graph.inputs.map(({ name }) => name))).toEqual(
      new Set(["features", "label", "dropout_mask", ...HEAD_PARAMETERS, ...slots, "learning_rate", "step"]),
    );
    expect(new Set(step.graph.outputs.map(({ name }) => name))).toEqual(
      new Set([...[...HEAD_PARAMETERS, ...slots].map((name) => `${name}.next`), "loss", "correct"]),
    );
    const without = composeStep(PLAIN).graph.inputs.map(({ name }) => name);
    expect(without).not.toContain("dropout_mask");
    expect(without).toEqual(expect.arrayContaining(["learning_rate", "step"]));
  });

  test.each([SGD, ADAM])("a toy problem of two classes is learnt to 100 % by $kind", async (optimiser) => {
    const step = composeStep({ ...PLAIN, optimiser });
    const random = createRandom(1);
    const label = Array.from({ length: 20 }, (_, photo) => photo % 2);
    const features = label.flatMap((side) => [random.uniform() + side, random.uniform() - side]);
    const batch = { features: float32([20, 2], features), label: int64([20], label) };
    const { losses, correct } = await train(step, startOf(step), batch, optimiser.learningRate, 40);
    expect(correct.at(-1)).toBe(20);
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.at(-1)).toBeLessThan(0.25);
  });

  test("with a front, the numbers are those of the step on the front's features", async () => {
    const front = rectify();
    const options: StepOptions = { ...PLAIN, optimiser: ADAM, dropout: 0.5, labelSmoothing: 0.1 };
    const [bare, whole] = [composeStep(options), composeStep({ ...options, front })];
    const image = float32([3, 2], [1, -2, 3, 4, -5, 6]);
    const rest = { label: int64([3], [0, 1, 1]), dropout_mask: float32([3, 2], [2, 0, 0, 2, 2, 2]) };
    const { features } = await runGraph(front, { image });
    if (features === undefined) throw new Error("The front gives no features.");
    const expected = await stepOnce(bare, startOf(bare), { ...rest, features });
    const actual = await stepOnce(whole, startOf(whole), { ...rest, image });
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, tensor] of Object.entries(expected)) expect(actual[name]).toEqual(tensor);
  });

  test("the gradient stops at the features: nothing behind the front reads what is inside it", () => {
    const front = rectify();
    const bare = composeStep(PLAIN).graph;
    const whole = composeStep({ ...PLAIN, front }).graph;
    expect(whole.nodes).toHaveLength(front.nodes.length + bare.nodes.length);
    const [inside, behind] = [
      whole.nodes.slice(0, front.nodes.length),
      whole.nodes.slice(front.nodes.length),
    ];
    expect(inside.map(({ op }) => op)).toEqual(front.nodes.map(({ op }) => op));
    const hidden = new Set(inside.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
    const read = new Set(behind.flatMap(({ inputs }) => inputs).filter((name) => hidden.has(name)));
    expect([...read]).toEqual(["features"]);
  });

  test("a front without features, or with an input of the step's, is refused", () => {
    const named = (input: string, output: string) => {
      const b = new GraphBuilder("front");
      b.output(output, "float32", ["N", 2], b.node("Relu", [b.input(input, "float32", ["N", 2])]));
      return b.build();
    };
    for (const front of [
      named("image", "activations"),
      named("label", "features"),
      named("loss", "features"),
    ])
      expect(() => composeStep({ ...PLAIN, front })).toThrow(
        expect.objectContaining({ code: "INVALID_MODEL" }),
      );
  });

  test("a smaller batch counts as the same photos twice do", async () => {
    const step = composeStep({ ...PLAIN, labelSmoothing: 0.1, classWeights: [1, 3] });
    const [values, labels] = [
      [1, 2, -1, 0.5, 0, -2],
      [0, 1, 1],
    ];
    const small = await stepOnce(step, startOf(step), {
      features: float32([3, 2], values),
      label: int64([3], labels),
    });
    const large = await stepOnce(step, startOf(step), {
      features: float32([6, 2], [...values, ...values]),
      label: int64([6], [...labels, ...labels]),
    });
    for (const name of ["head.weight.next", "head.bias.next", "loss"])
      expectClose(valuesOf(small, name), valuesOf(large, name), 1e-6);
    expect(scalar(small, "correct") * 2).toBe(scalar(large, "correct"));
  });

  test("a feature that is dropped teaches its weights nothing", async () => {
    const step = composeStep({ ...PLAIN, dropout: 0.5 });
    const start = startOf(step);
    const after = await stepOnce(step, start, {
      features: float32([2, 2], [1, 2, 3, 4]),
      label: int64([2], [0, 1]),
      dropout_mask: float32([2, 2], [2, 0, 2, 0]),
    });
    const [before, next] = [valuesOf(start, "head.weight"), valuesOf(after, "head.weight.next")];
    expect(next.slice(2)).toEqual(before.slice(2));
    expect(next.slice(0, 2)).not.toEqual(before.slice(0, 2));
  });
});

describe("composeEvaluation", () => {
  test("gives probabilities, and the loss and the count that a step without dropout gives", async () => {
    const step = composeStep(PLAIN);
    const start = startOf(step);
    const batch = { features: float32([3, 2], [1, 2, -1, 0.5, 0, -2]), label: int64([3], [0, 1, 1]) };
    const trained = await stepOnce(step, start, batch);
    const measured = await runGraph(composeEvaluation({ featureCount: 2, classes: 2 }), {
      ...start,
      ...batch,
    });
    expect(scalar(measured, "loss")).toBeCloseTo(scalar(trained, "loss"), 6);
    expect(scalar(measured, "correct")).toBe(scalar(trained, "correct"));
    const probabilities = valuesOf(measured, "probabilities");
    expect(measured.probabilities?.dims).toEqual([3, 2]);
    for (const photo of [0, 1, 2])
      expect((probabilities[2 * photo] ?? 0) + (probabilities[2 * photo + 1] ?? 0)).toBeCloseTo(1, 6);
    const loss = [0, 1, 1].reduce(
      (sum, label, photo) => sum - Math.log(probabilities[2 * photo + label] ?? 0),
      0,
    );
    expect(scalar(measured, "loss")).toBeCloseTo(loss / 3, 5);
  });
});

const golden = shared("golden/head/head.safetensors");

describe.skipIf(!golden)("composeStep against the golden head (needs ../shared)", () => {
  const { tensors } = golden ? readSafetensors(new Uint8Array(readFileSync(golden))) : { tensors: new Map() };
  const find = (name: string): Tensor => {
    const tensor: Tensor | undefined = tensors.get(name);
    if (tensor === undefined) throw new Error(`The golden data has no ${name}.`);
    return tensor;
  };
  const options = { featureCount: 24, classes: 5, optimiser: SGD, dropout: 0, labelSmoothing: 0 };
  const batch = () => ({ features: find("x"), label: find("y") });
  const start = (step: Step): Tensors => ({
    ...startOf(step),
    "head.weight": find("w0"),
    "head.bias": find("b0"),
  });

  test.each<[string, Optimiser]>([
    ["rmsprop_keras2", { kind: "rmsprop", learningRate: 0.01, rho: 0.9, epsilon: 1e-7 }],
    ["rmsprop_torch", { kind: "rmsprop", learningRate: 0.01, rho: 0.99, epsilon: 1e-8 }],
    ["sgd", { kind: "sgd", learningRate: 0.1 }],
    ["sgd_momentum", { kind: "sgd", learningRate: 0.1, momentum: 0.9 }],
    [
      "sgd_nesterov_decay",
      { kind: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.001 },
    ],
    ["adam", { kind: "adam", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }],
    [
      "adamw",
      { kind: "adamw", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05 },
    ],
  ])("%s takes the same 30 steps", async (name, optimiser) => {
    const step = composeStep({ ...options, optimiser });
    const { losses, state } = await train(step, start(step), batch(), optimiser.learningRate, 30);
    expectClose(losses, [...floats(find(`${name}.loss`))], 2e-6);
    expectClose(valuesOf(state, "head.weight"), [...floats(find(`${name}.w`))], 2e-6);
    expectClose(valuesOf(state, "head.bias"), [...floats(find(`${name}.b`))], 2e-6);
  });

  test.each([
    ["smoothing_0.1", { labelSmoothing: 0.1 }],
    ["class_weights", { classWeights: [1, 2, 0.5, 3, 1] }],
  ])("%s gives the same loss and gradient", async (name, choice) => {
    const step = composeStep({ ...options, ...choice });
    const before = { ...startOf(step), "head.weight": find("w0"), "head.bias": find("b0") };
    const after = await stepOnce(step, before, batch());
    expect(scalar(after, "loss")).toBeCloseTo(floats(find(`${name}.loss`))[0] ?? Number.NaN, 5);
    // With a learning rate of 1, what a step of plain SGD takes away is the gradient.
    for (const [parameter, short] of [
      ["head.weight", "dw"],
      ["head.bias", "db"],
    ] as const) {
      const next = valuesOf(after, `${parameter}.next`);
      const gradient = valuesOf(before, parameter).map((value, i) => value - (next[i] ?? Number.NaN));
      expectClose(gradient, [...floats(find(`${name}.${short}`))], 1e-6);
    }
  });

  test("the golden labels are five classes", () => {
    expect(new Set(integers(find("y"))).size).toBe(5);
  });
});

/** A front whose inside has the step's names: relu(image * 0.5) as `features`. */
function rectify(): Graph {
  const b = new GraphBuilder("front");
  const image = b.input("image", "float32", ["N", 2]);
  const half = b.constant("head.weight", float32([], [0.5]));
  const scaled = b.node("Mul", [image, half], {}, { name: "loss" });
  b.output("features", "float32", ["N", 2], b.node("Relu", [scaled], {}, { name: "label" }));
  return b.build();
}

/** Drawn parameters and slots of zeros. */
function startOf({ parameters, slots }: Step): Record<string, Tensor> {
  const [features = 0, classes = 0] = parameters[0]?.shape ?? [];
  return Object.fromEntries([
    ...initialHead("glorot-uniform", features, classes, createRandom(7)),
    ...slots.map(({ name, shape }) => [name, float32(shape, new Float32Array(elementCount(shape)))] as const),
  ]);
}

function stepOnce({ graph }: Step, state: Tensors, batch: Tensors, learningRate = 1, step = 1) {
  const scalars = { learning_rate: float32([], [learningRate]), step: float32([], [step]) };
  return runGraph(graph, { ...state, ...batch, ...scalars });
}

async function train(step: Step, start: Tensors, batch: Tensors, learningRate: number, steps: number) {
  const names = Object.keys(start);
  let state = start;
  const losses: number[] = [];
  const correct: number[] = [];
  for (let number = 1; number <= steps; number++) {
    const after = await stepOnce(step, state, batch, learningRate, number);
    losses.push(scalar(after, "loss"));
    correct.push(scalar(after, "correct"));
    state = Object.fromEntries(names.map((name) => [name, tensorOf(after, `${name}.next`)]));
  }
  return { losses, correct, state };
}

function tensorOf(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`There is no ${name}.`);
  return tensor;
}

function valuesOf(tensors: Tensors, name: string): number[] {
  return [...floats(tensorOf(tensors, name))];
}

function scalar(tensors: Tensors, name: string): number {
  expect(tensorOf(tensors, name).dims).toEqual([]);
  return valuesOf(tensors, name)[0] ?? Number.NaN;
}

/** No two values differ by more than the tolerance. */
function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN))));
  expect(worst).toBeLessThanOrEqual(tolerance);
}
