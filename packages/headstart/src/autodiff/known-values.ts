import { HeadstartError } from "../errors.js";
import type { DataType, Dim, Graph } from "../onnx/index.js";
import { Inference } from "../onnx/shapes/infer.js";

/** The element types that gradients exist for. */
const FLOATS: ReadonlySet<DataType> = new Set<DataType>(["float16", "bfloat16", "float32", "float64"]);

/** What is known of the values of a graph before it runs. */
export interface KnownValues {
  /** Whether the graph has a value of this name. */
  has(value: string): boolean;
  /** Whether a value may have a gradient, which is so for one of unknown type. */
  isFloat(value: string): boolean;
  /** Its dimensions; undefined where not even their number is known. */
  shape(value: string): readonly Dim[] | undefined;
  /** Its number of dimensions. Throws `UNSUPPORTED` where it is not known. */
  rank(value: string): number;
  /** Its element type. Throws `UNSUPPORTED` where it is not known. */
  type(value: string): DataType;
  /** Its elements, if it is a scalar or a short list of numbers that are known before the graph runs. */
  elements(value: string): readonly number[] | undefined;
}

/** Infers what is known of all values of a graph: its inputs, its constants and what its nodes make. */
export function knownValues(graph: Graph): KnownValues {
  const inference = new Inference(graph);
  for (const node of graph.nodes) inference.add(node);
  const names = new Set(inference.names);
  const type = (value: string) => inference.of(value).type;
  const shape = (value: string) => inference.of(value).shape;
  return {
    has: (value) => names.has(value),
    isFloat: (value) => FLOATS.has(type(value) ?? "float32"),
    shape,
    rank: (value) => certain(shape(value), value, "number of dimensions").length,
    type: (value) => certain(type(value), value, "element type"),
    elements: (value) => {
      const { elements } = inference.of(value);
      return elements?.every((element) => typeof element === "number") ? elements : undefined;
    },
  };
}

function certain<T>(found: T | undefined, value: string, what: string): T {
  if (found !== undefined) return found;
  throw new HeadstartError(
    "UNSUPPORTED",
    `A gradient needs the ${what} of ${value}, which is not known before the graph runs.`,
    "Declare the type and shape of this value in the graph.",
  );
}
