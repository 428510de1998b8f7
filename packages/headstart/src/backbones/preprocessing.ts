import { z } from "zod";
import { float, float32, type GraphBuilder, int64 } from "../onnx/index.js";

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
    builder.constant(name, float32([3], values));
  const ordered =
    channels === "RGB"
      ? image
      : builder.node("Gather", [image, builder.constant("reversed", int64([3], [2, 1, 0]))], { axis: 1 });
  if (mean.every((value) => value === 0) && std.every((value) => value === 1)) return ordered;
  // One operator: ONNX Runtime moves Sub and Div behind the transposition of the photos, where they are slow on three channels.
  return builder.node(
    "BatchNormalization",
    [
      ordered,
      perChannel("one", [1, 1, 1]),
      perChannel("zero", [0, 0, 0]),
      perChannel("mean", mean),
      perChannel(
        "variance",
        std.map((value) => value ** 2),
      ),
    ],
    { epsilon: float(0) },
  );
}
