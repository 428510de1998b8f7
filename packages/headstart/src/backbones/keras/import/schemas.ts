import { z } from "zod";

/** A whole number from 1 upwards. */
export const Count = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

/** One number for both axes, or one for each. */
export const Pair = z.union([Count.transform((n): [number, number] => [n, n]), z.tuple([Count, Count])]);

/** Where Keras counts channels. */
export const DataFormat = z
  .enum(["channels_last", "channels_first"])
  .nullish()
  .transform((format) => format ?? "channels_last");

/** How a window treats the border. */
export const Border = z.enum(["valid", "same"]);

/** One number or a list of numbers; deeper lists are flattened. */
export const NumberList = z
  .union([z.number(), z.array(z.unknown())])
  .transform((value, context): number | number[] => {
    if (typeof value === "number") return value;
    const flat = value.flat(8);
    if (flat.every((one): one is number => typeof one === "number")) return flat;
    context.addIssue("expected numbers");
    return z.NEVER;
  });
