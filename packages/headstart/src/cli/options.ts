import { Option } from "commander";
import type { Device } from "../runtime/index.js";
import { channelNumbers, wholeNumber } from "./numbers.js";

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

/** What networks may be called, for the help of commands that take one. */
export const NETWORK_HELP = `
Networks:
  efficientnet-lite0           a name that \`headstart backbones\` lists
  keras:resnet50               a Keras architecture with its published ImageNet weights; keras:resnet50:top with its last layers
  hf:OWNER/NAME[@REVISION]     an ONNX image classifier on the Hugging Face hub; [:PATH] names one of several files
  https://host/model.onnx      a file on a web server
  model.onnx, model.keras, model.h5   a file of one's own`;

/** What the files of a network may leave open, and whether it may be fetched. */
export interface NetworkArguments {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly channels?: "RGB" | "BGR";
  readonly layout?: "NCHW" | "NHWC";
  readonly offline?: boolean;
}

/** Options for a network that is cut at its features. */
export function networkOptions(): Option[] {
  return [
    new Option("--features <tensor>", "the network's tensor to take for the features (default: it is found)"),
    ...wholeNetworkOptions(),
  ];
}

/** Options for a network that is used as it is, parsed to {@link NetworkArguments}. */
export function wholeNetworkOptions(): Option[] {
  return [
    new Option(
      "--mean <numbers>",
      "the network's mean of each channel, of pixels from 0 to 255, or from 0 to 1 with --std below 1",
    ).argParser(channelNumbers),
    new Option("--std <numbers>", "what it divides each channel by").argParser(channelNumbers),
    new Option("--channels <order>", "the order of its channels").choices(["RGB", "BGR"]),
    new Option(
      "--layout <order>",
      "the order of its input's dimensions, where its file leaves it open",
    ).choices(["NCHW", "NHWC"]),
    new Option("--offline", "fetch nothing: take networks that have been downloaded"),
  ];
}
