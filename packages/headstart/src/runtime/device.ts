import { availableParallelism } from "node:os";
import { HeadstartError } from "../errors.js";

/** Where graphs run: the processor, any GPU through WebGPU, or an NVIDIA GPU through CUDA. */
export type Device = "cpu" | "webgpu" | "cuda";

const DEVICES: readonly Device[] = ["cpu", "webgpu", "cuda"];

/** How ONNX Runtime works: on which device, with how many threads. */
export interface RuntimeOptions {
  /** Where graphs run. Default: `cpu`. */
  readonly device?: Device;
  /**
   * Threads that one operator may use. Default: as many as the machine runs at once. Results may differ in the last bit between
   * numbers of threads.
   */
  readonly threads?: number;
}

/**
 * Options with every default filled in.
 *
 * @throws HeadstartError `INVALID_OPTION` for a device that does not exist or a number of threads below one
 */
export function resolveRuntimeOptions(options: RuntimeOptions = {}): Required<RuntimeOptions> {
  const { device = "cpu", threads = availableParallelism() } = options;
  if (!DEVICES.includes(device))
    throw new HeadstartError(
      "INVALID_OPTION",
      `There is no device ${device}.`,
      `Devices are ${DEVICES.join(", ")}.`,
    );
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The number of threads must be a whole number from 1 to 1024, not ${threads}.`,
    );
  return { device, threads };
}
