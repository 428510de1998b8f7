import * as ort from "onnxruntime-node";
import type { Graph } from "../../src/onnx/graph.js";
import type { Tensor } from "../../src/onnx/tensor.js";
import { aligned, elementBytes, isDataType } from "../../src/onnx/tensor.js";
import { writeModel } from "../../src/onnx/write.js";
import { holdFloat16AsUint16 } from "../../src/runtime/float16.js";

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  float16: Uint16Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bfloat16: Uint16Array,
};

holdFloat16AsUint16();

/** A graph that is ready to run many times. */
export interface OpenGraph {
  readonly run: (feeds: Readonly<Record<string, Tensor>>) => Promise<Record<string, Tensor>>;
  readonly close: () => Promise<void>;
}

/** Makes a graph ready in plain onnxruntime-node, on one thread, without Headstart's own runtime. */
export async function openGraph(graph: Graph): Promise<OpenGraph> {
  const session = await ort.InferenceSession.create(writeModel(graph), {
    intraOpNumThreads: 1,
    graphOptimizationLevel: "basic",
    logSeverityLevel: 3,
  });
  const run = async (feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> => {
    const inputs = Object.fromEntries(
      Object.entries(feeds).map(([name, { type, dims, data }]) => {
        const bytes = aligned(data, elementBytes(type));
        const values = new ARRAYS[type](
          bytes.buffer,
          bytes.byteOffset,
          bytes.byteLength / elementBytes(type),
        );
        return [name, new ort.Tensor(type as ort.Tensor.Type, values as Float32Array, dims)];
      }),
    );
    const results = await session.run(inputs);
    return Object.fromEntries(
      Object.entries(results).map(([name, result]) => {
        if (!isDataType(result.type)) throw new Error(`${name} is ${result.type}`);
        const values = result.data as Float32Array<ArrayBuffer>;
        const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
        return [name, { type: result.type, dims: result.dims, data }];
      }),
    );
  };
  return { run, close: () => session.release() };
}

/** Runs a graph once, as {@link openGraph} does. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const open = await openGraph(graph);
  const results = await open.run(feeds);
  await open.close();
  return results;
}
