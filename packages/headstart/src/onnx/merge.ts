import { HeadstartError } from "../errors.js";
import { GraphBuilder, OPSET } from "./builder.js";
import type { Dim, Graph, ValueInfo } from "./graph.js";
import { renameValues } from "./rename.js";
import { upgrade } from "./upgrade/upgrade.js";

/**
 * Composes two graphs into one that runs the first and hands its results to the second. Names of the second get a number behind them where
 * the first has them already. Where the graphs use different versions of ONNX's operators, the older is upgraded.
 *
 * Where an input of the second declares a size that the first leaves open, the value is made to have that size.
 *
 * @param first - the graph that runs first; its inputs and metadata are kept
 * @param second - the graph that runs on its results; inputs that `join` does not name stay inputs
 * @param join - for inputs of `second`, the value of `first` that takes their place
 * @param options - `keep`: outputs of `first` that remain outputs
 * @returns the whole, with the outputs of `second`, then those kept of `first`
 * @throws HeadstartError `INVALID_MODEL` if `join` or `keep` name what does not exist, or an input or output would be there twice
 */
export function merge(
  first: Graph,
  second: Graph,
  join: Readonly<Record<string, string>>,
  options: { readonly keep?: readonly string[] } = {},
): Graph {
  const differ = first.opsets.get("") !== second.opsets.get("");
  const [front, back] = differ ? [upgrade(first, OPSET), upgrade(second, OPSET)] : [first, second];
  const keep = options.keep ?? [];
  const kept = keep.map((name) => {
    const output = front.outputs.find((one) => one.name === name);
    if (output === undefined)
      throw new HeadstartError("INVALID_MODEL", `The graph ${front.name} has no output ${name}.`);
    return output;
  });
  const made = namesOf(front);
  for (const [input, value] of Object.entries(join)) {
    if (!back.inputs.some(({ name }) => name === input))
      throw new HeadstartError("INVALID_MODEL", `The graph ${back.name} has no input ${input}.`);
    if (!made.has(value))
      throw new HeadstartError("INVALID_MODEL", `The graph ${front.name} has no value ${value}.`);
  }
  const left = back.inputs.filter(({ name }) => !Object.hasOwn(join, name));
  const fixed = new Set([...keep, ...front.inputs.map(({ name }) => name)]);
  const inner = makeRoom(front, back, [...back.outputs, ...left], fixed);
  const builder = GraphBuilder.from(renameValues(front, inner));
  builder.clearOutputs();
  const bindings: Record<string, string> = Object.create(null);
  for (const [input, value] of Object.entries(join)) {
    const wanted = back.inputs.find(({ name }) => name === input);
    const made = front.outputs.find(({ name }) => name === value) ?? front.values.get(value);
    bindings[input] = sized(builder, inner.get(value) ?? value, made?.shape, wanted?.shape);
  }
  for (const { name, type, shape } of left) {
    if (type === undefined || shape === undefined)
      throw new HeadstartError(
        "INVALID_MODEL",
        `The input ${name} of ${back.name} is no tensor of a known type and shape.`,
      );
    bindings[name] = builder.input(name, type, shape);
  }
  const names = builder.include(back, bindings);
  for (const output of back.outputs) declare(builder, output, names.get(output.name) ?? output.name);
  // They are there under their names already.
  for (const output of kept) declare(builder, output, output.name);
  return builder.build();
}

/** A value with the sizes that its reader declares, where its maker leaves them open; so they are known of all that is made of it. */
function sized(
  builder: GraphBuilder,
  value: string,
  made: readonly Dim[] | undefined,
  wanted: readonly Dim[] | undefined,
): string {
  if (made?.length !== wanted?.length || made === undefined || wanted === undefined) return value;
  const open = wanted.some((size, axis) => typeof size === "number" && typeof made[axis] === "string");
  if (!open) return value;
  // 0 is for a size that stays as it is.
  return builder.node("Reshape", [
    value,
    builder.integers(wanted.map((size) => (typeof size === "number" ? size : 0))),
  ]);
}

function namesOf(graph: Graph): Set<string> {
  return new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
}

/** New names for inner values of the first graph that are called as what the second keeps the names of. */
function makeRoom(
  front: Graph,
  back: Graph,
  named: readonly ValueInfo[],
  fixed: ReadonlySet<string>,
): Map<string, string> {
  const taken = new Set([...namesOf(front), ...namesOf(back)]);
  const own = namesOf(front);
  const renamed = new Map<string, string>();
  for (const { name } of named) {
    if (!own.has(name) || fixed.has(name)) continue;
    let inner = `${name}.inner`;
    while (taken.has(inner)) inner += "_";
    taken.add(inner);
    renamed.set(name, inner);
  }
  return renamed;
}

function declare(builder: GraphBuilder, { name, type, shape }: ValueInfo, value: string): void {
  if (type === undefined || shape === undefined)
    throw new HeadstartError("INVALID_MODEL", `The output ${name} is no tensor of a known type and shape.`);
  builder.output(name, type, shape, value);
}
