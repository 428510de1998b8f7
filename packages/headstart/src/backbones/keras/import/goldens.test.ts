import { describe, expect, test } from "vitest";
import { kerasGoldens, relativeDifference } from "../../../../test/support/keras-goldens.js";
import { runGraph } from "../../../../test/support/run-graph.js";
import type { Graph, Tensor } from "../../../onnx/index.js";
import { importKeras, layersWithWeights } from "./index.js";
import { transposed } from "./transposed.js";

const goldens = kerasGoldens();

async function run(graph: Graph, inputs: readonly Tensor[]): Promise<(Tensor | undefined)[]> {
  const feeds = graph.inputs.flatMap(({ name }, i) => (inputs[i] ? [[name, inputs[i]] as const] : []));
  const results = await runGraph(graph, Object.fromEntries(feeds));
  return graph.outputs.map(({ name }) => results[name]);
}

describe("models made by Keras", () => {
  for (const { name, fixed, config, weights, inputs, outputs, layers } of goldens) {
    test(`${name}: same outputs, and weights in the same order`, async () => {
      const graph = importKeras(config, weights);
      const results = await run(graph, inputs);
      expect(results).toHaveLength(outputs.length);
      for (const [i, output] of outputs.entries())
        expect(relativeDifference(results[i], output), graph.outputs[i]?.name).toBeLessThan(1e-5);
      expect(layersWithWeights(config).map(({ path }) => path.join("/"))).toEqual(layers);
    });

    test.skipIf(fixed)(`${name}: at a free size`, async () => {
      const results = await run(importKeras(config, weights, { inputSize: null }), inputs);
      for (const [i, output] of outputs.entries())
        expect(relativeDifference(results[i], output)).toBeLessThan(1e-5);
    });
  }

  test("without the origin of classes, which .h5 files leave out", () => {
    for (const { config, weights } of goldens) {
      const text = JSON.stringify(config, (key, value) =>
        key === "module" || key === "registered_name" ? undefined : value,
      );
      expect(importKeras(JSON.parse(text), weights).nodes).toEqual(importKeras(config, weights).nodes);
    }
  });

  // ONNX Runtime rewrites a graph by who reads what, so that a layer alone is another case than one among many.
  test("each output alone", async () => {
    for (const { config, weights, inputs, outputs } of goldens) {
      const { config: body } = config as { config: { output_layers?: unknown } };
      const { output_layers: all } = body;
      const lists = Array.isArray(all) && Array.isArray(all[0]) ? all : [];
      for (const [i, one] of lists.entries()) {
        const graph = importKeras(
          { ...(config as object), config: { ...body, output_layers: [one] } },
          weights,
        );
        const [result] = await run(graph, inputs);
        const wanted = outputs[i];
        expect(wanted && relativeDifference(result, wanted), JSON.stringify(one)).toBeLessThan(1e-5);
      }
    }
  });

  for (const name of ["depthwise", "transposed", "pooling"])
    test(`${name}: with channels first`, async () => {
      const golden = goldens.find((one) => one.name === name);
      const [input] = golden?.inputs ?? [];
      if (golden === undefined || input === undefined) throw new Error("no golden");
      const [, height, width, channels] = input.dims;
      const config = JSON.stringify(golden.config)
        .replaceAll("channels_last", "channels_first")
        .replace(`[null,${height},${width},${channels}]`, `[null,${channels},${height},${width}]`);
      const graph = importKeras(JSON.parse(config), golden.weights);
      expect(graph.nodes.filter(({ op }) => op === "Transpose")).toHaveLength(0);
      const results = await run(graph, [transposed(input, [0, 3, 1, 2])]);
      for (const [i, output] of golden.outputs.entries()) {
        const wanted = output.dims.length === 4 ? transposed(output, [0, 3, 1, 2]) : output;
        expect(relativeDifference(results[i], wanted)).toBeLessThan(1e-5);
      }
    });
});
