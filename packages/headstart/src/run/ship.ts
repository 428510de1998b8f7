import { SPLITS } from "../data/index.js";
import { composeClassifier } from "../model/index.js";
import type { Graph } from "../onnx/index.js";
import { VERSION } from "../version.js";
import type { Certainty } from "./certainty.js";
import type { TrainedClassifier } from "./classifier.js";
import type { RunChoices } from "./folder.js";
import type { Metrics } from "./metrics.js";

/** The model that is shipped, with its provenance. It holds no times and no paths, so that the same run gives the same bytes. */
export function shippedModel(
  { backboneSha256, recipe, seed }: RunChoices,
  { backbone, dataset, history, weight, bias, imageSize, bestEpoch }: TrainedClassifier,
  { calibration, unlike }: Certainty,
  metrics: Metrics,
): Graph {
  return composeClassifier(
    backbone,
    { weight, bias },
    {
      format: 1,
      version: VERSION,
      classes: [...dataset.classes],
      imageSize,
      resize: recipe.resize,
      backbone: {
        name: backbone.name,
        sha256: backboneSha256,
        licence: backbone.licence,
        source: backbone.source,
        precision: backbone.precision,
      },
      recipe: recipe.name,
      seed,
      ...(bestEpoch < history.length && { epoch: bestEpoch }),
      ...(calibration && { calibration }),
      metrics: Object.fromEntries(
        SPLITS.filter((split) => metrics[split].photos > 0).map((split) => {
          const { photos, accuracy, top5, loss } = metrics[split];
          return [split, { photos, accuracy, top5, loss }];
        }),
      ),
      data: dataset.fingerprint,
    },
    unlike,
  );
}
