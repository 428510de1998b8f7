import { composeFront, cutNetwork, type Network, preprocessingOf } from "../backbones/index.js";
import { resizeStage } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { findScores, type Graph, GraphBuilder, renameValues } from "../onnx/index.js";
import { VERSION } from "../version.js";
import { provenanceMetadata } from "./provenance.js";
import { addProbabilities } from "./temperature.js";

/** What makes a pretrained network a classifier where its files do not say it. */
export interface PretrainedChoices {
  /** Names of its classes, in the order of its outputs. Default: what is written about the network. */
  readonly classes?: readonly string[];
  /** Side of the square that photos are resized to, in pixels. Default: the network's own. */
  readonly imageSize?: number;
  /** Order of the dimensions of its input, where its file leaves it open. */
  readonly layout?: "NCHW" | "NHWC";
}

/** What the classifier's outputs are called; the network's own values of these names make room. */
const OUTPUTS = ["probabilities", "logits"];

/**
 * A pretrained network as a classifier of the classes that it was trained for: from a photo of any size to `probabilities` and `logits`,
 * float [N, C]. A network with one output behind a sigmoid tells two classes apart; the output is the probability of the second.
 *
 * @param network - the whole network
 * @param choices - class names and image size
 * @throws HeadstartError `INVALID_OPTION` if there are no class names, or another number than the network has outputs, it does not take the
 *   image size, or it is not known how photos are prepared; `UNSUPPORTED` for a network whose outputs are not the scores of classes of which one is right
 */
export async function composePretrained(network: Network, choices: PretrainedChoices = {}): Promise<Graph> {
  const preprocessing = preprocessingOf(network);
  const { scores, activation } = findScores(network.whole);
  const {
    graph,
    features: outputs,
    fixedImageSize,
  } = await cutNetwork(network.whole, {
    file: network.file,
    imageSize: network.imageSize,
    features: scores,
    layout: choices.layout,
  });
  const imageSize = choices.imageSize ?? fixedImageSize ?? network.imageSize;
  if (fixedImageSize !== undefined && imageSize !== fixedImageSize)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The network ${network.name} takes photos of ${fixedImageSize} pixels only, not ${imageSize}.`,
    );
  const isPair = outputs === 1;
  if ((activation === "sigmoid") !== isPair)
    throw new HeadstartError(
      "UNSUPPORTED",
      `The ${isPair ? "one output" : `${outputs} outputs`} of ${network.name} ${isPair ? "is not the score" : "are not the scores"} of classes of which one is right.`,
      "It can be a backbone all the same: headstart train PHOTOS --backbone FILE",
    );
  const classes = namesOf(network, choices.classes ?? network.classes, isPair ? 2 : outputs);
  const front = composeFront(
    { ...network, graph, features: outputs, preprocessing },
    resizeStage(imageSize, "bicubic"),
  );
  const b = GraphBuilder.from(renameValues(front, new Map(OUTPUTS.map((name) => [name, `network.${name}`]))));
  // The softmax of 0 and z is 1 - sigmoid(z) and sigmoid(z).
  const logits = isPair
    ? b.node("Concat", [b.node("Mul", ["features", b.scalar(0)]), "features"], { axis: 1 })
    : "features";
  b.clearOutputs();
  b.output("probabilities", "float32", ["N", classes.length], addProbabilities(b, logits, 1));
  b.output("logits", "float32", ["N", classes.length], logits);
  const { name, digest: sha256, licence, source } = network;
  const provenance = provenanceMetadata({
    format: 1,
    version: VERSION,
    classes,
    imageSize,
    resize: "bicubic",
    backbone: { name, sha256, licence, source, precision: "float32" },
    recipe: "pretrained",
    seed: 0,
    metrics: {},
    data: "",
  });
  for (const [key, value] of provenance) b.metadata(key, value);
  return b.build();
}

function namesOf(network: Network, names: readonly string[] | undefined, outputs: number): readonly string[] {
  if (names === undefined)
    throw new HeadstartError(
      "INVALID_OPTION",
      `It is not written what the ${outputs} classes of ${network.name} are called.`,
      "Name a file with their names, one a line, in the order of the network's outputs: --classes names.txt",
    );
  if (names.length === outputs) return names;
  throw new HeadstartError(
    "INVALID_OPTION",
    `There are ${names.length} class names, and ${network.name} tells ${outputs} classes apart.`,
    "Give one name for each, in the order of the network's outputs.",
  );
}
