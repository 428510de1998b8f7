import type { DataType, Tensor } from "../onnx/index.js";
import type { Device } from "./device.js";

/** What a worker is started with. */
export interface WorkerSettings {
  readonly device: Device;
  readonly threads: number;
}

/** An input of a run: a tensor that travels, or the number of one that the worker holds. */
export type Feed = { readonly name: string } & ({ readonly tensor: Tensor } | { readonly held: number });

/** What the main thread asks of the worker. */
export type Request =
  | {
      readonly kind: "load";
      readonly session: number;
      readonly model: Uint8Array<ArrayBuffer> | string;
      /** Whether ONNX Runtime plans the memory of all values beforehand. */
      readonly memoryPattern: boolean;
    }
  | {
      readonly kind: "run";
      readonly session: number;
      readonly feeds: readonly Feed[];
      /** Outputs to send back. */
      readonly fetch: readonly string[];
      /** Outputs to write into held tensors, by output name. */
      readonly into: readonly { readonly name: string; readonly held: number }[];
    }
  | { readonly kind: "hold"; readonly held: number; readonly tensor: Tensor }
  | { readonly kind: "read"; readonly held: number }
  | { readonly kind: "drop"; readonly held: number }
  | { readonly kind: "release"; readonly session: number };

/** Input and output names of a loaded model, with the element types ONNX Runtime reports. */
export interface Signature {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What the worker answers: one reply for each request, in order. */
export interface Reply {
  readonly id: number;
  readonly error?: string;
  readonly signature?: Signature;
  readonly tensors?: Readonly<Record<string, Tensor>>;
  /** Buffers of the feeds, on their way home to be used again. */
  readonly returned?: readonly ArrayBuffer[];
}

/** Array type in which ONNX Runtime wants the elements of each type. */
export const ELEMENT_ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
} as const satisfies Record<DataType, unknown>;
