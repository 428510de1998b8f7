import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { externalReader, isKerasFile, isNamed, type LoadOptions } from "../backbones/index.js";
import { decodeBatches, decodePhoto, PhotoLoader } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import {
  type Calibration,
  type Conformal,
  type PromisedAccuracy,
  predictionSet,
  topClasses,
  UNLIKE,
} from "../evaluation/index.js";
import { errorCode, storageError } from "../files.js";
import { floats, type Graph, readModel, type Tensor } from "../onnx/index.js";
import { Runtime, type RuntimeOptions, type Session } from "../runtime/index.js";
import type { PretrainedChoices } from "./pretrained.js";
import { isClassifier, type Provenance, readProvenance } from "./provenance.js";

/** How a classifier is loaded. All but {@link RuntimeOptions} is for networks that Headstart did not train. */
export interface ClassifierOptions extends RuntimeOptions, Omit<LoadOptions, "features">, PretrainedChoices {}

/** One class and how probable it is. */
export interface ClassProbability {
  /** The class's name, as its folder is called. */
  readonly className: string;
  /** From 0 to 1; all classes together make 1. */
  readonly probability: number;
}

/** What a classifier says about one photo: its most probable class, and how sure that is. */
export interface Prediction extends ClassProbability {
  /** The most probable classes, the best first. */
  readonly classes: readonly [ClassProbability, ...ClassProbability[]];
  /**
   * Whether to trust the answer: answers of this probability or a higher one have the accuracy that was asked for, and the photo is not unlike
   * the training photos. Undefined where the model does not know, as a network that Headstart did not train.
   */
  readonly confident: boolean | undefined;
  /** The classes that the photo may be of, the most probable first: they hold the true one as often as was asked for. Undefined as above. */
  readonly set: readonly string[] | undefined;
  /**
   * How unlike the training photos the photo is: the share of those that are more like one another. From 0.99 on it is probably something else
   * altogether. Undefined as above.
   */
  readonly unlike: number | undefined;
}

/** What is asked of a {@link Prediction}. */
export interface PredictOptions {
  /** How many classes to return. Default: all. */
  readonly top?: number;
  /** The accuracy that confident answers must have, one of those that the model can promise or less: at most 0.995. Default: 0.95. */
  readonly accuracy?: number;
  /** How often sets must hold the true class, at most 0.99. Default: 0.9. */
  readonly coverage?: number;
}

/** Decoded pixels: RGB, rows from the top, three bytes a pixel. */
export interface RawPixels {
  /** `width * height * 3` bytes. */
  readonly data: Uint8Array;
  /** Pixels in a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
}

/** A photo: its path, the content of its file, or decoded pixels. */
export type PhotoInput = string | Uint8Array | Blob | RawPixels;

/** What {@link Classifier.classify} says about one of many photos. */
export type Answer =
  | {
      /** Which of the photos it is, counted from 0. */
      readonly index: number;
      /** One for each class, in the order of {@link Classifier.classes}. */
      readonly probabilities: Float32Array;
      /** Scores of the classes: the probabilities are their softmax, once they are divided by the temperature. */
      readonly logits: Float32Array;
      /** How unlike the training photos it is, as in {@link Prediction}. */
      readonly unlike: number | undefined;
      /** Whether the file was cut off or damaged, and used as far as it goes. */
      readonly truncated: boolean;
    }
  | {
      /** Which of the photos it is, counted from 0. */
      readonly index: number;
      /** Why it could not be decoded. */
      readonly reason: string;
    };

/** What confident answers are asked for, and sets of classes. */
const DEFAULT_ACCURACY = 0.95;
const DEFAULT_COVERAGE = 0.9;

/** Photos that go through the network at once when there are many. */
const BATCH = 32;

/**
 * A trained classifier, ready to say what is on photos.
 *
 * @example
 * import { Classifier } from "headstart";
 * const classifier = await Classifier.load("runs/1");
 * const { className, probability, confident } = await classifier.predict("dog.jpg");
 * console.log(className, probability, confident ? "" : "perhaps");
 */
export class Classifier {
  /** Class names, in the order of the model's outputs. */
  readonly classes: readonly string[];
  /** Side of the square that photos are resized to, in pixels. */
  readonly imageSize: number;
  /** Where the model comes from: backbone, recipe, data, and what was measured. */
  readonly provenance: Provenance;
  readonly #runtime: Runtime;
  readonly #session: Session;

  private constructor(runtime: Runtime, session: Session, provenance: Provenance) {
    this.classes = provenance.classes;
    this.imageSize = provenance.imageSize;
    this.provenance = provenance;
    this.#runtime = runtime;
    this.#session = session;
  }

  /**
   * Loads a classifier: one that `train` wrote, or any pretrained image classifier, such as a Keras model, with the names of its classes.
   *
   * @param path - an `.onnx` file that `train` wrote, the folder of a run, or a network as `train` takes it for a backbone
   * @param options - device and threads, by default the processor with all its cores; for another network than one that `train` wrote:
   *   class names, image size, and what its files do not say
   * @throws HeadstartError `NOT_FOUND` if there is no such file, `INVALID_MODEL` if it is not an image classifier, `INVALID_OPTION` if the
   *   names of its classes or the preprocessing are not known, `UNSUPPORTED` if its outputs are not scores of classes
   *
   * @example
   * import { Classifier } from "headstart";
   * const classifier = await Classifier.load("runs/1/model.onnx", { threads: 1 });
   * classifier.imageSize // => 224
   */
  static async load(path: string, options: ClassifierOptions = {}): Promise<Classifier> {
    const read = isNamed(path) ? undefined : await readClassifier(path);
    const graph = read?.graph ?? (await pretrained(path, options));
    const provenance = readProvenance(graph);
    const runtime = Runtime.start(options);
    try {
      return new Classifier(runtime, await runtime.load(read?.bytes ?? graph), provenance);
    } catch (error) {
      await runtime.close();
      throw error;
    }
  }

  /**
   * Says what is on one photo.
   *
   * @param photo - a path; the content of a photo's file as a Buffer, Uint8Array or Blob; or decoded pixels of any size
   * @param options - how many classes to return, and how sure to be
   * @returns its most probable class, the others, and whether to trust the answer
   * @throws HeadstartError `INVALID_PHOTO` if it is not a photo, `NOT_FOUND` if there is no such file, `INVALID_OPTION` for an accuracy or a
   *   coverage that the model cannot tell
   *
   * @example
   * import { readFile, stat } from "node:fs/promises";
   * import { Classifier } from "headstart";
   * const classifier = await Classifier.load("runs/1");
   * const { classes, set } = await classifier.predict(await readFile("dog.jpg"), { top: 2, coverage: 0.95 });
   * classes.length // => 2
   * console.log("probably one of", set);
   */
  async predict(photo: PhotoInput, options: PredictOptions = {}): Promise<Prediction> {
    this.#check(options);
    const { data, width, height } = await this.#pixels(photo);
    const { probabilities, unlike } = await this.#run(data, [1, height, width, 3]);
    return this.judge({ probabilities, unlike: unlike?.[0] }, options);
  }

  /**
   * What the probabilities of one photo mean: the classes in their order, and how sure to be.
   *
   * @param answer - from {@link Classifier.classify}
   * @param options - as for {@link Classifier.predict}
   * @throws HeadstartError `INVALID_OPTION` as {@link Classifier.predict}
   *
   * @example
   * import { Classifier } from "headstart";
   * const classifier = await Classifier.load("runs/1");
   * for await (const answer of classifier.classify(["dog.jpg"])) {
   *   if ("reason" in answer) continue;
   *   const { className, confident } = classifier.judge(answer, { accuracy: 0.9 });
   *   console.log(className, confident);
   * }
   */
  judge(
    { probabilities, unlike }: { readonly probabilities: Float32Array; readonly unlike: number | undefined },
    options: PredictOptions = {},
  ): Prediction {
    this.#check(options);
    const { accuracy = DEFAULT_ACCURACY, coverage = DEFAULT_COVERAGE, top } = options;
    const classes = this.ranked(probabilities, top);
    const [best] = classes;
    const { calibration } = this.provenance;
    const promised = calibration && thresholdFor(calibration, accuracy);
    const conformal = calibration && setFor(calibration, coverage);
    return {
      ...best,
      classes,
      confident:
        promised &&
        promised.threshold !== null &&
        best.probability >= promised.threshold &&
        (unlike ?? 0) < UNLIKE,
      set: conformal && predictionSet(probabilities, conformal).map((index) => this.classes[index] ?? ""),
      unlike,
    };
  }

  /**
   * Says what is on many photos: they are decoded while the network works, and memory stays the same however many there are.
   *
   * @param photos - paths
   * @param options - `signal`: ends it early
   * @returns for each photo its index and the probability of every class, or the reason why it could not be decoded. The answers come in
   *   the photos' order; a reason may come before answers of photos that stand before it
   * @throws HeadstartError `INTERRUPTED` when the signal asks for it
   *
   * @example
   * import { Classifier } from "headstart";
   * const classifier = await Classifier.load("runs/1");
   * for await (const answer of classifier.classify(["dog.jpg"]))
   *   if ("probabilities" in answer) console.log(classifier.ranked(answer.probabilities, 1));
   */
  async *classify(
    photos: readonly string[],
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Answer> {
    const { resize } = this.provenance;
    const loader = await PhotoLoader.create(this.#runtime, this.imageSize, resize);
    const files = photos.map((path) => ({ path }));
    const batches = decodeBatches(files, {
      batchSize: BATCH,
      size: this.imageSize,
      decode: ({ path }, into) => loader.load(path, into),
      allocate: (bytes) => this.#runtime.allocate(bytes),
    });
    try {
      for await (const { pixels, indices, truncated, failed } of batches) {
        if (options.signal?.aborted) throw new HeadstartError("INTERRUPTED", "Classifying was interrupted.");
        for (const { index, reason } of failed) yield { index, reason };
        if (indices.length === 0) continue;
        const all = await this.#run(pixels, [indices.length, this.imageSize, this.imageSize, 3]);
        const own = (values: Float32Array, row: number) =>
          values.subarray(row * this.classes.length, (row + 1) * this.classes.length);
        for (const [row, index] of indices.entries())
          yield {
            index,
            probabilities: own(all.probabilities, row),
            logits: own(all.logits, row),
            unlike: all.unlike?.[row],
            truncated: truncated.includes(index),
          };
      }
    } finally {
      await loader.close();
    }
  }

  /**
   * Probabilities as a list, the best first.
   *
   * @param probabilities - one for each class
   * @param top - how many to return; at least one is
   *
   * @example
   * import { Classifier } from "headstart";
   * const classifier = await Classifier.load("runs/1");
   * const [best] = classifier.ranked(Float32Array.of(0.25, 0.5, 0.25), 1);
   * best.probability // => 0.5
   */
  ranked(probabilities: Float32Array, top = this.classes.length): [ClassProbability, ...ClassProbability[]] {
    const [first, ...rest] = topClasses(probabilities, top).map((index) => ({
      className: this.classes[index] ?? "",
      probability: probabilities[index] ?? 0,
    }));
    if (first === undefined)
      throw new HeadstartError("INVALID_OPTION", "There are no probabilities to rank.");
    return [first, ...rest];
  }

  /**
   * Ends the classifier's thread and frees its memory. A program that just ends need not call it.
   *
   * @example
   * import { Classifier } from "headstart";
   * const classifier = await Classifier.load("runs/1");
   * await classifier.close();
   */
  async close(): Promise<void> {
    await this.#runtime.close();
  }

  /** A photo in the size in which it goes into the model: raw pixels as they are, a file at the image size where decoding resizes. */
  async #pixels(photo: PhotoInput): Promise<RawPixels> {
    if (typeof photo === "object" && "width" in photo) {
      const { data, width, height } = photo;
      if (data.byteLength !== width * height * 3 || data.byteLength === 0)
        throw new HeadstartError(
          "INVALID_PHOTO",
          `${data.byteLength} bytes are not ${width} x ${height} pixels of three bytes.`,
        );
      return photo;
    }
    const { imageSize, provenance } = this;
    const { pixels, width, height } = await decodePhoto(
      photo,
      provenance.resize === "bicubic" ? { resize: "bicubic", size: imageSize } : { resize: "none" },
    );
    return { data: pixels, width, height };
  }

  #check({ top = 1, accuracy, coverage }: PredictOptions): void {
    if (!Number.isInteger(top) || top < 1)
      throw new HeadstartError(
        "INVALID_OPTION",
        `The number of classes to return must be at least 1, not ${top}.`,
      );
    const { calibration } = this.provenance;
    if (calibration === undefined) return;
    const { thresholds, sets } = calibration;
    const checkAsked = (what: string, value: number | undefined, known: readonly number[]) => {
      const most = Math.max(...known);
      if (value === undefined || (value > 0 && value <= most)) return;
      throw new HeadstartError(
        "INVALID_OPTION",
        `${what} of ${value} cannot be asked for.`,
        `Ask for a number above 0, at most ${most}; the model knows ${known.join(", ")}.`,
      );
    };
    checkAsked(
      "An accuracy",
      accuracy,
      thresholds.map(({ asked }) => asked),
    );
    checkAsked(
      "A coverage",
      coverage,
      sets.map((set) => set.coverage),
    );
  }

  async #run(pixels: Uint8Array, dims: readonly number[]) {
    const data =
      pixels.buffer instanceof ArrayBuffer ? (pixels as Uint8Array<ArrayBuffer>) : new Uint8Array(pixels);
    const image = { type: "uint8", dims, data } as const;
    const fetch = (["probabilities", "logits", "unlike"] as const).filter((name) =>
      this.#session.outputs.includes(name),
    );
    const found = await this.#session.run({ image }, { fetch });
    const { unlike }: { readonly unlike?: Tensor } = found;
    return {
      probabilities: floats(found.probabilities),
      logits: floats(found.logits),
      unlike: unlike && floats(unlike),
    };
  }
}

/** The least of the accuracies that the model knows which is enough. */
function thresholdFor({ thresholds }: Calibration, accuracy: number): PromisedAccuracy | undefined {
  return thresholds.find(({ asked }) => asked >= accuracy);
}

/** The least of the coverages that the model knows which is enough. */
function setFor({ sets }: Calibration, coverage: number): Conformal | undefined {
  return sets.find((set) => set.coverage >= coverage);
}

async function pretrained(path: string, options: ClassifierOptions): Promise<Graph> {
  const [{ loadNetwork }, { composePretrained }] = await Promise.all([
    import("../backbones/index.js"),
    import("./pretrained.js"),
  ]);
  return await composePretrained(await loadNetwork(path, options), options);
}

/**
 * Reads the file of a classifier of Headstart's.
 *
 * @param path - an `.onnx` file, or the folder of a run, which holds `model.onnx`
 * @returns with the path of the file; undefined for a file that is another network
 * @throws HeadstartError `NOT_FOUND` if there is none, `STORAGE` if it may not be read, `INVALID_MODEL` if it is damaged
 */
export async function readClassifier(
  path: string,
): Promise<
  { readonly file: string; readonly bytes: Uint8Array<ArrayBuffer>; readonly graph: Graph } | undefined
> {
  const file = (await isFolder(path)) ? join(path, "model.onnx") : path;
  if (file === path && (await isKerasFile(path))) return undefined;
  const bytes = await readFile(file).catch((error: unknown) => {
    if (file === path || errorCode(error) !== "ENOENT") throw storageError(error, file);
    throw new HeadstartError(
      "NOT_FOUND",
      `The run ${path} has no model.onnx.`,
      "It was interrupted before the end; go on with: headstart train --resume RUN",
      { cause: error },
    );
  });
  const beside = externalReader(file);
  const graph = readModel(bytes, { external: beside });
  return isClassifier(graph) ? { file, bytes, graph } : undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
