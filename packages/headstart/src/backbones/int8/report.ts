import { createHash } from "node:crypto";
import { z } from "zod";
import { inferShapes, readModel } from "../../onnx/index.js";
import type { Backbone } from "../backbone.js";

const pair = z.object({ float: z.number(), int8: z.number() }).readonly();

/** What {@link Int8Report} looks like in a file. */
export const int8ReportSchema = z.object({
  /** Number of photos that it was calibrated on. */
  photos: z.int(),
  /** Number of photos that it was compared with the float network on. */
  trialPhotos: z.int(),
  /** Cosine of the angle between the features of either network, over the trial photos: the mean, and that of the photo that agrees least. */
  agreement: z.object({ mean: z.number(), least: z.number() }).readonly(),
  /** Number of layers with weights. */
  layers: z.int(),
  /** Layers that were left in float, by name, since the features agree too little otherwise. */
  float: z.array(z.string()).readonly(),
  /** Time of a photo in either network, in milliseconds: the quickest of a few runs on the trial photos. */
  milliseconds: pair,
  /** Size of either network as a file of its own, in bytes. */
  bytes: pair,
});

/** How a backbone was brought to int8, and how it compares with the float one. */
export type Int8Report = Readonly<z.infer<typeof int8ReportSchema>>;

/**
 * A backbone with the int8 network that was made of it.
 *
 * @param backbone - the float backbone
 * @param bytes - the network as a file: `writeModel` of the graph that `int8Backbone` made
 * @throws HeadstartError `INVALID_MODEL` if the file is damaged
 */
export function withInt8Graph(backbone: Backbone, bytes: Uint8Array<ArrayBuffer>): Backbone {
  const digest = createHash("sha256").update(bytes).digest("hex");
  return { ...backbone, graph: inferShapes(readModel(bytes)), digest, precision: "int8" };
}
