import { HeadstartError } from "../errors.js";
import { elementCount, float32, type GraphBuilder, type Tensor } from "../onnx/index.js";
import type { Random } from "../random.js";

/** Names of the head's parameters, in graphs, checkpoints and the shipped model. */
export const HEAD_PARAMETERS = ["head.weight", "head.bias"] as const;

/** Name of one of the head's parameters. */
export type HeadParameter = (typeof HEAD_PARAMETERS)[number];

/**
 * How the head starts: its kernel drawn from Glorot's uniform distribution, or zeros, the bias zeros; or `solved`: both as logistic
 * regression on the features of the untrained network has them, its L2 penalty chosen by cross-validation (Kumar et al., Fine-tuning can
 * distort pretrained features, 2022).
 */
export type Initial = "glorot-uniform" | "zeros" | "solved";

/**
 * Shapes of the head's parameters: `head.weight` `[D, C]` and `head.bias` `[C]`.
 *
 * @param features - D, the number of features that the backbone gives
 * @param classes - C, the number of classes
 */
export function headShapes(
  features: number,
  classes: number,
): Readonly<Record<HeadParameter, readonly number[]>> {
  return { "head.weight": [features, classes], "head.bias": [classes] };
}

/**
 * The head's parameters before the first step.
 *
 * @param initial - `glorot-uniform` draws the kernel evenly between -limit and limit, limit = sqrt(6 / (D + C)) (Glorot and Bengio, 2010)
 * @param features - D, the number of features
 * @param classes - C, the number of classes
 * @param random - where the numbers come from; not touched for `zeros`
 */
export function initialHead(
  initial: Initial,
  features: number,
  classes: number,
  random: Pick<Random, "uniform">,
): Map<HeadParameter, Tensor> {
  const shapes = headShapes(features, classes);
  const weight = new Float32Array(elementCount(shapes["head.weight"]));
  if (initial === "glorot-uniform") {
    const limit = Math.sqrt(6 / (features + classes));
    for (let i = 0; i < weight.length; i++) weight[i] = (2 * random.uniform() - 1) * limit;
  }
  return new Map([
    ["head.weight", float32(shapes["head.weight"], weight)],
    ["head.bias", float32(shapes["head.bias"], new Float32Array(classes))],
  ]);
}

/** What {@link addHead} works on: names of values in the graph. */
export interface HeadInputs {
  /** Float `[N, D]`. */
  readonly features: string;
  /** Float `[D, C]`. */
  readonly weight: string;
  /** Float `[C]`. */
  readonly bias: string;
  /** Float `[N, D]` from {@link drawDropoutMask}; without it nothing is dropped. */
  readonly dropoutMask?: string;
}

/**
 * Adds the linear head to a graph: `logits = (features * dropoutMask) weight + bias`.
 *
 * @param builder - the graph that the nodes are added to
 * @param inputs - names of the values it reads
 * @returns the name of `logits`, float `[N, C]`; their softmax is the probabilities
 */
export function addHead(
  builder: GraphBuilder,
  { features, weight, bias, dropoutMask }: HeadInputs,
): { logits: string } {
  const kept = dropoutMask === undefined ? features : builder.node("Mul", [features, dropoutMask]);
  return { logits: builder.node("Gemm", [kept, weight, bias], {}, { name: "logits" }) };
}

/**
 * Draws an inverted dropout mask: each element is 0 with probability `rate`, otherwise 1 / (1 - rate), so that the mean stays 1 and
 * nothing needs scaling when the head answers.
 *
 * @param random - where the numbers come from; one is drawn for each element, in order
 * @param into - the mask, overwritten whole
 * @param rate - part that is dropped, from 0 up to, not including, 1
 * @throws HeadstartError `INVALID_OPTION` if the rate is outside that range
 */
export function drawDropoutMask(random: Pick<Random, "uniform">, into: Float32Array, rate: number): void {
  if (!(rate >= 0 && rate < 1))
    throw new HeadstartError(
      "INVALID_OPTION",
      `A dropout of ${rate} is not possible.`,
      "Choose a number from 0 up to, not including, 1.",
    );
  const kept = 1 / (1 - rate);
  for (let i = 0; i < into.length; i++) into[i] = random.uniform() < rate ? 0 : kept;
}
