import { z } from "zod";
import type { Emitter } from "../context.js";
import { slide } from "../padding.js";
import { pictureOf, pictureValue } from "../picture.js";
import { Border, DataFormat, Pair } from "../schemas.js";

const Pool = z.object({
  pool_size: Pair.default([2, 2]),
  strides: Pair.nullish(),
  padding: Border.default("valid"),
  data_format: DataFormat,
});
const Global = z.object({ data_format: DataFormat, keepdims: z.boolean().default(false) });

/** With `same`, an average leaves the padding out, and a maximum sees nothing there. */
const pool =
  (op: "MaxPool" | "AveragePool"): Emitter =>
  (call) => {
    const { pool_size, strides, padding, data_format } = call.config(Pool);
    const picture = pictureOf(call, data_format);
    const { attributes, size } = slide(call, picture.size, {
      border: padding,
      kernel: pool_size,
      strides: strides ?? pool_size,
      dilations: [1, 1],
    });
    return pictureValue({ ...picture, name: call.node(op, [picture.name], attributes), size }, data_format);
  };

const globalPool =
  (op: "GlobalMaxPool" | "GlobalAveragePool"): Emitter =>
  (call) => {
    const { data_format, keepdims } = call.config(Global);
    const picture = pictureOf(call, data_format);
    const name = call.node(op, [picture.name], {}, keepdims ? undefined : "pool");
    if (keepdims) return pictureValue({ ...picture, name, size: [1, 1] }, data_format);
    return {
      name: call.node("Flatten", [name], { axis: 1 }),
      shape: [picture.batch, picture.channels],
      layout: "keras",
    };
  };

/** Pooling layers by class name; some have an older name too. */
export const POOLING: Readonly<Record<string, Emitter>> = {
  AveragePooling2D: pool("AveragePool"),
  AvgPool2D: pool("AveragePool"),
  GlobalAveragePooling2D: globalPool("GlobalAveragePool"),
  GlobalAvgPool2D: globalPool("GlobalAveragePool"),
  GlobalMaxPool2D: globalPool("GlobalMaxPool"),
  GlobalMaxPooling2D: globalPool("GlobalMaxPool"),
  MaxPool2D: pool("MaxPool"),
  MaxPooling2D: pool("MaxPool"),
};
