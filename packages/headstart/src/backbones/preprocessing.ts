import { z } from "zod";
import { float32, type GraphBuilder, int64 } from "../onnx/index.js";

/** How a backbone wants its photos: `(value - mean) / std` for each channel, on values from 0 to 255, in this order of channels. */
export interface Preprocessing {
  readonly channels: "RGB" | "BGR";
  /** One mean for each channel, in the order of `channels`. */
  readonly mean: readonly [number, number, number];
  /** One divisor for each channel, in the order of `channels`. */
  readonly std: readonly [number, number, number];
}

const triple = z.tuple([z.number(), z.number(), z.number()]);

/** What {@link Preprocessing} looks like in a file. */
export const preprocessingSchema = z.strictObject({
  channels: z.enum(["RGB", "BGR"]),
  mean: triple,
  std: triple.refine((values) => values.every((value) => value > 0), "must be above 0"),
});

/**
 * Adds the preprocessing of a backbone to a graph.
 *
 * @param builder - the graph to add to
 * @param image - a float value [N, 3, H, W]: RGB, from 0 to 255
 * @param preprocessing - what the backbone wants
 * @returns the value that goes into the backbone, [N, 3, H, W]
 */
export function addPreprocessing(builder: GraphBuilder, image: string, preprocessing: Preprocessing): string {
  const { channels, mean, std } = preprocessing;
  const perChannel = (name: string, values: readonly number[]) =>
    builder.constant(name, float32([1, 3, 1, 1], values));
  const ordered =
    channels === "RGB"
      ? image
      : builder.node("Gather", [image, builder.constant("reversed", int64([3], [2, 1, 0]))], { axis: 1 });
  const centred = builder.node("Sub", [ordered, perChannel("mean", mean)]);
  return std.every((value) => value === 1) ? centred : builder.node("Div", [centred, perChannel("std", std)]);
}
