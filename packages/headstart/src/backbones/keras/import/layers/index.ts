import type { Emitter } from "../context.js";
import { ACTIVATION } from "./activation.js";
import { CONVOLUTION } from "./convolution.js";
import { DENSE } from "./dense.js";
import { IDENTITY } from "./identity.js";
import { MERGE } from "./merge.js";
import { NORMALISATION } from "./normalisation.js";
import { OPERATION } from "./operation.js";
import { POOLING } from "./pooling.js";
import { PREPROCESSING } from "./preprocessing.js";
import { SHAPE } from "./shape.js";

const EMITTERS: ReadonlyMap<string, Emitter> = new Map(
  Object.entries({
    ...ACTIVATION,
    ...CONVOLUTION,
    ...DENSE,
    ...IDENTITY,
    ...MERGE,
    ...NORMALISATION,
    ...OPERATION,
    ...POOLING,
    ...PREPROCESSING,
    ...SHAPE,
  }),
);

/** What writes layers of a class, if it is known. */
export function emitterOf(className: string): Emitter | undefined {
  return EMITTERS.get(className);
}
