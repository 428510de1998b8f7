import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, GraphBuilder, int64, type Tensor } from "../onnx/index.js";
import { addCrossEntropy, batchShares, type CrossEntropyInputs, classWeightsOf } from "./losses.js";

const LOGITS = float32([4, 3], [2, -1, 0.5, 0, 0.25, -0.5, -1.5, 1, 1, 0.1, 0.2, 0.3]);
const LABELS = int64([4], [0, 2, 1, 0]);

describe("addCrossEntropy", () => {
  // Computed by NumPy in float64 from the formulas that PyTorch documents for CrossEntropyLoss.
  test.each([
    { labelSmoothing: 0, classWeights: undefined, loss: 0.9345182093270314 },
    { labelSmoothing: 0.1, classWeights: undefined, loss: 0.9799348759936981 },
    { labelSmoothing: 0, classWeights: [1, 2, 0.5], loss: 0.8201595962973511 },
    { labelSmoothing: 0.2, classWeights: [1, 2, 0.5], loss: 0.9529166389723764 },
  ])("smoothing $labelSmoothing and weights $classWeights give $loss", async (given) => {
    const { labelSmoothing, classWeights } = given;
    const results = await crossEntropy({ labelSmoothing, classWeights });
    expect(scalar(results, "loss")).toBeCloseTo(given.loss, 6);
  });

  // Computed by PyTorch in float64: cross_entropy with the mixed one-hot rows as probabilities.
  test.each([
    { labelSmoothing: 0, classWeights: undefined, loss: 1.0595182093270314 },
    { labelSmoothing: 0.1, classWeights: undefined, loss: 1.0924348759936982 },
    { labelSmoothing: 0, classWeights: [1, 2, 0.5], loss: 1.3478520579752495 },
    { labelSmoothing: 0.1, classWeights: [1, 2, 0.5], loss: 1.3800106432658783 },
  ])("mixed in pairs, smoothing $labelSmoothing and weights $classWeights give $loss", async (given) => {
    const { labelSmoothing, classWeights } = given;
    const mixed = { partner: int64([4], [2, 0, 1, 3]), share: float32([4], [0.75, 0.5, 1, 0.1]) };
    const results = await crossEntropy({ labelSmoothing, classWeights }, LOGITS, LABELS, mixed);
    expect(scalar(results, "loss")).toBeCloseTo(given.loss, 6);
    expect(scalar(results, "correct")).toBe(2);
  });

  test("counts the photos whose highest logit is right; the first of equal ones counts", async () => {
    const results = await crossEntropy({});
    expect(scalar(results, "correct")).toBe(2); // photo 1, and photo 3 by the first of two equal logits
  });

  test("stays finite where the logits are huge", async () => {
    const results = await crossEntropy({}, float32([1, 3], [1e4, -1e4, 0]), int64([1], [1]));
    expect(scalar(results, "loss")).toBe(2e4);
  });

  test("weights must fit the classes", () => {
    const b = new GraphBuilder("loss");
    expect(() =>
      addCrossEntropy(b, { logits: "logits", label: "label", classes: 3, classWeights: [1, 2] }),
    ).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
});

describe("classWeightsOf", () => {
  test("balances as scikit-learn does", () => {
    expect(classWeightsOf("balanced", [30, 10])).toEqual([40 / 60, 2]);
    expect(classWeightsOf("none", [30, 10])).toBeUndefined();
  });

  test("refuses a class without photos", () => {
    expect(() => classWeightsOf("balanced", [3, 0])).toThrow(
      expect.objectContaining({ code: "INVALID_DATA" }),
    );
  });
});

describe("batchShares", () => {
  test("photos count the same, or as their classes do", () => {
    const batches = [[0, 1, 1], [2]];
    expect(batchShares(batches)).toEqual([0.75, 0.25]);
    expect(batchShares(batches, { classWeights: [1, 0.5, 2] })).toEqual([0.5, 0.5]);
    expect(batchShares(batches, { classWeights: [1, 0.5, 2], mix: true })).toEqual([0.75, 0.25]);
  });
});

function crossEntropy(
  choices: Pick<CrossEntropyInputs, "labelSmoothing" | "classWeights">,
  logits: Tensor = LOGITS,
  label: Tensor = LABELS,
  mixed?: { readonly partner: Tensor; readonly share: Tensor },
): Promise<Record<string, Tensor>> {
  const b = new GraphBuilder("loss");
  const { loss, correct } = addCrossEntropy(b, {
    logits: b.input("logits", "float32", ["N", 3]),
    label: b.input("label", "int64", ["N"]),
    classes: 3,
    ...choices,
    ...(mixed && {
      mix: { partner: b.input("partner", "int64", ["N"]), share: b.input("share", "float32", ["N"]) },
    }),
  });
  b.output("loss", "float32", [], loss);
  b.output("correct", "float32", [], correct);
  return runGraph(b.build(), { logits, label, ...mixed });
}

function scalar(tensors: Readonly<Record<string, Tensor>>, name: string): number {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`There is no ${name}.`);
  expect(tensor.dims).toEqual([]);
  return floats(tensor)[0] ?? Number.NaN;
}
