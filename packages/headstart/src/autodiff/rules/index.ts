import type { GradientRule } from "../rule.js";
import { arithmetic } from "./arithmetic.js";
import { elementwise } from "./elementwise.js";
import { matrix } from "./matrix.js";
import { reduction } from "./reduction.js";
import { shape } from "./shape.js";
import { softmax } from "./softmax.js";

const FAMILIES = [arithmetic, elementwise, matrix, reduction, shape, softmax];

/** The rule of every operator that can be differentiated, by the operator's name in ONNX's own set. */
export const RULES: ReadonlyMap<string, GradientRule> = new Map(
  FAMILIES.flatMap((family) => Object.entries(family)),
);
