import { elementCount } from "../../onnx/index.js";
import type { Backbone } from "../backbone.js";
import { countParameters } from "../parameters.js";
import { divide, type TrainableParameter } from "./divide.js";
import { standardForm } from "./standard-form.js";

/** What of a backbone trains. */
export interface TrainableDescription {
  /** The value behind which layers train; undefined where all of them do, or none. */
  readonly boundary: string | undefined;
  /** The weights that train, from the photo to the head. */
  readonly parameters: readonly Omit<TrainableParameter, "value">[];
  /** How many numbers train. */
  readonly trainable: number;
  /** How many numbers stay as they are; running statistics do not count. */
  readonly frozen: number;
  /** Number of stages that train. */
  readonly stages: number;
}

/**
 * What of a backbone trains.
 *
 * @param backbone - the backbone
 * @param fineTune - `head`, where nothing of the backbone trains, or as for `divide`
 * @param imageSize - height and width of the photos in pixels
 * @throws HeadstartError as `divide`
 */
export function describeTrainable(
  backbone: Backbone,
  fineTune: string,
  imageSize: number,
): TrainableDescription {
  const all = countParameters(standardForm(backbone.graph));
  if (fineTune === "head")
    return { boundary: undefined, parameters: [], trainable: 0, frozen: all, stages: 0 };
  const { trunk, parameters, stages } = divide(backbone, fineTune, imageSize);
  const trainable = parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return {
    boundary: trunk?.tensor,
    parameters: parameters.map(({ name, shape, depth }) => ({ name, shape, depth })),
    trainable,
    frozen: all - trainable,
    stages,
  };
}
