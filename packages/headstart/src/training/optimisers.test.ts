import { describe, expect, test } from "vitest";
import { openGraph, runGraph } from "../../test/support/run-graph.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import { differentiate } from "../autodiff/index.js";
import { float32, floats, type Graph, GraphBuilder, type Tensor } from "../onnx/index.js";
import { addHead, HEAD_PARAMETERS } from "./head.js";
import { addCrossEntropy } from "./losses.js";
import { type AdamW, createUpdate, type Optimiser, type Sgd, slotsOf } from "./optimisers.js";

const START = [1, -2, 0.5];
const GRADIENTS = [
  [0.5, -1, 0.25],
  [-0.25, 2, 1],
  [1.5, 0.125, -0.75],
];

/** Parameter and slots after the three steps, computed by NumPy in float64 from the formulas that PyTorch documents. */
const CASES: readonly {
  readonly name: string;
  readonly optimiser: Optimiser;
  readonly parameter: readonly number[];
  readonly slots: Readonly<Record<string, readonly number[]>>;
}[] = [
  {
    name: "sgd",
    optimiser: { kind: "sgd", learningRate: 0.1 },
    parameter: [0.825, -2.1125, 0.45],
    slots: {},
  },
  {
    name: "sgd with momentum",
    optimiser: { kind: "sgd", learningRate: 0.1, momentum: 0.9 },
    parameter: [0.762, -2.1215, 0.31725],
    slots: { momentum: [1.68, 1.115, 0.3525] },
  },
  {
    name: "sgd with Nesterov momentum and weight decay",
    optimiser: { kind: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 },
    parameter: [0.603189208191, -2.206086916382, 0.2821257290955],
    slots: { momentum: [1.7053036411, 1.0615427178, 0.36301432055] },
  },
  {
    name: "rmsprop",
    optimiser: { kind: "rmsprop", learningRate: 0.01, rho: 0.9, epsilon: 1e-7 },
    parameter: [0.9531737988854443, -1.9988276399838603, 0.4568887843218518],
    slots: { mean_square: [0.250875, 0.4425625, 0.1513125] },
  },
  {
    name: "adam",
    optimiser: { kind: "adam", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    parameter: [0.9806316242916111, -1.996843373788594, 0.47938915256099296],
    slots: {
      first_moment: [0.168, 0.1115, 0.03525],
      second_moment: [0.00256193775, 0.005009626, 0.0016238750625],
    },
  },
  {
    name: "adamw",
    optimiser: {
      kind: "adamw",
      learningRate: 0.01,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0.05,
    },
    parameter: [0.9791437033515757, -1.9938530405208705, 0.47865394688048535],
    slots: {
      first_moment: [0.168, 0.1115, 0.03525],
      second_moment: [0.00256193775, 0.005009626, 0.0016238750625],
    },
  },
];

describe("createUpdate", () => {
  test.each(CASES)("$name takes the steps that the formulas give", async (expected) => {
    const { optimiser } = expected;
    const graph = updateGraph(optimiser, START.length);
    const names = ["parameter", ...slotsOf(optimiser)];
    let state: Record<string, Tensor> = Object.fromEntries(
      names.map((name) => [name, float32([3], name === "parameter" ? START : [0, 0, 0])]),
    );
    for (const [index, gradient] of GRADIENTS.entries()) {
      const results = await runGraph(graph, {
        ...state,
        gradient: float32([3], gradient),
        learning_rate: float32([], [optimiser.learningRate]),
        step: float32([], [index + 1]),
      });
      state = Object.fromEntries(names.map((name) => [name, tensorOf(results, `${name}.next`)]));
    }
    expectClose(tensorOf(state, "parameter"), expected.parameter);
    expect(slotsOf(optimiser)).toEqual(Object.keys(expected.slots));
    for (const [name, values] of Object.entries(expected.slots)) expectClose(tensorOf(state, name), values);
  });

  test("the learning rate of the graph counts, not the optimiser's", async () => {
    const graph = updateGraph({ kind: "sgd", learningRate: 100 }, 1);
    const results = await runGraph(graph, {
      parameter: float32([1], [1]),
      gradient: float32([1], [1]),
      learning_rate: float32([], [0.25]),
      step: float32([], [1]),
    });
    expectClose(tensorOf(results, "parameter.next"), [0.75]);
  });

  test("Adam's bias correction keeps its digits in the first step and fades in the hundred thousandth", async () => {
    const optimiser: Optimiser = { kind: "adam", learningRate: 1, beta1: 0.9, beta2: 0.9999, epsilon: 0 };
    const graph = updateGraph(optimiser, 1);
    const at = async (step: number) =>
      tensorOf(
        await runGraph(graph, {
          parameter: float32([1], [0]),
          gradient: float32([1], [0.5]),
          first_moment: float32([1], [0]),
          second_moment: float32([1], [0]),
          learning_rate: float32([], [1]),
          step: float32([], [step]),
        }),
        "parameter.next",
      );
    // In the first step both corrections undo the blending: the step is the learning rate against the gradient's sign.
    expect(Math.abs((floats(await at(1))[0] ?? 0) + 1)).toBeLessThan(1e-6);
    expect(floats(await at(1e5))[0]).toBeCloseTo(-0.1 / Math.sqrt(1e-4 / (1 - 0.9999 ** 1e5)), 4);
  });

  test.each<Sgd | AdamW>([
    { kind: "sgd", learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 },
    { kind: "adamw", learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
  ])("$kind leaves out weight decay where it is told to", async (decayed) => {
    const without: Optimiser = { ...decayed, weightDecay: 0 };
    const feeds = {
      parameter: float32([2], [1, -2]),
      gradient: float32([2], [0.5, 0.25]),
      ...Object.fromEntries(slotsOf(decayed).map((slot) => [slot, float32([2], [0, 0])])),
      learning_rate: float32([], [0.1]),
      step: float32([], [1]),
    };
    const next = async (optimiser: Optimiser, decay: boolean) =>
      tensorOf(await runGraph(updateGraph(optimiser, 2, decay), feeds), "parameter.next");
    expect(await next(decayed, false)).toEqual(await next(without, true));
    expect(await next(decayed, true)).not.toEqual(await next(without, true));
  });
});

const golden = shared("golden/head/head.safetensors");

describe.skipIf(!golden)(
  "createUpdate on the golden head, with weight decay on everything (needs ../shared)",
  () => {
    test.each<[string, Optimiser]>([
      [
        "sgd_nesterov_decay",
        { kind: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.001 },
      ],
      [
        "adamw",
        { kind: "adamw", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05 },
      ],
    ])("%s takes the same 30 steps", async (name, optimiser) => {
      const data = Object.fromEntries(readSafetensors(golden ?? ""));
      const graph = await openGraph(headGraph(optimiser));
      let state: Record<string, Tensor> = {
        "head.weight": tensorOf(data, "w0"),
        "head.bias": tensorOf(data, "b0"),
      };
      for (const parameter of HEAD_PARAMETERS) {
        const { dims } = tensorOf(state, parameter);
        const zeros = float32(dims, new Float32Array(dims.reduce((product, size) => product * size, 1)));
        for (const slot of slotsOf(optimiser)) state[`${parameter}.${slot}`] = zeros;
      }
      for (let step = 1; step <= 30; step++) {
        const results = await graph.run({
          ...state,
          features: tensorOf(data, "x"),
          label: tensorOf(data, "y"),
          learning_rate: float32([], [optimiser.learningRate]),
          step: float32([], [step]),
        });
        state = Object.fromEntries(
          Object.entries(results).map(([output, tensor]) => [output.slice(0, -".next".length), tensor]),
        );
      }
      expectClose(tensorOf(state, "head.weight"), [...floats(tensorOf(data, `${name}.w`))]);
      expectClose(tensorOf(state, "head.bias"), [...floats(tensorOf(data, `${name}.b`))]);
    });
  },
);

/** One step of the golden head, its optimiser the same for weight and bias. */
function headGraph(optimiser: Optimiser): Graph {
  const shapes = { "head.weight": [24, 5], "head.bias": [5] };
  const b = new GraphBuilder("head");
  const features = b.input("features", "float32", ["N", 24]);
  const label = b.input("label", "int64", ["N"]);
  const [weight = "", bias = ""] = HEAD_PARAMETERS.map((name) => b.input(name, "float32", shapes[name]));
  const { logits } = addHead(b, { features, weight, bias });
  const { loss } = addCrossEntropy(b, { logits, label, classes: 5 });
  const { graph, gradients } = differentiate(b.build(), loss, HEAD_PARAMETERS);
  const whole = GraphBuilder.from(graph);
  const learningRate = whole.input("learning_rate", "float32", []);
  const update = createUpdate(whole, optimiser, whole.input("step", "float32", []));
  for (const parameter of HEAD_PARAMETERS) {
    const slots = slotsOf(optimiser).map((slot) => `${parameter}.${slot}`);
    for (const slot of slots) whole.input(slot, "float32", shapes[parameter]);
    const next = update({ parameter, gradient: gradients.get(parameter) ?? "", slots, learningRate });
    whole.output(`${parameter}.next`, "float32", shapes[parameter], next.parameter);
    for (const [index, slot] of slots.entries())
      whole.output(`${slot}.next`, "float32", shapes[parameter], next.slots[index]);
  }
  return whole.build();
}

function updateGraph(optimiser: Optimiser, size: number, decay = true) {
  const b = new GraphBuilder("update");
  const parameter = b.input("parameter", "float32", [size]);
  const gradient = b.input("gradient", "float32", [size]);
  const slots = slotsOf(optimiser).map((slot) => b.input(slot, "float32", [size]));
  const learningRate = b.input("learning_rate", "float32", []);
  const update = createUpdate(b, optimiser, b.input("step", "float32", []));
  const next = update({ parameter, gradient, slots, learningRate, decay });
  b.output("parameter.next", "float32", [size], next.parameter);
  for (const [index, slot] of slotsOf(optimiser).entries())
    b.output(`${slot}.next`, "float32", [size], next.slots[index]);
  return b.build();
}

function tensorOf(tensors: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`There is no ${name}.`);
  return tensor;
}

function expectClose(tensor: Tensor, expected: readonly number[]): void {
  const actual = [...floats(tensor)];
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries())
    expect(Math.abs((actual[index] ?? Number.NaN) - value)).toBeLessThanOrEqual(
      2e-6 * Math.max(1, Math.abs(value)),
    );
}
