import { HeadstartError } from "../../errors.js";
import { writeAtomically } from "../../files.js";
import { type Dim, writeModel } from "../../onnx/index.js";
import { countParameters } from "../parameters.js";

/** What {@link convertKeras} wrote. */
export interface Converted {
  /** The ONNX file. */
  readonly file: string;
  readonly bytes: number;
  /** Number of the network's weights. */
  readonly parameters: number;
  /** Names and dimensions of inputs and outputs, as Keras has them; a name stands for a size that is free. */
  readonly inputs: readonly { readonly name: string; readonly shape: readonly Dim[] }[];
  readonly outputs: readonly { readonly name: string; readonly shape: readonly Dim[] }[];
}

/**
 * Converts a Keras model to ONNX. The ONNX model takes and returns what `model.predict` does: photos [N, H, W, C] as float32.
 *
 * @param path - an `.h5` or `.keras` file of a whole model
 * @param out - the `.onnx` file to write; one that is there is replaced
 * @throws HeadstartError `INVALID_MODEL` if it is no model of Keras's, or damaged; `UNSUPPORTED` naming a layer that is not supported;
 *   `STORAGE` if the file cannot be written
 *
 * @example
 * import { convertKeras } from "headstart";
 * const { outputs } = await convertKeras("model.h5", "model.onnx");
 * console.log(outputs[0]?.name, outputs[0]?.shape);
 */
export async function convertKeras(path: string, out: string): Promise<Converted> {
  if (!out.toLowerCase().endsWith(".onnx"))
    throw new HeadstartError(
      "INVALID_OPTION",
      `The file to write, ${out}, does not end in .onnx.`,
      "Name it such as model.onnx.",
    );
  const { readKeras } = await import("./read.js");
  const { graph } = await readKeras(path);
  const bytes = writeModel(graph);
  await writeAtomically(out, bytes);
  const shown = (values: typeof graph.inputs) => values.map(({ name, shape = [] }) => ({ name, shape }));
  return {
    file: out,
    bytes: bytes.byteLength,
    parameters: countParameters(graph),
    inputs: shown(graph.inputs),
    outputs: shown(graph.outputs),
  };
}
