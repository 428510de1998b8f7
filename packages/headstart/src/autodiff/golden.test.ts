import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { numbers } from "../../test/support/check-gradients.js";
import { runGraph } from "../../test/support/run-graph.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import {
  float32,
  type Graph,
  GraphBuilder,
  inferShapes,
  type Node,
  readModel,
  type Tensor,
  upgrade,
} from "../onnx/index.js";
import { addCrossEntropy } from "../training/losses.js";
import { differentiate } from "./differentiate.js";

const NETWORKS = [
  "bottleneck",
  "bottleneck-train-bn",
  "inverted-residual",
  "squeeze-excite-hard",
  "squeeze-excite-silu",
  "convnext",
  "vit",
  "dense",
];

const folder = shared("golden/networks");

describe.skipIf(!folder)("whole networks as PyTorch differentiates them (needs ../shared)", () => {
  test.each(NETWORKS)("%s", async (name) => {
    const golden = readSafetensors(join(folder ?? "", `${name}.safetensors`));
    const network = upgrade(readModel(new Uint8Array(readFileSync(join(folder ?? "", `${name}.onnx`)))));
    const parameters = [...golden.keys()].filter((key) => key.startsWith("grad.")).map((key) => key.slice(5));
    const found = await runGraph(trained(network, parameters), {
      x: expected(golden, "x"),
      y: expected(golden, "y"),
    });
    expect(difference(found.logits, expected(golden, "logits"))).toBeLessThan(1e-6);
    for (const [key, reference] of golden)
      if (key === "loss" || key.startsWith("grad."))
        expect(difference(found[key], reference) / largest(reference), key).toBeLessThan(1e-4);
    for (const [key, reference] of moved(network, golden, found))
      expect(difference(found[key], reference) / largest(reference), key).toBeLessThan(1e-4);
  });
});

/** The network with its loss and gradients under their names in the golden data, and what normalisations in training form read and update. */
function trained(network: Graph, parameters: readonly string[]): Graph {
  const b = GraphBuilder.from(network);
  b.input("y", "int64", [6]);
  const classes = inferShapes(network).values.get("logits")?.shape?.[1];
  const { loss } = addCrossEntropy(b, { logits: "logits", label: "y", classes: Number(classes) });
  const { graph, gradients } = differentiate(b.build(), loss, parameters);
  const { values } = inferShapes(graph);
  const shown = GraphBuilder.from(graph);
  const show = (name: string, value: string) =>
    shown.output(name, "float32", values.get(value)?.shape ?? [], value);
  show("loss", loss);
  for (const [value, gradient] of gradients) show(`grad.${value}`, gradient);
  for (const { inputs, outputs } of training(network)) {
    show(`in.${inputs[3]}`, inputs[0] ?? "");
    show(`after.${inputs[3]}`, outputs[1] ?? "");
    show(`after.${inputs[4]}`, outputs[2] ?? "");
  }
  return shown.build();
}

function training({ nodes }: Graph): Node[] {
  return nodes.filter(({ op, outputs }) => op === "BatchNormalization" && outputs.length === 3);
}

/**
 * The running statistics that a run of the network makes. Its file holds the golden ones, those after the step, because PyTorch's exporter runs
 * the network; so a run makes one step more, of momentum 0.1 towards the batch's mean and, as ONNX defines, the variance of the batch itself.
 */
function moved(
  network: Graph,
  golden: ReadonlyMap<string, Tensor>,
  found: Readonly<Record<string, Tensor>>,
): Map<string, Tensor> {
  const statistics = training(network).flatMap(({ inputs: [, , , mean = "", variance = ""] }) => {
    const { means, variances } = moments(expected(new Map(Object.entries(found)), `in.${mean}`));
    return [
      [mean, means],
      [variance, variances],
    ] as const;
  });
  return new Map(
    statistics.map(([name, batch]) => {
      const after = expected(golden, `after.${name}`);
      expect(difference(network.initializers.get(name), after), name).toBeLessThan(1e-6);
      const next = numbers(after).map((value, channel) => 0.9 * value + 0.1 * (batch[channel] ?? Number.NaN));
      return [`after.${name}`, float32([next.length], next)];
    }),
  );
}

/** Mean and variance of each channel of `[N, C, H, W]`. */
function moments(tensor: Tensor): { means: number[]; variances: number[] } {
  const [images = 0, channels = 0, height = 0, width = 0] = tensor.dims;
  const elements = numbers(tensor);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const size = height * width;
  const each = Array.from({ length: channels }, (_, channel) =>
    Array.from({ length: images }, (_, image) => (image * channels + channel) * size).flatMap((from) =>
      elements.slice(from, from + size),
    ),
  );
  const means = each.map(mean);
  const variances = each.map((values, i) => mean(values.map((value) => (value - (means[i] ?? 0)) ** 2)));
  return { means, variances };
}

function expected(golden: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const found = golden.get(name);
  if (!found) throw new Error(`The golden data has no ${name}.`);
  return found;
}

/** The largest element of a tensor; 1e-3 for one that is 0 up to rounding, as the gradient of a bias before a normalisation by batch is. */
function largest(tensor: Tensor): number {
  const found = Math.max(...numbers(tensor).map(Math.abs));
  return found < 1e-9 ? 1e-3 : found;
}

/** The largest difference of two tensors' elements. */
function difference(found: Tensor | undefined, reference: Tensor): number {
  const [ours, theirs] = [found ? numbers(found) : [], numbers(reference)];
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  return Math.max(...theirs.map((value, i) => Math.abs((ours[i] ?? Number.NaN) - value)));
}
