import { z } from "zod";
import { HeadstartError } from "../errors.js";
import type { Preprocessing } from "./preprocessing.js";

/** What a user says of a network where its files do not, or to overrule them. Everything may be left out. */
export interface NetworkChoices {
  /** The tensor to take for the features. Default: what feeds the last fully connected layer. */
  readonly features?: string;
  /**
   * Mean of each channel, on values from 0 to 255; on values from 0 to 1 where every `std` is below 1. One number stands for all three
   * channels. Goes with `std`.
   */
  readonly mean?: readonly number[];
  /** Divisor of each channel, on the same values as `mean`. */
  readonly std?: readonly number[];
  /** Order of the channels. Default: what is written, otherwise RGB. */
  readonly channels?: "RGB" | "BGR";
  /** Order of the input's dimensions, for a network whose file leaves it open. */
  readonly layout?: "NCHW" | "NHWC";
}

const channelValues = z.array(z.number()).min(1).max(3);

/** {@link NetworkChoices} in a file. */
export const networkChoicesSchema = z.strictObject({
  features: z.exactOptional(z.string()),
  mean: z.exactOptional(channelValues),
  std: z.exactOptional(channelValues),
  channels: z.exactOptional(z.enum(["RGB", "BGR"])),
  layout: z.exactOptional(z.enum(["NCHW", "NHWC"])),
});

/**
 * The preprocessing that a user asks for.
 *
 * @param choices - what the user says
 * @param written - what is written about the network, where something is
 * @returns what is written, with what the user says in its place; undefined where neither says enough
 * @throws HeadstartError `INVALID_OPTION` for numbers that cannot be meant
 */
export function chosenPreprocessing(
  { mean, std, channels }: NetworkChoices,
  written: Preprocessing | undefined,
): Preprocessing | undefined {
  if (mean === undefined && std === undefined)
    return written === undefined || channels === undefined ? written : { ...written, channels };
  if (mean === undefined || std === undefined)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The ${mean === undefined ? "std" : "mean"} is given without the ${mean === undefined ? "mean" : "std"}.`,
      "Give both, such as --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375.",
    );
  const [means, stds] = [triple(mean, "mean"), triple(std, "std")];
  if (!stds.every((value) => value > 0))
    throw new HeadstartError(
      "INVALID_OPTION",
      "Every std must be above 0, because photos are divided by it.",
    );
  const scale = stds.every((value) => value < 1) ? 255 : 1;
  return {
    channels: channels ?? written?.channels ?? "RGB",
    mean: [means[0] * scale, means[1] * scale, means[2] * scale],
    std: [stds[0] * scale, stds[1] * scale, stds[2] * scale],
  };
}

function triple(values: readonly number[], name: string): [number, number, number] {
  const [first, second = first, third = second] = values;
  if (
    first === undefined ||
    second === undefined ||
    third === undefined ||
    values.length === 2 ||
    values.length > 3 ||
    !values.every(Number.isFinite)
  )
    throw new HeadstartError(
      "INVALID_OPTION",
      `The ${name} is one number or three, not ${values.join(",") || "none"}.`,
      `Such as --${name} 127.5 or --${name} 123.675,116.28,103.53.`,
    );
  return [first, second, third];
}
