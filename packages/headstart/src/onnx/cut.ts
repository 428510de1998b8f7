import { HeadstartError } from "../errors.js";
import { GraphBuilder } from "./builder.js";
import { channelAxis } from "./channel-axis.js";
import type { Dim, Graph } from "./graph.js";
import { prune } from "./prune.js";
import { renameValues } from "./rename.js";
import { inferShapes } from "./shapes/infer.js";

/**
 * The part of a graph that makes a tensor of features, with that tensor as its one output `features` of shape `[N, D]`.
 *
 * Maps of features, `[N, C, H, W]` or `[N, H, W, C]`, are averaged over their places, and sequences of tokens `[N, T, D]` over their tokens:
 * flattened, they would be more features than a few hundred photos can train a layer on. Which dimension holds the channels is told
 * from the operators around the tensor. Other shapes are flattened.
 *
 * @param graph - the graph
 * @param tensor - the value to end at, as {@link findFeatures} gives it
 * @throws HeadstartError `INVALID_MODEL` if the graph has no such value, or it is a constant, or no batch of features
 */
export function cut(graph: Graph, tensor: string): Graph {
  const pruned = prune(graph, [tensor]);
  const { type, shape } = inferShapes(pruned).outputs[0] ?? {};
  if (pruned.inputs.length === 0)
    throw new HeadstartError("INVALID_MODEL", `The value ${tensor} of ${graph.name} depends on no input.`);
  if (type === undefined || (shape !== undefined && shape.length < 2))
    throw new HeadstartError(
      "INVALID_MODEL",
      `The value ${tensor} of ${graph.name} is ${type ?? "of an unknown type"} [${shape?.join(", ") ?? "?"}], which is no batch of features.`,
    );
  if (tensor === "features" && shape?.length === 2)
    return { ...pruned, outputs: [{ name: "features", type, shape }] };
  const free = makeRoom(pruned);
  const builder = GraphBuilder.from(free);
  builder.clearOutputs();
  let value = free.outputs[0]?.name ?? tensor;
  let features: readonly Dim[] = shape ?? ["?", "?"];
  const rank = shape?.length ?? 0;
  if (shape !== undefined && (rank === 3 || rank === 4)) {
    // Where the operators do not tell, maps are [N, C, H, W] and sequences [N, T, D].
    const channels = channelAxis(graph, tensor, rank) ?? (rank === 3 ? 2 : 1);
    const places = [1, 2, 3].filter((axis) => axis !== channels && axis < rank);
    if (places.some((axis) => shape[axis] !== 1)) {
      value =
        rank === 4 && channels === 1
          ? builder.node("GlobalAveragePool", [value], {}, { name: "features.pooled" })
          : builder.node(
              "ReduceMean",
              [value, builder.integers(places)],
              { keepdims: 1 },
              { name: "features.pooled" },
            );
      features = shape.map((dim, axis) => (places.includes(axis) ? 1 : dim));
    }
  }
  if (rank !== 2) {
    value = builder.node("Flatten", [value], { axis: 1 }, { name: "features.flat" });
    features = [features[0] ?? "?", size(features.slice(1))];
  }
  builder.output("features", type, features, value);
  return builder.build();
}

/** The same graph without a value called `features`. */
function makeRoom(graph: Graph): Graph {
  const taken = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  if (!taken.has("features")) return graph;
  let name = "features.inner";
  while (taken.has(name)) name += "_";
  return renameValues(graph, new Map([["features", name]]));
}

function size(dims: readonly Dim[]): Dim {
  return dims.every((dim) => typeof dim === "number") ? dims.reduce((all, dim) => all * dim, 1) : "?";
}
