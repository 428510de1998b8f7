import { describe, expect, test } from "vitest";
import { type AttributeValue, GraphBuilder } from "./builder.js";
import { chosenFeatures, findFeatures } from "./features.js";
import { tensorOf } from "./scalars.js";
import { float32, int64, type Tensor } from "./tensor.js";

function ramp(dims: readonly number[]): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return float32(
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(i)),
  );
}

/** Writes a classifier: `body` gets the builder and the maps `maps` [N, 4, H, W], and declares the outputs. */
function network(body: (b: GraphBuilder, maps: string) => void) {
  const b = new GraphBuilder("network");
  const image = b.input("image", "float32", ["N", 4, "H", "W"]);
  body(b, b.node("Tanh", [image], {}, { name: "maps" }));
  return b.build();
}

/** `pooled` [N, 4]. */
function pool(b: GraphBuilder, maps: string): string {
  return b.node("Flatten", [b.node("GlobalAveragePool", [maps])], {}, { name: "pooled" });
}

function gemm(b: GraphBuilder, value: string, name = "gemm", from = 4, to = 3): string {
  return b.node(
    "Gemm",
    [value, b.constant("w", ramp([from, to])), b.constant("b", ramp([to]))],
    {},
    { name },
  );
}

describe("what stands behind the last layer", () => {
  const steps: [string, (b: GraphBuilder, scores: string) => string][] = [
    ["a temperature", (b, x) => b.node("Div", [x, b.scalar(1.7)])],
    ["a factor and a softmax", (b, x) => b.node("Softmax", [b.node("Mul", [b.scalar(30), x])])],
    ["the best class", (b, x) => b.node("ArgMax", [x], { axis: 1 })],
    ["the best three", (b, x) => b.nodes("TopK", [b.node("Sigmoid", [x]), b.integers([3])], 2)[1] ?? ""],
    [
      "a softmax in parts",
      (b, x) => {
        const axes = b.integers([1]);
        const shifted = b.node("Exp", [b.node("Sub", [x, b.node("ReduceMax", [x, axes])])]);
        return b.node("Div", [shifted, b.node("ReduceSum", [shifted, axes])]);
      },
    ],
    [
      "quantisation",
      (b, x) => {
        const scale = b.scalar(0.1);
        return b.node("DequantizeLinear", [b.node("QuantizeLinear", [x, scale]), scale]);
      },
    ],
  ];
  test.each(steps)("%s is walked through", (_, behind) => {
    const graph = network((b, maps) => {
      b.output("y", "float32", ["N", 3], behind(b, gemm(b, pool(b, maps))));
    });
    expect(findFeatures(graph)).toEqual({
      features: "pooled",
      logits: "gemm",
      reason:
        "pooled feeds gemm (Gemm), the last fully connected layer. They are the average over all places of the last feature maps.",
    });
  });
});

describe("weights that are made of constants", () => {
  test("count, whatever makes them", () => {
    const graph = network((b, maps) => {
      const stored = b.constant("w", { type: "int8", dims: [3, 4], data: new Uint8Array(12).fill(3) });
      const value = b.node("Constant", [], { value: float32([], [0.5]) });
      const weights = b.node("Identity", [
        b.node("Transpose", [b.node("DequantizeLinear", [stored, value])]),
      ]);
      const scores = b.node("MatMul", [pool(b, maps), weights], {}, { name: "product" });
      b.output("y", "float32", ["N", 3], b.node("Add", [b.node("Cast", [value], { to: 1 }), scores]));
    });
    expect(findFeatures(graph)).toMatchObject({ features: "pooled", logits: "Add" });
  });
});

describe("of several outputs", () => {
  test.each([
    ["names decide", ["probabilities", "other"], "second"],
    ["also against the order", ["embeddings", "logits"], "first"],
    ["an auxiliary classifier comes last", ["aux_logits", "output"], "first"],
    ["the order decides where names say nothing", ["one", "two"], "second"],
  ])("%s", (_, [one = "", two = ""], expected) => {
    const graph = network((b, maps) => {
      const [p, q] = [b.node("Neg", [pool(b, maps)]), b.node("Abs", [pool(b, maps)])];
      const second = b.node("Identity", [p], {}, { name: "second" });
      const first = b.node("Identity", [q], {}, { name: "first" });
      b.output(one, "float32", ["N", 3], gemm(b, second));
      b.output(two, "float32", ["N", 3], gemm(b, first));
    });
    const found = findFeatures(graph);
    expect(found.features).toBe(expected);
    const [chosen, other] = expected === "second" ? [one, two] : [two, one];
    expect(found.reason).toContain(`The scores were taken to be the output ${chosen}, not ${other}.`);
  });
});

describe("a network without a classifier", () => {
  test("that ends in a pool behind a 1x1 convolution and a ReLU is not taken for one", () => {
    const head = (output: string, classes: number) =>
      network((b, maps) => {
        const wide = b.node("Conv", [maps, b.constant("w", ramp([classes, 4, 1, 1]))]);
        const pooled = b.node("GlobalAveragePool", [b.node("Relu", [wide])]);
        b.output(output, "float32", ["N", classes], b.node("Flatten", [pooled]));
      });
    expect(findFeatures(head("output", 1280))).toMatchObject({
      features: "output",
      reason:
        "output is the network's output, and no fully connected layer leads to it: the network has no head. They are the average over all places of the last feature maps.",
    });
    // Unless it has as many outputs as ImageNet has classes, or says that they are scores.
    expect(findFeatures(head("output", 1000)).features).toBe("maps");
    expect(findFeatures(head("scores", 1280)).features).toBe("maps");
  });

  test("that ends in maps or tokens has those for its features", () => {
    const maps = network((b, value) => {
      b.output("top", "float32", ["N", 4, "H", "W"], b.node("Relu", [value]));
    });
    expect(findFeatures(maps)).toMatchObject({
      features: "top",
      reason: expect.stringMatching(/the network has no head\. The average over it is taken\.$/),
    });
  });

  test("is refused with the way to use it, where it ends in something else", () => {
    const graph = network((b, maps) => {
      b.output("embedding", "float32", ["N", 4], b.node("Tanh", [gemm(b, pool(b, maps), "g", 4, 4)]));
    });
    expect(() => findFeatures(graph)).toThrow(
      expect.objectContaining({
        code: "INVALID_MODEL",
        hint: "Name the tensor that holds the features: --features TENSOR. If that is its output embedding [N, 4], say so: --features embedding",
      }),
    );
  });
});

describe("chosenFeatures", () => {
  const graph = network((b, maps) => {
    const scores = gemm(b, pool(b, maps));
    b.node("ArgMax", [scores], { axis: 1 }, { name: "best" });
    b.node("ReduceMean", [scores], { keepdims: 0 }, { name: "mean" });
    b.constant("list", int64([2], [1, 2]));
    b.constant("half", tensorOf("float16", [2, 2], [1, 2, 3, 4]));
    b.output("y", "float32", ["N", 3], scores);
  });

  test("takes any batch of floating-point numbers", () => {
    expect(chosenFeatures(graph, "maps")).toEqual({ features: "maps", reason: "maps was asked for." });
    expect(chosenFeatures(graph, "gemm").features).toBe("gemm");
  });

  test.each<[string, string, RegExp, RegExp?]>([
    ["a name that does not exist", "pool", /^The network has no tensor pool\.$/, /names like it: pooled/],
    ["no name", "", /no tensor without a name/],
    ["a constant", "half", /half cannot be the features: it is a constant/],
    ["the input", "image", /it is an input of the network/],
    ["whole numbers", "best", /it is of the type int64/],
    ["a single number", "mean", /it is \[\], which has no row for each photo/],
  ])("refuses %s", (_, name, message, hint = /./) => {
    const attempt = () => chosenFeatures(graph, name);
    expect(attempt).toThrow(message);
    if (name !== "") expect(attempt).toThrow(expect.objectContaining({ hint: expect.stringMatching(hint) }));
    expect(attempt).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
});

test("the class token is told from other tokens", () => {
  const vit = (indices: Tensor, op = "Gather", attributes: Record<string, AttributeValue> = { axis: 1 }) => {
    const b = new GraphBuilder("vit");
    const tokens = b.input("tokens", "float32", ["N", 5, 4]);
    const at = b.constant("at", indices);
    const more = op === "Slice" ? [b.integers([1]), b.integers([1])] : [];
    const token = b.node(op, [tokens, at, ...more], attributes);
    const row = op === "Slice" ? b.node("Reshape", [token, b.integers([0, -1])]) : token;
    b.output("y", "float32", ["N", 3], gemm(b, row));
    return findFeatures(b.build()).reason;
  };
  expect(vit(int64([], [0]))).toContain("They are the first token, the class token.");
  expect(vit(int64([1], [0]), "Slice", {})).toContain("They are the first token, the class token.");
  expect(vit(int64([], [1]))).not.toContain("class token");
});
