import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { numbers, uniform } from "../../test/support/check-gradients.js";
import { runGraph } from "../../test/support/run-graph.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import { folderWith } from "../../test/support/temporary.js";
import { segmentsBetween } from "../backbones/fine-tuning/articulation.js";
import {
  type Dim,
  float32,
  type Graph,
  GraphBuilder,
  inferShapes,
  readModel,
  type Tensor,
  upgrade,
  writeModel,
} from "../onnx/index.js";
import { type Differentiated, differentiate } from "./differentiate.js";
import { differentiateRecomputing } from "./recompute.js";

const BLOCKS = 6;
const WEIGHTS = Array.from({ length: BLOCKS }, (_, i) => `w${i}`);
/** The input, and what each block makes. */
const CUTS = ["x", ...WEIGHTS.map((_, i) => `block${i}`)];

interface NetworkOptions {
  readonly batch?: Dim;
  /** Normalises by the batch in each block, with running statistics that are inputs. */
  readonly normalised?: boolean;
  /** Drops at random in each block. */
  readonly random?: boolean;
}

/** Blocks of x + sigmoid(x w), one behind another. */
function network({ batch = "N", normalised = false, random = false }: NetworkOptions = {}): Graph {
  const b = new GraphBuilder("blocks");
  let value = b.input("x", "float32", [batch, 4]);
  for (const [i, name] of WEIGHTS.entries()) {
    let inner = b.node("MatMul", [value, b.input(name, "float32", [4, 4])]);
    if (normalised) {
      const ones = ["scale", "bias"].map((what) => b.constant(what, float32([4], [1, 1, 1, 1])));
      const running = ["mean", "variance"].map((what) => b.input(`${what}${i}`, "float32", [4]));
      const made = b.nodes("BatchNormalization", [inner, ...ones, ...running], 3, { training_mode: 1 });
      inner = made[0] ?? "";
      b.output(`mean${i}.next`, "float32", [4], made[1]);
    }
    inner = b.node("Sigmoid", [inner]);
    if (random) inner = b.node("Mul", [inner, b.node("RandomUniformLike", [inner])]);
    value = b.node("Add", [value, inner], {}, { name: `block${i}` });
  }
  b.output("loss", "float32", [], b.node("ReduceMean", [b.node("Mul", [value, value])], { keepdims: 0 }));
  const graph = b.build();
  const drawn = graph.nodes.flatMap(({ op, outputs }) => (op === "RandomUniformLike" ? outputs : []));
  const values = drawn.map((name) => [name, { name, type: "float32", shape: [batch, 4] } as const] as const);
  return { ...graph, values: new Map(values) };
}

function feeds(normalised = false): Record<string, Tensor> {
  const running = normalised ? WEIGHTS.flatMap((_, i) => [`mean${i}`, `variance${i}`]) : [];
  return {
    x: float32([3, 4], uniform(1, 12)),
    ...Object.fromEntries(WEIGHTS.map((name, i) => [name, float32([4, 4], uniform(i + 2, 16))])),
    ...Object.fromEntries(running.map((name, i) => [name, float32([4], uniform(i + 50, 4, 0.5, 1))])),
  };
}

function shown({ graph, gradients }: Differentiated): Graph {
  const b = GraphBuilder.from(graph);
  for (const [name, gradient] of gradients) b.output(`d_${name}`, "float32", [4, 4], gradient);
  return b.build();
}

/** The names of a graph's nodes in the order in which ONNX Runtime runs them, after all its own rewriting. */
async function order(graph: Graph, inputs: Readonly<Record<string, Tensor>>): Promise<string[]> {
  const folder = folderWith({});
  const session = await ort.InferenceSession.create(writeModel(graph), {
    enableProfiling: true,
    profileFilePrefix: join(folder, "profile"),
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const tensors = Object.entries(inputs).map(
    ([name, one]) => [name, new ort.Tensor("float32", Float32Array.from(numbers(one)), one.dims)] as const,
  );
  await session.run(Object.fromEntries(tensors));
  session.endProfiling();
  await session.release();
  const [file = ""] = readdirSync(folder);
  const events: { name: string }[] = JSON.parse(readFileSync(join(folder, file), "utf8"));
  const suffix = "_kernel_time";
  return events.flatMap(({ name }) => (name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : []));
}

const again = (nodes: readonly string[]) => nodes.filter((name) => name.endsWith(".again"));

describe("differentiateRecomputing", () => {
  test.each<[string, readonly string[], NetworkOptions]>([
    ["from the values between blocks", CUTS, {}],
    ["in batches of a known size", CUTS, { batch: 3 }],
    ["from some of them", ["block0", "block3"], {}],
    ["without any", [], {}],
    ["with random numbers", CUTS, { random: true }],
  ])("makes the same gradients %s", async (_, cuts, options) => {
    const graph = network(options);
    const second = differentiateRecomputing(graph, "loss", WEIGHTS, cuts);
    expect([...second.gradients.keys()]).toEqual(WEIGHTS);
    const names = second.graph.nodes.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(again(names).length > 0).toBe(cuts.length > 0);
    const drawn = second.graph.nodes.filter(({ op }) => op === "RandomUniformLike").length;
    expect(drawn).toBe(options.random === true ? BLOCKS : 0);
    if (options.random === true) return;
    const plain = await runGraph(shown(differentiate(graph, "loss", WEIGHTS)), feeds());
    expect(await runGraph(shown(second), feeds())).toEqual(plain);
  });

  test.each([["N"], [3]])(
    "computes a segment again when its gradient has arrived, of %s photos",
    async (batch) => {
      const { graph, gradients } = differentiateRecomputing(network({ batch }), "loss", WEIGHTS, CUTS);
      const names = await order(shown({ graph, gradients }), feeds());
      // ONNX Runtime has neither joined copies with their originals nor folded what starts them.
      const aliases = graph.nodes.filter(({ op, name }) => op === "Reshape" && name.endsWith(".again"));
      const starts = names.filter((name) => aliases.some((alias) => alias.name === name));
      expect(starts.length).toBeGreaterThan(1);
      const places = starts.map((name) => CUTS.indexOf(name.slice(0, -".again".length)));
      expect(places).toEqual(places.toSorted().toReversed());
      const sigmoids = names.filter((name) => name.startsWith("Sigmoid"));
      expect(sigmoids.slice(0, BLOCKS).filter((name) => name.endsWith(".again"))).toEqual([]);
      expect(sigmoids.length).toBeGreaterThan(BLOCKS + 1);
      const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
      for (const { name, inputs } of aliases) {
        const cast = makers.get(makers.get(inputs[1])?.inputs[0])?.name ?? "";
        expect(cast).toContain("Cast");
        expect(names, `${name} waits for a number of the gradient`).toContain(cast);
      }
    },
  );

  test("moves running statistics once", async () => {
    const graph = network({ normalised: true });
    const [first, second] = [feeds(true), feeds(true)];
    const plain = await runGraph(shown(differentiate(graph, "loss", WEIGHTS)), first);
    const made = await runGraph(shown(differentiateRecomputing(graph, "loss", WEIGHTS, CUTS)), second);
    expect(made).toEqual(plain);
    expect(second).toEqual(first);
  });

  test("makes the same gradients where paths go around what is kept", async () => {
    const b = new GraphBuilder("around");
    const x = b.input("x", "float32", ["N", 4]);
    const one = b.node(
      "Sigmoid",
      [b.node("MatMul", [x, b.input("w0", "float32", [4, 4])])],
      {},
      { name: "one" },
    );
    const two = b.node(
      "Exp",
      [b.node("MatMul", [one, b.input("w1", "float32", [4, 4])])],
      {},
      { name: "two" },
    );
    const side = b.node("Sigmoid", [b.node("Exp", [one])]);
    const three = b.node("Mul", [two, side], {}, { name: "three" });
    const last = b.node("Mul", [b.node("Sigmoid", [three]), b.node("Mul", [side, x])]);
    b.output("loss", "float32", [], b.node("ReduceMean", [last], { keepdims: 0 }));
    const [graph, of] = [b.build(), ["w0", "w1"]];
    const inputs = Object.fromEntries(
      Object.entries(feeds()).filter(([name]) => ["x", ...of].includes(name)),
    );
    const plain = await runGraph(shown(differentiate(graph, "loss", of)), inputs);
    for (const cuts of [
      ["x", "one", "two", "three"],
      ["x", "two"],
      ["one", "three"],
    ])
      expect(await runGraph(shown(differentiateRecomputing(graph, "loss", of, cuts)), inputs)).toEqual(plain);
  });

  test("computes nothing again of what is frozen, nor behind the last that is kept", () => {
    const names = (of: string[], cuts: string[]) =>
      again(differentiateRecomputing(network(), "loss", of, cuts).graph.nodes.map(({ name }) => name));
    expect(names(["w5"], CUTS)).toEqual(["block4.again", "MatMul_5.again", "Sigmoid_5.again"]);
    expect(names(WEIGHTS, ["x"])).toEqual([]);
    expect(names(["w3", "w4", "w5"], CUTS).filter((name) => /Sigmoid(_[12])?\.again/.test(name))).toEqual([]);
  });

  test.each([["N"], [3]])("waits for no gradient that is there from the start, of %s photos", (batch) => {
    const graph = network({ batch });
    const ending = graph.nodes.slice(-3).flatMap(({ outputs }) => outputs);
    const aliases = (cuts: readonly string[]) =>
      differentiateRecomputing(graph, "loss", WEIGHTS, cuts).graph.nodes.filter(
        ({ op, name }) => op === "Reshape" && name.endsWith(".again"),
      );
    expect(aliases([...CUTS, ...ending.slice(1)])).toEqual(aliases(CUTS));
  });

  test("refuses values that do not lie one behind another", () => {
    const within = (cuts: string[]) => () => differentiateRecomputing(network(), "loss", WEIGHTS, cuts);
    expect(within(["x", "block2", "block1"])).toThrow("cannot be recomputed from block1");
    expect(within(["x", "nothing"])).toThrow("cannot be recomputed from nothing");
  });
});

const folder = shared("golden/networks");

describe.skipIf(!folder)("recomputing in whole networks (needs ../shared)", () => {
  test.each([
    "bottleneck",
    "bottleneck-train-bn",
    "inverted-residual",
    "squeeze-excite-silu",
    "convnext",
    "vit",
  ])("%s", async (name) => {
    const golden = readSafetensors(join(folder ?? "", `${name}.safetensors`));
    const model = upgrade(readModel(new Uint8Array(readFileSync(join(folder ?? "", `${name}.onnx`)))));
    const b = GraphBuilder.from(model);
    b.output(
      "loss",
      "float32",
      [],
      b.node("ReduceMean", [b.node("Mul", ["logits", "logits"])], { keepdims: 0 }),
    );
    const graph = b.build();
    const of = [...golden.keys()]
      .filter((key) => key.startsWith("grad.") && key !== "grad.x")
      .map((key) => key.slice(5));
    const cuts = segmentsBetween(graph, "x", "loss").map(({ from }) => from);
    const run = ({ graph: made, gradients }: Differentiated) => {
      const shownToo = GraphBuilder.from(made);
      const { values } = inferShapes(made);
      for (const [one, gradient] of gradients)
        shownToo.output(
          `d_${one}`,
          "float32",
          values.get(one)?.shape ?? graph.initializers.get(one)?.dims ?? [],
          gradient,
        );
      return runGraph(shownToo.build(), { x: golden.get("x") ?? float32([0], []) });
    };
    const second = differentiateRecomputing(graph, "loss", of, cuts);
    expect(again(second.graph.nodes.map((node) => node.name)).length).toBeGreaterThan(0);
    // Weights are constants here, so that ONNX Runtime joins operators in the one pass that it does not join in the other.
    const [made, plain] = [await run(second), await run(differentiate(graph, "loss", of))];
    for (const [key, tensor] of Object.entries(plain)) {
      const wanted = numbers(tensor);
      const found = numbers(made[key] ?? float32([0], []));
      const difference = Math.max(...wanted.map((value, i) => Math.abs((found[i] ?? Number.NaN) - value)));
      expect(difference, key).toBeLessThan(1e-5 * Math.max(1e-3, ...wanted.map(Math.abs)));
    }
  });
});
