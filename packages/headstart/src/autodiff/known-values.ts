import { HeadstartError } from "../errors.js";
import { type DataType, type Dim, type Graph, inferShapes } from "../onnx/index.js";

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
}

/** Infers what is known of all values of a graph: its inputs, its constants and what its nodes make. */
export function knownValues(graph: Graph): KnownValues {
  const { values } = inferShapes(graph);
  const type = (value: string) => values.get(value)?.type;
  const shape = (value: string) => values.get(value)?.shape;
  return {
    has: (value) => values.has(value),
    isFloat: (value) => FLOATS.has(type(value) ?? "float32"),
    shape,
    rank: (value) => certain(shape(value), value, "number of dimensions").length,
    type: (value) => certain(type(value), value, "element type"),
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
