import type { z } from "zod";
import type { Dim } from "../../../onnx/index.js";
import type { LayerCall } from "./context.js";
import type { DataFormat } from "./schemas.js";
import type { Value } from "./value.js";

/** A tensor `[N, C, H, W]` of the graph, as operators on pictures read and make it. */
export interface Picture {
  readonly name: string;
  readonly batch: Dim;
  readonly channels: Dim;
  readonly size: readonly [Dim, Dim];
}

type Format = z.infer<typeof DataFormat>;

/** A value of four dimensions as a picture, by where its layer counts channels. */
export function pictureOf(call: LayerCall, format: Format, value = call.inputOfRank(4)): Picture {
  if (format === "channels_first") {
    const { name, shape } = call.keras(value);
    const [batch = "?", channels = "?", height = "?", width = "?"] = shape;
    return { name, batch, channels, size: [height, width] };
  }
  const { name, shape } = call.channelsFirst(value);
  const [batch = "?", height = "?", width = "?", channels = "?"] = shape;
  return { name, batch, channels, size: [height, width] };
}

/** A picture as the value that its layer makes. */
export function pictureValue({ name, batch, channels, size }: Picture, format: Format): Value {
  return format === "channels_first"
    ? { name, shape: [batch, channels, ...size], layout: "keras" }
    : { name, shape: [batch, ...size, channels], layout: "channels-first" };
}
