import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { describe, expect, test } from "vitest";
import {
  checkGradients,
  expectNeeded,
  numbers,
  property,
  typedScalar,
} from "../../test/support/check-gradients.js";
import { gradientsOf } from "../../test/support/gradients-of.js";
import { runGraph } from "../../test/support/run-graph.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import { HeadstartError } from "../errors.js";
import {
  type AttributeValue,
  elementTypeCode,
  float32,
  type Graph,
  GraphBuilder,
  inferShapes,
  int64,
  type Tensor,
} from "../onnx/index.js";
import { type Differentiated, differentiate, missingRules } from "./differentiate.js";

/** loss = sum(relu(x w) * s), with s apart from w. */
function small(): Graph {
  const b = new GraphBuilder("small");
  b.input("x", "float32", ["N", 3]);
  b.input("label", "int64", ["N"]);
  const w = b.constant("w", float32([3, 2], [1, 2, 3, 4, 5, 6]));
  const s = b.constant("s", float32([2], [1, -1]));
  b.constant("unused", float32([2, 2], [1, 2, 3, 4]));
  const hidden = b.node("Relu", [b.node("MatMul", ["x", w])], {}, { name: "hidden" });
  b.output("loss", "float32", [], b.node("ReduceSum", [b.node("Mul", [hidden, s])], { keepdims: 0 }));
  b.output(
    "hidden_mean",
    "float32",
    [],
    b.node("ReduceMean", [b.node("MeanVarianceNormalization", [hidden], { axes: [0] })], { keepdims: 0 }),
  );
  return b.build();
}

const added = (graph: Graph, after: Graph) => after.nodes.slice(graph.nodes.length).map(({ op }) => op);

/** The graph with `kept` and the gradients, as `d_NAME`, for its only outputs. */
function showing({ graph, gradients }: Differentiated, ...kept: string[]): Graph {
  const { values } = inferShapes(graph);
  const b = GraphBuilder.from(graph);
  b.clearOutputs();
  for (const name of kept) b.output(name, "float32", []);
  for (const [name, gradient] of gradients)
    b.output(`d_${name}`, "float32", values.get(name)?.shape ?? [], gradient);
  return b.build();
}

async function code(run: () => unknown): Promise<readonly [string, string]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof HeadstartError) return [error.code, error.message];
    throw error;
  }
  throw new Error("No error was thrown.");
}

describe("differentiate", () => {
  test("keeps the graph as it is and puts gradients at its end", () => {
    const graph = small();
    const { graph: after, gradients } = differentiate(graph, "loss", ["w"]);
    expect(after.inputs).toEqual(graph.inputs);
    expect(after.outputs).toEqual(graph.outputs);
    expect(after.nodes.slice(0, graph.nodes.length)).toEqual(graph.nodes);
    expect([...gradients.keys()]).toEqual(["w"]);
    expect(after.nodes.every(({ domain }) => domain === "")).toBe(true);
  });

  test("goes only through nodes between what is asked for and the loss", () => {
    const graph = small();
    // MeanVarianceNormalization has no rule, but the loss does not depend on it. Neither Relu nor MatMul is on the way from s.
    expect(
      added(graph, differentiate(graph, "loss", ["s"]).graph).filter((op) => op === "Cast" || op === "Gemm"),
    ).toEqual([]);
    expect(added(graph, differentiate(graph, "loss", ["hidden"]).graph)).not.toContain("Gemm");
    // One product for w and none for x.
    expect(
      added(graph, differentiate(graph, "loss", ["w"]).graph).filter((op) => op === "Gemm"),
    ).toHaveLength(1);
    expect(
      added(graph, differentiate(graph, "loss", ["w", "x"]).graph).filter((op) => op === "Gemm"),
    ).toHaveLength(2);
  });

  test("every node that it adds is needed", () => {
    expectNeeded(small(), differentiate(small(), "loss", ["w", "x", "hidden", "unused"]));
  });

  test("gradients have the type and shape of their values, known before they run", () => {
    const { graph, gradients } = differentiate(small(), "loss", ["w", "x", "s", "hidden", "unused", "loss"]);
    const { values } = inferShapes(graph);
    for (const [value, gradient] of gradients)
      expect({ ...values.get(gradient), name: value }).toEqual(values.get(value));
  });

  test("gives zeros where the loss does not depend on a value, and one for the loss itself", async () => {
    const graph = small();
    const found = await runGraph(showing(differentiate(graph, "loss", ["unused", "hidden", "loss"])), {
      x: float32([1, 3], [1, 1, -1]),
      label: int64([1], [0]),
    });
    expect(found.d_unused).toEqual(float32([2, 2], [0, 0, 0, 0]));
    expect(found.d_hidden).toEqual(float32([1, 2], [1, -1]));
    expect(found.d_loss).toEqual(float32([], [1]));
  });

  test("a loss of shape [1] has a gradient of shape [1]", async () => {
    const b = new GraphBuilder("one");
    b.input("x", "float32", [1]);
    b.output("loss", "float32", [1], b.node("Mul", ["x", "x"]));
    const found = await runGraph(showing(differentiate(b.build(), "loss", ["x", "loss"])), {
      x: float32([1], [3]),
    });
    expect(found).toEqual({ d_x: float32([1], [6]), d_loss: float32([1], [1]) });
  });

  test("adds up what comes from several uses", async () => {
    const x = float32([2], [0.5, 2]);
    const found = await gradientsOf((b) => b.node("Mul", [b.node("Mul", ["x", "x"]), b.node("Neg", ["x"])]), {
      x,
    });
    expect(found.x).toEqual([-0.75, -12]);
  });

  test("no gradient passes through integers", async () => {
    const x = float32([3], [1.5, 2.5, 3.5]);
    const whole = (b: GraphBuilder) =>
      b.node("Cast", [b.node("Cast", ["x"], { to: elementTypeCode("int64") })], {
        to: elementTypeCode("float32"),
      });
    expect(await gradientsOf((b) => b.node("Mul", ["x", whole(b)]), { x })).toEqual({ x: [1, 2, 3] });
  });

  test("an operator without a rule is named, but only if it is on the way", async () => {
    const graph = small();
    expect(await code(() => differentiate(graph, "hidden_mean", ["w"]))).toEqual([
      "UNSUPPORTED",
      "The loss depends on the node MeanVarianceNormalization (MeanVarianceNormalization), which has no gradient rule.",
    ]);
    expect(differentiate(graph, "hidden_mean", ["s"]).gradients.size).toBe(1);
  });

  test("all operators without a rule are named at once, each with its node", async () => {
    const b = new GraphBuilder("several");
    b.input("x", "float32", [2]);
    const first = b.node("MeanVarianceNormalization", ["x"], {}, { name: "first" });
    const second = b.node("Special", [b.node("Exp", [first])], {}, { name: "second", domain: "elsewhere" });
    b.output(
      "aside",
      "float32",
      [2],
      b.node("MeanVarianceNormalization", [first], {}, { name: "aside_tan" }),
    );
    b.output("loss", "float32", [], b.node("ReduceSum", [second], { keepdims: 0 }));
    const graph = b.build();
    expect(await code(() => differentiate(graph, "loss", ["x"]))).toEqual([
      "UNSUPPORTED",
      "The loss depends on 2 nodes that have no gradient rule: MeanVarianceNormalization (first), elsewhere.Special (second).",
    ]);
    expect(missingRules(graph, "loss", ["x"]).map(({ name }) => name)).toEqual(["first", "second"]);
    expect(missingRules(graph, "loss", [second])).toEqual([]);
    const many = new GraphBuilder("many");
    many.input("x", "float32", []);
    const top = [..."abcde"].reduce(
      (value, name) => many.node("MeanVarianceNormalization", [value], {}, { name }),
      "x",
    );
    many.output("loss", "float32", [], top);
    expect((await code(() => differentiate(many.build(), "loss", ["x"])))[1]).toBe(
      "The loss depends on 5 nodes that have no gradient rule: MeanVarianceNormalization (a, b, c and 2 more).",
    );
    expect((await code(() => missingRules(graph, "aside", ["x"])))[0]).toBe("INVALID_OPTION");
  });

  test("values of which only type or shape counts, and steps, end the walk", async () => {
    const x = float32([3], [0.4, 1.5, -2.5]);
    const whole = (b: GraphBuilder) => {
      const half = b.node("CastLike", [b.scalar(0.5), "x"]);
      const shape = b.node("Expand", [half, b.node("Shape", ["x"])]);
      const best = b.node("Cast", [b.node("ArgMax", ["x"], { keepdims: 0 })], {
        to: elementTypeCode("float32"),
      });
      const above = b.node("Cast", [b.node("Greater", ["x", best])], { to: elementTypeCode("float32") });
      return b.node("Sum", [shape, b.node("Floor", ["x"]), b.node("Sign", ["x"]), best, above]);
    };
    // Half and twice 1 and so on: constants, as far as the gradient goes.
    const found = await gradientsOf((b) => b.node("Mul", ["x", whole(b)]), { x });
    expect(found).toEqual({ x: [2.5, 4.5, -2.5] });
    expect(await gradientsOf(whole, { x })).toEqual({ x: [0, 0, 0] });
  });

  test("an input that a rule has no gradient for is named", async () => {
    const b = new GraphBuilder("clip");
    b.input("x", "float32", [2]);
    b.input("max", "float32", []);
    b.output("loss", "float32", [], b.node("ReduceSum", [b.node("Clip", ["x", "", "max"])], { keepdims: 0 }));
    expect(await code(() => differentiate(b.build(), "loss", ["max"]))).toEqual([
      "UNSUPPORTED",
      "The loss depends on the node Clip (Clip), but no gradient passes to its input max.",
    ]);
  });

  test("outputs and inputs that are left out are no values", () => {
    const b = new GraphBuilder("left out");
    b.input("x", "float32", [2]);
    const [dropped = ""] = b.nodes("Dropout", ["x"], 2);
    b.output("dropped", "float32", [2], dropped);
    b.output(
      "loss",
      "float32",
      [],
      b.node("ReduceSum", [b.node("Clip", ["x", "", b.scalar(1)])], { keepdims: 0 }),
    );
    const graph = b.build();
    const nodes = graph.nodes.map((node) =>
      node.op === "Dropout" ? { ...node, outputs: [dropped, ""] } : node,
    );
    expect(differentiate({ ...graph, nodes }, "loss", ["x"]).gradients.size).toBe(1);
  });

  test("a loss that depends on another output than a node's first is refused", async () => {
    const b = new GraphBuilder("second");
    b.input("x", "float32", [1]);
    const [, second = ""] = b.nodes("Relu", ["x"], 2);
    b.output("loss", "float32", [1], second);
    expect(await code(() => differentiate(b.build(), "loss", ["x"]))).toEqual([
      "UNSUPPORTED",
      "The loss depends on the node Relu.0 (Relu), through an output that is not its first.",
    ]);
  });

  test("a value that only the body of an If reads is on the way, too", async () => {
    const b = new GraphBuilder("if");
    b.input("x", "float32", []);
    b.input("condition", "bool", []);
    const body = create(GraphProtoSchema, {
      name: "body",
      node: [create(NodeProtoSchema, { opType: "Neg", input: ["x"], output: ["negated"] })],
      output: [create(ValueInfoProtoSchema, { name: "negated" })],
    });
    const branch = (name: string): AttributeValue => ({
      kind: "other",
      value: create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g: body }),
    });
    const attributes = { then_branch: branch("then_branch"), else_branch: branch("else_branch") };
    b.output("loss", "float32", [], b.node("If", ["condition"], attributes));
    expect(await code(() => differentiate(b.build(), "loss", ["x"]))).toEqual([
      "UNSUPPORTED",
      "The loss depends on the node If (If), which has no gradient rule.",
    ]);
  });

  test("a rule that needs a number of dimensions says of which value it is not known", async () => {
    const b = new GraphBuilder("unknown");
    b.input("x", "float32", ["N", 3]);
    b.input("w", "float32", [3, 2]);
    const made = b.node("Made", ["x"], {}, { domain: "elsewhere", name: "made" });
    b.output("loss", "float32", [], b.node("ReduceSum", [b.node("MatMul", [made, "w"])], { keepdims: 0 }));
    expect(await code(() => differentiate(b.build(), "loss", ["w"]))).toEqual([
      "UNSUPPORTED",
      "A gradient needs the number of dimensions of made, which is not known before the graph runs.",
    ]);
    expect((await code(() => differentiate(b.build(), "loss", ["x"])))[0]).toBe("UNSUPPORTED");
  });

  test("what cannot be differentiated is refused", async () => {
    const graph = small();
    expect(await code(() => differentiate(graph, "nothing", ["w"]))).toEqual([
      "INVALID_OPTION",
      "The graph small has no value nothing.",
    ]);
    expect((await code(() => differentiate(graph, "loss", ["v"])))[0]).toBe("INVALID_OPTION");
    expect(await code(() => differentiate(graph, "loss", ["label"]))).toEqual([
      "INVALID_OPTION",
      "label is of type int64; only floating-point values have gradients.",
    ]);
    expect((await code(() => differentiate(graph, "hidden", ["w"])))[1]).toContain("its shape is [N, 2]");
    expect(
      (await code(() => differentiate({ ...graph, opsets: new Map([["", 15]]) }, "loss", ["w"])))[0],
    ).toBe("UNSUPPORTED");
  });
});

describe("whole graphs", () => {
  test.each([16, 20])("two layers, with a value used twice and cross-entropy, opset %i", async (opset) => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 2, max: 4 }),
    );
    await property(sizes, ([rows, features, classes], seed) =>
      checkGradients(
        [
          { dims: [rows, features], declared: ["N", features] },
          { dims: [features, 3] },
          { dims: [3] },
          { dims: [3, classes] },
          { dims: [classes] },
        ],
        (b, x, w1, b1, w2, b2) => {
          const hidden = b.node("Relu", [b.node("Gemm", [x, w1, b1])]);
          const logits = b.node("Add", [b.node("Gemm", [hidden, w2]), b2]);
          const loss = b.node("Neg", [b.node("ReduceMean", [b.node("LogSoftmax", [logits])])]);
          const decay = b.node("ReduceSum", [b.node("Mul", [w2, w2])], { keepdims: 1 });
          return b.node("Add", [loss, b.node("Mul", [decay, typedScalar(b, "float64", 0.1)])]);
        },
        { seed, opset },
      ),
    );
  });

  test("a network of images: pooled, flattened, normalised, classified", async () => {
    await property(
      fc.constant(undefined),
      (_, seed) =>
        checkGradients(
          [{ dims: [2, 3, 2, 2], declared: ["N", 3, "H", "W"] }, { dims: [3, 4] }, { dims: [1, 3] }],
          (b, image, w, scale) => {
            const features = b.node("Flatten", [b.node("GlobalAveragePool", [b.node("Sigmoid", [image])])]);
            const centred = b.node("Sub", [features, b.node("ReduceMean", [features, b.integers([0])])]);
            return b.node("Softmax", [b.node("MatMul", [b.node("Mul", [centred, scale]), w])]);
          },
          { seed, type: "float32" },
        ),
      5,
    );
  });
});

const golden = shared("golden/head/head.safetensors");

describe.skipIf(!golden)("a softmax head as NumPy differentiates it (needs ../shared)", () => {
  const tensors = golden ? readSafetensors(golden) : new Map<string, Tensor>();
  const expected = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new Error(`The golden data has no ${name}.`);
    return found;
  };

  /** loss = -mean(weight of the label's class * sum(target * log softmax(x w + b))), where the target is the label, smoothed. */
  function head(smoothing: number, weights: readonly number[]): Graph {
    const b = new GraphBuilder("head");
    b.input("x", "float32", ["N", 24]);
    b.input("y", "int64", ["N"]);
    const w = b.constant("w", expected("w0"));
    const bias = b.constant("b", expected("b0"));
    const off = smoothing / 5;
    const choice = b.constant("choice", float32([2], [off, 1 - smoothing + off]));
    const target = b.node("OneHot", ["y", b.constant("depth", int64([], [5])), choice]);
    const weight = b.node("Gather", [b.constant("weights", float32([5], weights)), "y"]);
    const logProbabilities = b.node("LogSoftmax", [b.node("Gemm", ["x", w, bias])]);
    const fit = b.node("ReduceSum", [b.node("Mul", [target, logProbabilities]), b.integers([1])], {
      keepdims: 0,
    });
    const total = b.node("ReduceSum", [b.node("Mul", [weight, fit])], { keepdims: 0 });
    const loss = b.node("Div", [b.node("Neg", [total]), b.node("ReduceSum", [weight], { keepdims: 0 })]);
    b.output("loss", "float32", [], loss);
    return b.build();
  }

  test.each([
    ["smoothing_0.1", 0.1, [1, 1, 1, 1, 1]],
    ["class_weights", 0, [1, 2, 0.5, 3, 1]],
  ])("%s", async (name, smoothing, weights) => {
    const feeds = { x: expected("x"), y: expected("y") };
    const found = await runGraph(
      showing(differentiate(head(smoothing, weights), "loss", ["w", "b"]), "loss"),
      feeds,
    );
    for (const [output, reference] of [
      ["loss", "loss"],
      ["d_w", "dw"],
      ["d_b", "db"],
    ] as const) {
      const [ours, theirs] = [
        numbers(found[output] ?? expected("")),
        numbers(expected(`${name}.${reference}`)),
      ];
      const largest = Math.max(...theirs.map(Math.abs));
      expect(ours).toHaveLength(theirs.length);
      for (const [i, value] of theirs.entries())
        expect(Math.abs((ours[i] ?? Number.NaN) - value)).toBeLessThan(1e-6 * largest);
    }
  });
});
