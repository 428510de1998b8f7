import { existsSync } from "node:fs";
import {
  divide,
  isNamed,
  type LoadOptions,
  loadNetwork,
  type Network,
  type Preprocessing,
  type Trunk,
  trunkOf,
} from "../backbones/index.js";
import { HeadstartError } from "../errors.js";
import {
  type Dim,
  elementCount,
  findFeatures,
  floatAttribute,
  type Graph,
  inferShapes,
  type Node,
  prune,
  type Tensor,
} from "../onnx/index.js";
import { readClassifier } from "./classifier.js";
import { readProvenance } from "./provenance.js";

/** One operator of a network. */
export interface SummaryRow {
  /** The node's name. */
  readonly layer: string;
  /** The operator, such as `Conv`. */
  readonly op: string;
  /** Dimensions of what it makes, in ONNX's order (batch, channels, height, width); undefined where they are not known. */
  readonly outputShape: readonly Dim[] | undefined;
  /** Number of weights that it has, moving averages of batch normalisation included; weights that an earlier row has too count there. */
  readonly parameters: number;
  /** Whether training moves them. */
  readonly trainable: boolean;
}

/** What {@link summarise} finds. */
export interface Summary {
  readonly kind: "classifier" | "backbone";
  /** The backbone's name. */
  readonly backbone: string;
  /** Side of the square photos, in pixels. */
  readonly imageSize: number;
  /** The classes of a classifier; undefined for a backbone. */
  readonly classes: readonly string[] | undefined;
  readonly rows: readonly SummaryRow[];
  /** Parameters of all rows together. */
  readonly parameters: number;
  /** Those that training moves: the head's, of a classifier; of a backbone, those that the choice of `fineTune` names. */
  readonly trainable: number;
  /** Those that stay as they are. */
  readonly frozen: number;
  readonly features: {
    /** The tensor's name. */
    readonly tensor: string;
    /** How many there are. */
    readonly count: number;
    /** Why it was taken for the features, in a sentence. */
    readonly reason: string;
  };
  /** How photos have to be prepared; `null` where that is not known. */
  readonly preprocessing: Preprocessing | null;
  /** Where that is written, or why it is not known, as half a sentence. */
  readonly preparation: string;
}

/** Choices for {@link summarise}. */
export interface SummaryOptions extends LoadOptions {
  /** What of a backbone is to train, as for `train`: `head`, `last-stage`, `all` or the beginning of a layer's name. Default: `head`. */
  readonly fineTune?: string;
}

/**
 * Lists the operators of a classifier or of a backbone with output shapes and parameters, as Keras's `model.summary()` does. A backbone is
 * listed up to its features, which is the part that is used.
 *
 * Shapes are those at the image size, for any number of photos `N`. What is computed from constants alone is left out.
 *
 * @param path - a run's folder, an `.onnx` file that `train` wrote, or any network that `train` takes for a backbone
 * @param options - what the files of a backbone do not say, how to fetch it, and what of it is to train
 * @throws HeadstartError `NOT_FOUND`, `INVALID_MODEL`, or `INVALID_OPTION` for a name that is none of these; `NETWORK` where it cannot be fetched
 *
 * @example
 * import { summarise } from "headstart";
 * const { features, rows } = await summarise("efficientnet-lite0");
 * features.count // => 1280
 * console.log(rows[0]?.layer, rows[0]?.outputShape);
 */
export async function summarise(path: string, options: SummaryOptions = {}): Promise<Summary> {
  // A name that is misspelt is a name all the same.
  const isPath = !isNamed(path) && existsSync(path);
  const classifier = isPath ? await readClassifier(path) : undefined;
  if (classifier === undefined) {
    const network = await loadNetwork(path, options);
    return summariseBackbone(network, await trunkOf(network, options), options.fineTune ?? "head");
  }
  if (options.fineTune !== undefined)
    throw new HeadstartError(
      "INVALID_OPTION",
      "What is to train is asked of a backbone; a classifier has been trained.",
      "Leave --fine-tune out, or name a network that `headstart backbones` lists.",
    );
  const { graph } = classifier;
  const { backbone, classes, imageSize } = readProvenance(graph);
  // What says how unlike the training photos a photo is belongs to no layer.
  const network = graph.outputs.map(({ name }) => name).filter((name) => name !== "unlike");
  const shaped = inferShapes(prune(graph, network));
  const found = findFeatures(shaped);
  const rows = listRows(shaped, (output) => output === found.logits);
  const count = shaped.values.get(found.features)?.shape?.at(-1);
  return {
    kind: "classifier",
    backbone: backbone.name,
    imageSize,
    classes,
    ...totals(rows),
    features: {
      tensor: found.features,
      count: typeof count === "number" ? count : 0,
      reason: found.reason,
    },
    preprocessing: { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] },
    preparation: "not at all: the model does it",
  };
}

function summariseBackbone({ whole, ...network }: Network, trunk: Trunk, fineTune: string): Summary {
  const { name, preprocessing, preparation } = network;
  const { graph, imageSize, features, tensor, reason } = trunk;
  const inputs = graph.inputs.map((input) => ({ ...input, shape: ["N", 3, imageSize, imageSize] }));
  const divided =
    fineTune === "head"
      ? undefined
      : divide(
          { ...network, ...trunk, preprocessing: preprocessing ?? AS_THEY_ARE, precision: "float32" },
          fineTune,
          imageSize,
        );
  const behind = new Set(divided?.tail.nodes.flatMap(({ outputs }) => outputs));
  const rows = listRows(inferShapes({ ...graph, inputs }), (output) => behind.has(output));
  const { parameters } = totals(rows);
  // Running statistics stand in the rows, but no step moves them.
  const trainable = (divided?.parameters ?? []).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return {
    kind: "backbone",
    backbone: name,
    imageSize,
    classes: undefined,
    rows,
    parameters,
    trainable,
    frozen: parameters - trainable,
    features: { tensor, count: features, reason },
    preprocessing: preprocessing ?? null,
    preparation,
  };
}

/** How photos are prepared is of no consequence for what trains. */
const AS_THEY_ARE: Preprocessing = { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] };

function totals(rows: readonly SummaryRow[]): Pick<Summary, "rows" | "parameters" | "trainable" | "frozen"> {
  const sum = (of: readonly SummaryRow[]) => of.reduce((total, { parameters }) => total + parameters, 0);
  const parameters = sum(rows);
  const trainable = sum(rows.filter((row) => row.trainable));
  return { rows, parameters, trainable, frozen: parameters - trainable };
}

/**
 * A row for each operator that works on photos.
 *
 * @param isTrained - whether training moves the weights of the layer that makes a value
 */
function listRows(graph: Graph, isTrained: (output: string) => boolean): SummaryRow[] {
  const constants = new Constants(graph);
  const rows: SummaryRow[] = [];
  for (const node of graph.nodes) {
    if (constants.absorb(node)) continue;
    const [output = ""] = node.outputs;
    const parameters = constants.parametersOf(node);
    rows.push({
      layer: node.name || output,
      op: node.op,
      outputShape: graph.values.get(output)?.shape,
      parameters,
      trainable: parameters > 0 && isTrained(output),
    });
  }
  return rows;
}

/** Which inputs of an operator are weights; the others are settings, such as a clip's limits or a shape. */
const WEIGHTS: Readonly<Record<string, (input: number) => boolean>> = {
  Conv: (input) => input > 0,
  ConvTranspose: (input) => input > 0,
  ConvInteger: (input) => input === 1,
  QLinearConv: (input) => input === 3 || input === 8,
  Gemm: (input) => input > 0,
  MatMul: () => true,
  MatMulInteger: (input) => input === 1,
  BatchNormalization: (input) => input > 0,
  InstanceNormalization: (input) => input > 0,
  GroupNormalization: (input) => input > 0,
  LayerNormalization: (input) => input > 0,
  PRelu: (input) => input === 1,
  Gather: (input) => input === 0,
  // A bias, a position or a scale that is learned stands in an operator of its own.
  Add: () => true,
  Mul: () => true,
};

const WEIGHT_TYPES = new Set(["float32", "float16", "bfloat16", "float64", "int8", "uint8"]);

/** Whether a node prepares photos, which Headstart does by a normalisation without the small number that one that was trained has. */
function isPreprocessing(node: Node): boolean {
  return node.op === "BatchNormalization" && floatAttribute(node, "epsilon", 1e-5) === 0;
}

/** The constants of a graph, followed through operators that only change how they are stored. */
class Constants {
  readonly #initializers: ReadonlyMap<string, Tensor>;
  /** The initializers that each constant value is made of. */
  readonly #sources = new Map<string, readonly string[]>();
  readonly #fromNodes = new Map<string, Tensor>();
  readonly #counted = new Set<string>();

  constructor({ initializers }: Graph) {
    this.#initializers = initializers;
    for (const name of initializers.keys()) this.#sources.set(name, [name]);
  }

  /** Whether all that a node makes is constant; its outputs then count as constants too. */
  absorb(node: Node): boolean {
    const inputs = node.inputs.filter((name) => name !== "");
    const own = node.attributes.get("value");
    if (node.op === "Constant") {
      const [output = ""] = node.outputs;
      if (own?.kind === "tensor") this.#fromNodes.set(output, own.value);
      this.#sources.set(output, own?.kind === "tensor" ? [output] : []);
      return true;
    }
    if (inputs.length === 0 || !inputs.every((name) => this.#sources.has(name))) return false;
    // Of several constants the first is the weights; the others say how to read them.
    const sources = this.#sources.get(inputs[0] ?? "") ?? [];
    for (const output of node.outputs) this.#sources.set(output, sources);
    return true;
  }

  /** How many weights a node has that no node before it had. */
  parametersOf(node: Node): number {
    const isWeight = WEIGHTS[node.op];
    if (isWeight === undefined || node.domain !== "" || isPreprocessing(node)) return 0;
    let sum = 0;
    for (const [position, name] of node.inputs.entries()) {
      if (!isWeight(position)) continue;
      for (const source of this.#sources.get(name) ?? []) {
        const tensor = this.#initializers.get(source) ?? this.#fromNodes.get(source);
        if (tensor === undefined || this.#counted.has(source) || !WEIGHT_TYPES.has(tensor.type)) continue;
        const count = elementCount(tensor.dims);
        // A single number is a setting wherever it stands beside an operator of arithmetic.
        if (count === 1 && (node.op === "Add" || node.op === "Mul")) continue;
        this.#counted.add(source);
        sum += count;
      }
    }
    return sum;
  }
}
