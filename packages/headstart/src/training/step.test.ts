import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type OpenGraph, openGraph, runGraph } from "../../test/support/run-graph.js";
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
import { HEAD_PARAMETERS } from "./head.js";
import { batchShares } from "./losses.js";
import type { Optimiser } from "./optimisers.js";
import { composeEvaluation, composeStep, type Step, type StepOptions, type Tail } from "./step.js";

const SGD: Optimiser = { kind: "sgd", learningRate: 1 };
const ADAM: Optimiser = { kind: "adam", learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const PLAIN = { featureCount: 2, classes: 2, optimiser: SGD, dropout: 0, labelSmoothing: 0 };

/** The decay of running means in these tests. */
const DECAY = 0.75;

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

describe("composeStep with a tail", () => {
  const tail = smallTail();
  const names = [...tail.parameters.map(({ name }) => name), ...HEAD_PARAMETERS];
  const TAILED: StepOptions = { ...PLAIN, featureCount: 4, classes: 3, tail };
  const FULL: StepOptions = { ...TAILED, optimiser: ADAM, clipNorm: 1, ema: true };

  test("has the inputs and outputs that the trainer feeds and reads", () => {
    const step = composeStep({ ...FULL, mix: true });
    expect(step.parameters.map(({ name }) => name)).toEqual(names);
    expect(step.means.map(({ name }) => name)).toEqual(names.map((name) => `ema.${name}`));
    expect(step.accumulators).toEqual([]);
    expect(step.update).toBeUndefined();
    const carried = step.carried.map(({ name }) => name);
    expect(carried).toHaveLength(4 * names.length);
    const rates = ["learning_rate", "step", "ema_decay"];
    expect(step.graph.inputs.map(({ name }) => name).sort()).toEqual(
      [...carried, ...rates, "activations", "label", "partner", "share"].sort(),
    );
    expect(step.graph.outputs.map(({ name }) => name).sort()).toEqual(
      [...carried.map((name) => `${name}.next`), "loss", "correct", "gradient_norm"].sort(),
    );
  });

  test("nothing is computed that no output needs", () => {
    const front = activate();
    for (const { nodes, outputs } of [composeStep(FULL).graph, composeStep({ ...TAILED, front }).graph]) {
      const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ name }) => name)]);
      const idle = nodes.filter((node) => !node.outputs.some((name) => read.has(name)));
      expect(idle.map(({ name }) => name)).toEqual([]);
    }
  });

  test("a network and its head learn what the head alone cannot", async () => {
    const batch = photos(12);
    const step = composeStep({ ...TAILED, optimiser: ADAM });
    const { losses, correct } = await train(step, startOf(step), batch, 0.05, 40);
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)).toBeLessThan(0.1);
    expect(correct.at(-1)).toBe(12);
  });

  test("with a front, the numbers are those of the step on the front's activations", async () => {
    const front = activate();
    const [bare, whole] = [composeStep(FULL), composeStep({ ...FULL, front })];
    const { activations, label } = photos(3);
    const { activations: image = activations } = await runGraph(front, { image: activations });
    const expected = await stepOnce(bare, startOf(bare), { activations: image, label });
    expect(await stepOnce(whole, startOf(whole), { image: activations, label })).toEqual(expected);
  });

  test("mixed labels and a front that mixes photos read the same partners", async () => {
    const b = new GraphBuilder("front");
    const image = b.input("image", "float32", ["N", 48]);
    const partner = b.input("partner", "int64", ["N"]);
    const mixed = b.node("Add", [image, b.node("Gather", [image, partner], { axis: 0 })]);
    b.output("activations", "float32", ["N", 48], mixed);
    const step = composeStep({ ...TAILED, mix: true, front: b.build() });
    expect(step.graph.inputs.filter(({ name }) => name === "partner")).toHaveLength(1);
    const { activations, label } = photos(3);
    const start = startOf(step);
    const lossOf = async (partners: readonly number[], share: readonly number[]) =>
      scalar(
        await stepOnce(step, start, {
          image: activations,
          label,
          partner: int64([3], partners),
          share: float32([3], share),
        }),
        "loss",
      );
    const [own, other] = [await lossOf([1, 2, 0], [1, 1, 1]), await lossOf([1, 2, 0], [0, 0, 0])];
    expect(await lossOf([1, 2, 0], [0.25, 0.25, 0.25])).toBeCloseTo(0.25 * own + 0.75 * other, 5);
    expect(await lossOf([0, 1, 2], [0.5, 0.5, 0.5])).not.toBeCloseTo(own, 3);
  });

  test("each stage has layerDecay times the rate of the stage behind it", async () => {
    const [same, slower] = [composeStep(TAILED), composeStep({ ...TAILED, layerDecay: 0.5 })];
    const start = startOf(same);
    const [full, scaled] = [
      moves(start, await stepOnce(same, start, photos(6)), names),
      moves(start, await stepOnce(slower, start, photos(6)), names),
    ];
    const factors = { "conv.weight": 0.25, "conv.bias": 0.25, scale: 0.5, "head.weight": 1, "head.bias": 1 };
    for (const [name, factor] of Object.entries(factors))
      expectClose(
        scaled.get(name) ?? [],
        (full.get(name) ?? []).map((move) => factor * move),
        1e-6,
      );
    expect(length(full.get("conv.bias") ?? [])).toBeGreaterThan(1e-3);
  });

  test("weight decay leaves out what has at most one dimension of more than 1", async () => {
    const [without, decayed] = [
      composeStep(TAILED),
      composeStep({ ...TAILED, optimiser: { ...SGD, weightDecay: 0.1 } }),
    ];
    const start = startOf(without);
    const [plain, shrunk] = [
      moves(start, await stepOnce(without, start, photos(6)), names),
      moves(start, await stepOnce(decayed, start, photos(6)), names),
    ];
    for (const name of names) {
      const factor = name.endsWith("weight") ? 0.1 : 0;
      const decay = valuesOf(start, name).map((value, i) => (plain.get(name)?.[i] ?? 0) + factor * value);
      expectClose(shrunk.get(name) ?? [], decay, 1e-6);
    }
  });

  test("gradients of all parameters together are clipped", async () => {
    const step = composeStep({ ...TAILED, clipNorm: 0.01 });
    const start = startOf(step);
    const [free, clipped] = [
      await stepOnce(composeStep(TAILED), start, photos(6)),
      await stepOnce(step, start, photos(6)),
    ];
    const whole = (after: Tensors) => length([...moves(start, after, names).values()].flat());
    expect(whole(free)).toBeGreaterThan(0.1);
    expect(scalar(clipped, "gradient_norm")).toBeCloseTo(whole(free), 5);
    expect(whole(clipped)).toBeCloseTo(0.01, 6);
  });

  test("means move from the old towards the new parameters", async () => {
    const step = composeStep({ ...TAILED, ema: true });
    const start = startOf(step);
    const after = await stepOnce(step, start, photos(6));
    for (const name of names) {
      const next = valuesOf(after, `${name}.next`);
      const expected = valuesOf(start, name).map((value, i) => DECAY * value + (1 - DECAY) * (next[i] ?? 0));
      expectClose(valuesOf(after, `ema.${name}.next`), expected, 1e-6);
    }
  });

  test.each<[string, Partial<StepOptions>]>([
    ["plain", {}],
    [
      "clipped, with means and smoothing",
      { clipNorm: 0.05, ema: true, labelSmoothing: 0.1, layerDecay: 0.7 },
    ],
    ["with class weights", { classWeights: [1, 2.5, 0.3] }],
  ])("gradients added up over batches of 3, 3 and 2 are those of all photos (%s)", async (_, choices) => {
    // Momentum, not Adam: that divides by the root of gradients, which makes much of little where they are close to 0.
    const optimiser: Optimiser = { kind: "sgd", learningRate: 0.5, momentum: 0.9, weightDecay: 0.01 };
    const given: StepOptions = { ...TAILED, optimiser, ...choices };
    const [whole, parts] = [composeStep(given), composeStep({ ...given, accumulate: 3 })];
    const { activations, label } = photos(8);
    const start = startOf(whole);
    const expected = await train(whole, start, { activations, label }, 0.5, 4);
    if (parts.update === undefined) throw new Error("There is no update graph.");
    const [graph, update] = [await openGraph(parts.graph), await openGraph(parts.update)];
    let state: Tensors = start;
    for (let number = 1; number <= 4; number++) {
      const gradients = await addedUp(graph, parts, state, { activations, label }, choices);
      const moved = await update.run({ ...state, ...gradients, ...rates(parts, 0.5, number) });
      state = Object.fromEntries(parts.carried.map(({ name }) => [name, tensorOf(moved, `${name}.next`)]));
    }
    await Promise.all([graph.close(), update.close()]);
    expect(parts.carried).toEqual(whole.carried);
    for (const { name } of whole.carried)
      expectClose(valuesOf(state, name), valuesOf(expected.state, name), 1e-5);
  });

  test("updates stand in the order in which gradients are made, the last first", () => {
    const made = composeStep(TAILED).graph.outputs.map(({ name }) => name);
    const place = (name: string) => made.indexOf(`${name}.next`);
    expect(place("conv.weight")).toBeLessThan(place("scale"));
    expect(place("scale")).toBeLessThan(place("head.weight"));
  });

  test("a parameter that the loss does not depend on is named", () => {
    const b = GraphBuilder.from(tail.graph);
    b.input("idle", "float32", [2]);
    const idle = {
      graph: b.build(),
      parameters: [...tail.parameters, { name: "idle", shape: [2], depth: 0 }],
    };
    expect(() => composeStep({ ...TAILED, tail: idle })).toThrow(
      expect.objectContaining({ code: "INVALID_MODEL", message: expect.stringContaining("idle") }),
    );
  });

  test("a tail without features, or with a parameter called as an input of the step's, is refused", () => {
    const named = (parameter: string, output: string): Tail => {
      const b = new GraphBuilder("tail");
      const activations = b.input("activations", "float32", ["N", 4]);
      const scaled = b.node("Mul", [activations, b.input(parameter, "float32", [4])]);
      b.output(output, "float32", ["N", 4], scaled);
      return { graph: b.build(), parameters: [{ name: parameter, shape: [4], depth: 0 }] };
    };
    expect(() => composeStep({ ...TAILED, tail: named("scale", "features") })).not.toThrow();
    for (const wrong of [named("scale", "logits"), named("label", "features"), named("step", "features")])
      expect(() => composeStep({ ...TAILED, tail: wrong })).toThrow(
        expect.objectContaining({ code: "INVALID_MODEL" }),
      );
  });
});

describe("composeStep with normalisation by batch", () => {
  const TAILED: StepOptions = { ...PLAIN, featureCount: 4, classes: 3, tail: normalisedTail() };
  const { graph } = normalisedTail();
  const running = {
    "bn.mean": tensorOf(constantsOf(graph), "bn.mean"),
    "bn.var": tensorOf(constantsOf(graph), "bn.var"),
  };

  test("frozen statistics are constants, and the normalisation is arithmetic on the filter", () => {
    const step = composeStep(TAILED);
    expect(step.statistics).toEqual([]);
    expect(step.graph.nodes.map(({ op }) => op)).not.toContain("BatchNormalization");
    expect(step.graph.inputs.map(({ name }) => name)).not.toContain("bn.mean");
  });

  test("statistics of the batch are used, and move the running ones, with which the network is measured", async () => {
    const step = composeStep({ ...TAILED, batchNorm: "train", ema: true });
    expect(step.statistics.map(({ name }) => name)).toEqual(["bn.mean", "bn.var"]);
    expect(step.carried.map(({ name }) => name)).toEqual(expect.arrayContaining(["bn.mean", "bn.var"]));
    expect(step.means.map(({ parameter }) => parameter)).not.toContain("bn.mean");
    const [start, { activations, label }] = [startOf(step), photos(6)];
    const once = async (given: Tensors) =>
      await stepOnce(step, { ...start, ...running }, { activations, label, ...given });
    // A shift of what is normalised changes the running mean by a tenth, and nothing else.
    const bias = valuesOf(start, "conv.bias");
    const [plain, shifted] = [
      await once({}),
      await once({
        "conv.bias": float32(
          [4],
          bias.map((value) => value + 1),
        ),
      }),
    ];
    expect(scalar(shifted, "loss")).toBeCloseTo(scalar(plain, "loss"), 5);
    const mean = valuesOf(plain, "bn.mean.next").map((value) => value + 0.1);
    expectClose(valuesOf(shifted, "bn.mean.next"), mean, 1e-5);
    expectClose(valuesOf(shifted, "bn.var.next"), valuesOf(plain, "bn.var.next"), 1e-5);

    const measure = (batchNorm: "frozen" | "train") => composeEvaluation({ ...TAILED, batchNorm });
    const feeds = { ...start, activations, label };
    const frozen = await runGraph(measure("frozen"), feeds);
    const given = await runGraph(measure("train"), { ...feeds, ...running });
    expectClose(valuesOf(given, "logits"), valuesOf(frozen, "logits"), 1e-5);
    const moved = { "bn.mean": tensorOf(plain, "bn.mean.next"), "bn.var": tensorOf(plain, "bn.var.next") };
    const after = await runGraph(measure("train"), { ...feeds, ...moved });
    expect(scalar(after, "loss")).not.toBeCloseTo(scalar(frozen, "loss"), 5);
  });

  test("where gradients are added up, statistics move with every batch", () => {
    const step = composeStep({ ...TAILED, batchNorm: "train", accumulate: 2 });
    const outputs = step.graph.outputs.map(({ name }) => name);
    expect(outputs).toEqual(expect.arrayContaining(["bn.mean.next", "gradient.conv.weight.next"]));
    expect(step.update?.inputs.map(({ name }) => name)).not.toContain("bn.mean");
    expect(step.carried.map(({ name }) => name)).not.toContain("bn.mean");
  });

  test("nodes that only statistics need come last, so that they run first", () => {
    const { graph } = composeStep({ ...TAILED, batchNorm: "train" });
    const makes = (name: string) => graph.nodes.findIndex(({ outputs }) => outputs.includes(name));
    expect(makes("bn.var.next")).toBe(graph.nodes.length - 1);
    expect(makes("bn.mean.next")).toBeGreaterThan(makes("head.weight.next"));
  });
});

describe("composeStep with activations computed a second time", () => {
  test("takes the same step with more convolutions", async () => {
    const options: StepOptions = { ...PLAIN, featureCount: 4, classes: 3, tail: deepTail(), clipNorm: 1 };
    const [plain, again] = [composeStep(options), composeStep({ ...options, checkpointActivations: true })];
    const convolutions = ({ graph }: Step) => graph.nodes.filter(({ op }) => op === "Tanh").length;
    expect(convolutions(again)).toBeGreaterThan(convolutions(plain));
    const start = startOf(plain);
    const [expected, actual] = [
      await stepOnce(plain, start, photos(4)),
      await stepOnce(again, start, photos(4)),
    ];
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    for (const name of Object.keys(expected))
      expectClose(valuesOf(actual, name), valuesOf(expected, name), 1e-6);
  });
});

describe("composeEvaluation", () => {
  test("measures a network with its tail, behind a front too, as a step does", async () => {
    const [tail, front] = [smallTail(), activate()];
    const options = { ...PLAIN, featureCount: 4, classes: 3, tail };
    const { activations, label } = photos(5);
    for (const given of [{}, { front }]) {
      const batch = { label, [given.front ? "image" : "activations"]: activations };
      const step = composeStep({ ...options, ...given });
      const start = startOf(step);
      const measured = await runGraph(composeEvaluation({ ...options, ...given }), { ...start, ...batch });
      const trained = await stepOnce(step, start, batch);
      expect(measured.logits?.dims).toEqual([5, 3]);
      expect(scalar(measured, "loss")).toBeCloseTo(scalar(trained, "loss"), 6);
      expect(scalar(measured, "correct")).toBe(scalar(trained, "correct"));
    }
  });

  test("gives logits, and the loss and the count that a step without dropout gives", async () => {
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
    const logits = valuesOf(measured, "logits");
    expect(measured.logits?.dims).toEqual([3, 2]);
    const loss = [0, 1, 1].reduce((sum, label, photo) => {
      const [right = 0, wrong = 0] = [logits[2 * photo + label], logits[2 * photo + 1 - label]];
      return sum + Math.log1p(Math.exp(wrong - right));
    }, 0);
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
  ])("%s takes the same 30 steps", async (name, optimiser) => {
    const step = composeStep({ ...options, optimiser });
    const { losses, state } = await train(step, start(step), batch(), optimiser.learningRate, 30);
    expectClose(losses, [...floats(find(`${name}.loss`))], 2e-6);
    expectClose(valuesOf(state, "head.weight"), [...floats(find(`${name}.w`))], 2e-6);
    expectClose(valuesOf(state, "head.bias"), [...floats(find(`${name}.b`))], 2e-6);
  });

  // By PyTorch, the bias in a parameter group without weight decay; weight decay on everything is in the optimisers' own test.
  test.each<[Optimiser, number, readonly number[]]>([
    [
      { kind: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.001 },
      1.0079225301742554,
      [
        0.05749133601784706, 0.38105568289756775, -0.3257298469543457, 0.12403102219104767,
        -0.2368481457233429,
      ],
    ],
    [
      { kind: "adamw", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05 },
      1.3236650228500366,
      [
        0.06222458928823471, 0.278227299451828, -0.2690143287181854, -0.19734694063663483,
        -0.17023590207099915,
      ],
    ],
  ])("$kind with weight decay on the weight alone takes the same 30 steps", async (optimiser, loss, bias) => {
    const step = composeStep({ ...options, optimiser });
    const { losses, state } = await train(step, start(step), batch(), optimiser.learningRate, 30);
    expect(losses.at(-1)).toBeCloseTo(loss, 5);
    expectClose(valuesOf(state, "head.bias"), bias, 2e-6);
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

/** A front that gives activations: half of the image. */
function activate(): Graph {
  const b = new GraphBuilder("front");
  const image = b.input("image", "float32", ["N", 48]);
  b.output("activations", "float32", ["N", 48], b.node("Mul", [image, b.scalar(0.5)]));
  return b.build();
}

/** A tail of two stages that has every kind of parameter, and whose inner values have names of the step's. */
function smallTail(): Tail {
  const b = new GraphBuilder("tail");
  const activations = b.input("activations", "float32", ["N", 3 * 4 * 4]);
  const maps = b.node("Reshape", [activations, b.integers([-1, 3, 4, 4])], {}, { name: "step" });
  const kernel = b.input("conv.weight", "float32", [4, 3, 3, 3]);
  const bias = b.input("conv.bias", "float32", [4]);
  const scale = b.input("scale", "float32", [1, 4, 1, 1]);
  const convolved = b.node("Conv", [maps, kernel, bias], { pads: [1, 1, 1, 1] }, { name: "loss" });
  const scaled = b.node("Mul", [b.node("Tanh", [convolved]), scale], {}, { name: "learning_rate" });
  b.output(
    "features",
    "float32",
    ["N", 4],
    b.node("ReduceMean", [scaled, b.integers([2, 3])], { keepdims: 0 }),
  );
  return {
    graph: b.build(),
    parameters: [
      { name: "conv.weight", shape: [4, 3, 3, 3], depth: 1 },
      { name: "conv.bias", shape: [4], depth: 1 },
      { name: "scale", shape: [1, 4, 1, 1], depth: 0 },
    ],
  };
}

/** A tail that normalises by batch. */
function normalisedTail(): Tail {
  const b = new GraphBuilder("tail");
  const activations = b.input("activations", "float32", ["N", 3 * 4 * 4]);
  const maps = b.node("Reshape", [activations, b.integers([-1, 3, 4, 4])]);
  const shapes = { "conv.weight": [4, 3, 3, 3], "conv.bias": [4], "bn.weight": [4], "bn.bias": [4] };
  const [kernel = "", bias = "", scale = "", shift = ""] = Object.entries(shapes).map(([name, shape]) =>
    b.input(name, "float32", shape),
  );
  const mean = b.constant("bn.mean", float32([4], [0.5, -0.5, 0.25, 0]));
  const variance = b.constant("bn.var", float32([4], [1, 2, 0.5, 1]));
  const convolved = b.node("Conv", [maps, kernel, bias], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  const normal = b.node("BatchNormalization", [convolved, scale, shift, mean, variance], {}, { name: "bn" });
  const features = b.node("ReduceMean", [b.node("Tanh", [normal]), b.integers([2, 3])], { keepdims: 0 });
  b.output("features", "float32", ["N", 4], features);
  return {
    graph: b.build(),
    parameters: Object.entries(shapes).map(([name, shape]) => ({ name, shape, depth: 0 })),
    statistics: [{ node: "bn", mean: "bn.mean", variance: "bn.var" }],
  };
}

/** A tail of eight convolutions, one behind the other. */
function deepTail(): Tail {
  const b = new GraphBuilder("tail");
  const activations = b.input("activations", "float32", ["N", 3 * 4 * 4]);
  let maps = b.node("Reshape", [activations, b.integers([-1, 3, 4, 4])]);
  const parameters = Array.from({ length: 8 }, (_, layer) => {
    const shape = [4, layer === 0 ? 3 : 4, 3, 3];
    const kernel = b.input(`conv${layer}.weight`, "float32", shape);
    maps = b.node("Tanh", [b.node("Conv", [maps, kernel], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })]);
    return { name: kernel, shape, depth: 0 };
  });
  b.output(
    "features",
    "float32",
    ["N", 4],
    b.node("ReduceMean", [maps, b.integers([2, 3])], { keepdims: 0 }),
  );
  return { graph: b.build(), parameters };
}

function constantsOf({ initializers }: Graph): Tensors {
  return Object.fromEntries(initializers);
}

/** Activations and labels of photos for {@link smallTail}. */
function photos(rows: number, classes = 3): { activations: Tensor; label: Tensor } {
  const random = createRandom(rows, "photos");
  const values = random.fill(new Float32Array(rows * 48), (r) => r.between(-1, 1));
  return {
    activations: float32([rows, 48], values),
    label: int64(
      [rows],
      Array.from({ length: rows }, (_, row) => row % classes),
    ),
  };
}

/** Some rows of a tensor. */
function rowsOf({ type, dims, data }: Tensor, from: number, to: number): Tensor {
  const bytes = data.length / (dims[0] ?? 1);
  return { type, dims: [to - from, ...dims.slice(1)], data: data.slice(from * bytes, to * bytes) };
}

/** The accumulators after batches of 3, 3 and 2 photos, starting from what must not count: numbers left from another group. */
async function addedUp(
  { run }: OpenGraph,
  { parameters, accumulators }: Step,
  state: Tensors,
  { activations, label }: ReturnType<typeof photos>,
  { classWeights }: Pick<StepOptions, "classWeights">,
): Promise<Tensors> {
  const blocks = [
    [0, 3],
    [3, 6],
    [6, 8],
  ] as const;
  const labels = integers(label);
  const shares = batchShares(
    blocks.map(([first, end]) => labels.slice(first, end)),
    { classWeights },
  );
  const given = Object.fromEntries(parameters.map(({ name }) => [name, tensorOf(state, name)]));
  let gradients: Tensors = Object.fromEntries(
    accumulators.map(({ name, shape }) => [
      name,
      float32(shape, new Float32Array(elementCount(shape)).fill(9)),
    ]),
  );
  for (const [index, [first, end]] of blocks.entries()) {
    const found = await run({
      ...given,
      ...gradients,
      activations: rowsOf(activations, first, end),
      label: rowsOf(label, first, end),
      keep: float32([], [index === 0 ? 0 : 1]),
      batch_share: float32([], [shares[index] ?? 0]),
    });
    gradients = Object.fromEntries(accumulators.map(({ name }) => [name, tensorOf(found, `${name}.next`)]));
  }
  return gradients;
}

/** Drawn parameters, slots of zeros, means that are the parameters. */
function startOf({ parameters, slots, means }: Step): Record<string, Tensor> {
  const random = createRandom(7);
  const drawn = new Map(
    parameters.map(({ name, shape }) => {
      const values = random.fill(new Float32Array(elementCount(shape)), (r) => r.between(-0.5, 0.5));
      return [name, float32(shape, values)];
    }),
  );
  const zeros = slots.map(({ name, shape }): [string, Tensor] => [
    name,
    float32(shape, new Float32Array(elementCount(shape))),
  ]);
  const copies = means.map(({ name, parameter }): [string, Tensor] => [
    name,
    tensorOf(Object.fromEntries(drawn), parameter),
  ]);
  return Object.fromEntries([...drawn, ...zeros, ...copies]);
}

/** Square root of the sum of squares. */
function length(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** How far each parameter went against its direction; with plain SGD and a learning rate of 1, its gradient. */
function moves(before: Tensors, after: Tensors, names: readonly string[]): Map<string, number[]> {
  return new Map(
    names.map((name) => {
      const next = valuesOf(after, `${name}.next`);
      return [name, valuesOf(before, name).map((value, i) => value - (next[i] ?? Number.NaN))];
    }),
  );
}

async function stepOnce(step: Step, state: Tensors, batch: Tensors) {
  return await runGraph(step.graph, { ...state, ...batch, ...rates(step, 1, 1) });
}

function rates({ means }: Step, learningRate: number, step: number): Tensors {
  return {
    learning_rate: float32([], [learningRate]),
    step: float32([], [step]),
    ...(means.length > 0 && { ema_decay: float32([], [DECAY]) }),
  };
}

async function train(step: Step, start: Tensors, batch: Tensors, learningRate: number, steps: number) {
  const names = Object.keys(start);
  const open = await openGraph(step.graph);
  let state = start;
  const losses: number[] = [];
  const correct: number[] = [];
  for (let number = 1; number <= steps; number++) {
    const after = await open.run({ ...state, ...batch, ...rates(step, learningRate, number) });
    losses.push(scalar(after, "loss"));
    correct.push(scalar(after, "correct"));
    state = Object.fromEntries(names.map((name) => [name, tensorOf(after, `${name}.next`)]));
  }
  await open.close();
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
