import { createHash } from "node:crypto";
import { HeadstartError } from "../../errors.js";
import { type Graph, merge, type Node, prune, type Tensor } from "../../onnx/index.js";
import type { Backbone } from "../backbone.js";
import { combined } from "../load.js";
import type { Divided } from "./divide.js";
import { inInferenceForm } from "./inference-form.js";
import { ownNames } from "./names.js";
import { isCopy } from "./single.js";
import { unshared } from "./unshared.js";

/**
 * A backbone with other weights.
 *
 * With a float trunk, the weights stand in the place of those that the backbone had, so that it takes the same image sizes as before. With a
 * trunk in int8, the tail stands behind it, for photos of the size that the trunk is for.
 *
 * @param backbone - the backbone as it was loaded
 * @param divided - what `divide` made of it; the trunk may have been brought to int8 since
 * @param values - the weights, by the names of `divided.parameters`, and running statistics by the names of `divided.statistics`; those
 *   that are left out stay as they were
 * @throws HeadstartError `INVALID_MODEL` if a value fits no weight of the network
 */
export function trained(backbone: Backbone, divided: Divided, values: ReadonlyMap<string, Tensor>): Backbone {
  checkValues(backbone, divided, values);
  const { trunk } = divided;
  const digest = combined(backbone.digest, "trained", digestOf(values));
  if (trunk?.precision !== "int8") return { ...backbone, graph: withWeights(backbone.graph, values), digest };
  const tail = withConstants(divided, values);
  return {
    ...backbone,
    graph: merge(trunk.graph, tail, { activations: "features" }),
    digest: combined(digest, trunk.digest),
    precision: "int8",
    imageSize: trunk.imageSize,
  };
}

/** The tail with constants in the place of its parameters. */
function withConstants({ tail, parameters }: Divided, values: ReadonlyMap<string, Tensor>): Graph {
  const initializers = new Map(tail.initializers);
  for (const { name, value } of parameters) initializers.set(name, value);
  for (const [name, tensor] of values) initializers.set(name, tensor);
  return { ...tail, inputs: tail.inputs.slice(0, 1), initializers };
}

/** A backbone's graph with other weights in the place of its own. */
function withWeights(backbone: Graph, values: ReadonlyMap<string, Tensor>): Graph {
  const graph = unshared(inInferenceForm(backbone));
  const makers = new Map<string, Node>();
  for (const node of graph.nodes) for (const name of node.outputs) makers.set(name, node);
  const own = new Map(Array.from(ownNames(graph), ([name, given]) => [given, name]));
  const initializers = new Map(graph.initializers);
  const replaced = new Set<Node>();
  for (const [given, tensor] of values) {
    const name = own.get(given) ?? given;
    const maker = makers.get(name);
    const stored = maker !== undefined && isCopy(maker) ? (maker.inputs[0] ?? "") : "";
    // A weight in half precision is stored in full from here on; the cast behind it has nothing left to do.
    if (initializers.has(stored)) initializers.set(stored, tensor);
    else {
      if (maker !== undefined) replaced.add(maker);
      initializers.set(name, tensor);
    }
  }
  const nodes = graph.nodes.filter((node) => !replaced.has(node));
  return prune({ ...graph, nodes, initializers }, undefined, { keepInputs: true });
}

function checkValues(
  { name: backbone }: Backbone,
  { tail, parameters, statistics }: Divided,
  values: ReadonlyMap<string, Tensor>,
): void {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  for (const { mean, variance } of statistics)
    for (const name of [mean, variance]) shapes.set(name, tail.initializers.get(name)?.dims ?? []);
  for (const [name, { type, dims }] of values) {
    const shape = shapes.get(name);
    if (type === "float32" && shape?.join() === dims.join()) continue;
    throw new HeadstartError(
      "INVALID_MODEL",
      `The trained weight ${name} is ${type} [${dims.join(", ")}], but ${backbone} has ${shape ? `float32 [${shape.join(", ")}]` : "no such weight"}.`,
      "The weights are those of another network, or of another part of this one.",
    );
  }
}

function digestOf(values: ReadonlyMap<string, Tensor>): string {
  const hash = createHash("sha256");
  for (const [name, { dims, data }] of [...values].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name} ${dims.join()}\n`).update(data);
  return hash.digest("hex");
}
