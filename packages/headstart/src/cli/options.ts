import { Option } from "commander";
import type { Device } from "../runtime/index.js";
import { wholeNumber } from "./numbers.js";

/** What the options that several commands share are parsed to. */
export interface RuntimeChoices {
  readonly threads?: number;
  readonly device?: Device;
}

/** `--threads N`. */
export function threadsOption(): Option {
  return new Option("--threads <n>", "threads that ONNX Runtime uses (default: all)").argParser(
    wholeNumber(1, 1024),
  );
}

/** `--device cpu|webgpu|cuda`. */
export function deviceOption(): Option {
  return new Option("--device <device>", "where the network runs (default: cpu)").choices([
    "cpu",
    "webgpu",
    "cuda",
  ]);
}

/** `--json`. */
export function jsonOption(): Option {
  return new Option("--json", "print one JSON document on standard output, and nothing else");
}

/** `--seed N`. */
export function seedOption(what: string): Option {
  return new Option("--seed <n>", what).argParser(wholeNumber(-Number.MAX_SAFE_INTEGER));
}

/** The runtime's options, without those that were not given. */
export function runtimeChoices({ threads, device }: RuntimeChoices): RuntimeChoices {
  return { ...(threads !== undefined && { threads }), ...(device !== undefined && { device }) };
}
