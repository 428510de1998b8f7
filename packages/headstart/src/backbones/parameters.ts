import { elementCount, type Graph } from "../onnx/index.js";

/**
 * Number of a network's weights as it is usually published: all that training moves. Running statistics of batch normalisation do not
 * count, nor do constants of a single number without dimensions, such as the limits of a clip.
 */
export function countParameters({ nodes, initializers }: Graph): number {
  const statistics = new Set<string>();
  // From the end, so that what a value is for is known before what it is made of.
  for (const { op, domain, inputs, outputs } of nodes.toReversed()) {
    if (domain !== "") continue;
    if (op === "BatchNormalization") for (const name of inputs.slice(3, 5)) statistics.add(name);
    else if (op === "Cast" && outputs.every((name) => statistics.has(name))) statistics.add(inputs[0] ?? "");
  }
  let count = 0;
  for (const [name, { type, dims }] of initializers)
    if (type.includes("float") && dims.length > 0 && !statistics.has(name)) count += elementCount(dims);
  return count;
}
