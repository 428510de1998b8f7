import { differentiate } from "../../src/autodiff/index.js";
import { GraphBuilder, OPSET, type Tensor } from "../../src/onnx/index.js";
import { numbers } from "./check-gradients.js";
import { runGraph } from "./run-graph.js";

/**
 * The gradients of the sum of a value.
 *
 * @param build - adds nodes that read the given inputs by name, and returns the value
 * @param inputs - the inputs and what they hold
 * @param opset - of the graph
 * @returns for each floating-point input the elements of its gradient
 */
export async function gradientsOf(
  build: (b: GraphBuilder) => string,
  inputs: Readonly<Record<string, Tensor>>,
  opset = OPSET,
): Promise<Record<string, number[]>> {
  const b = new GraphBuilder("sum");
  for (const [name, { type, dims }] of Object.entries(inputs)) b.input(name, type, dims);
  b.output("loss", "float32", [], b.node("ReduceSum", [build(b)], { keepdims: 0 }));
  const of = Object.keys(inputs).filter((name) => inputs[name]?.type === "float32");
  const { graph, gradients } = differentiate({ ...b.build(), opsets: new Map([["", opset]]) }, "loss", of);
  const withOutputs = GraphBuilder.from(graph);
  withOutputs.clearOutputs();
  for (const name of of)
    withOutputs.output(`d_${name}`, "float32", inputs[name]?.dims ?? [], gradients.get(name) ?? "");
  const found = await runGraph(withOutputs.build(), inputs);
  return Object.fromEntries(
    of.map((name) => {
      const gradient = found[`d_${name}`];
      return [name, gradient ? numbers(gradient) : []];
    }),
  );
}
