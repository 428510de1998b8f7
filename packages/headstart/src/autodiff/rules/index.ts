import type { GradientRule } from "../rule.js";
import { activation } from "./activation.js";
import { arithmetic } from "./arithmetic.js";
import { attentions } from "./attention.js";
import { convolution } from "./convolution.js";
import { dropout } from "./dropout.js";
import { einsum } from "./einsum.js";
import { elementwise } from "./elementwise.js";
import { globalPooling } from "./global-pooling.js";
import { matrix } from "./matrix.js";
import { normalization } from "./normalization.js";
import { pooling } from "./pooling.js";
import { reduction } from "./reduction.js";
import { resize } from "./resize.js";
import { scaling } from "./scaling.js";
import { scatter } from "./scatter.js";
import { selection } from "./selection.js";
import { shape } from "./shape.js";
import { softmax } from "./softmax.js";

const FAMILIES = [
  activation,
  arithmetic,
  attentions,
  convolution,
  dropout,
  einsum,
  elementwise,
  globalPooling,
  matrix,
  normalization,
  pooling,
  reduction,
  resize,
  scaling,
  scatter,
  selection,
  shape,
  softmax,
];

/** The rule of every operator that can be differentiated, by the operator's name in ONNX's own set. */
export const RULES: ReadonlyMap<string, GradientRule> = new Map(
  FAMILIES.flatMap((family) => Object.entries(family)),
);
