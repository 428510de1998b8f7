import { HeadstartError } from "../errors.js";
import {
  floats,
  type Graph,
  GraphBuilder,
  int64,
  integers,
  renameValues,
  type Tensor,
} from "../onnx/index.js";
import type { Runtime, Session } from "../runtime/index.js";
import { composeCam, type MapGraph } from "./cam.js";
import { chooseClass, declareOutputs } from "./chosen.js";
import { rankCorrelation } from "./correlation.js";
import { composeGradCam } from "./grad-cam.js";
import { OCCLUSION_PLACES, Occluder } from "./occlusion.js";

/** How a map is made: exact class activation maps, Grad-CAM, or by hiding parts of the photo. */
export type MapMethod = "cam" | "grad-cam" | "occlusion";

/** Which maps are made. */
export interface MapOptions {
  /** Default: `cam` where the network ends so that it is exact, otherwise `grad-cam`; `grad-cam` where a layer is named. */
  readonly method?: MapMethod | undefined;
  /** The layer of Grad-CAM. Default: the last one that has a map. */
  readonly layer?: string | undefined;
}

/** A number for each part of a photo. */
export interface HeatMap {
  /** Rows from the top, `height * width` numbers. What speaks for the class is above 0. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly height: number;
  readonly width: number;
}

/** What a classifier says about a photo, and where it looks. */
export interface PhotoMap {
  /** The class that is explained: its index. */
  readonly chosen: number;
  /** How probable it is, from 0 to 1. */
  readonly probability: number;
  readonly map: HeatMap;
  /**
   * Of occlusion, its rank correlation with the class activation map or Grad-CAM of the same photo, laid on the same places; undefined where the
   * network has neither, and for other methods.
   */
  readonly agreement: number | undefined;
}

/** Makes maps of what a classifier looks at. */
export class Mapper {
  /** How it makes them. */
  readonly method: MapMethod;
  /** The layer that they are taken at; undefined of occlusion. */
  readonly layer: string | undefined;
  readonly #session: Session;
  readonly #size: Pick<HeatMap, "height" | "width"> | undefined;
  readonly #occluder: Occluder | undefined;

  private constructor(
    method: MapMethod,
    session: Session,
    maps: Partial<MapGraph>,
    occluder: Occluder | undefined,
  ) {
    this.method = method;
    this.layer = occluder === undefined ? maps.layer?.name : undefined;
    this.#session = session;
    this.#size = maps.layer;
    this.#occluder = occluder;
  }

  /**
   * Makes a classifier ready to be explained.
   *
   * @param runtime - runs it
   * @param classifier - a graph with the input `image`, uint8 [N, H, W, 3], and the outputs `probabilities` and `logits`, float [N, C]
   * @param imageSize - side of the photos that it will be given, in pixels
   * @param options - method and layer
   * @throws HeadstartError `INVALID_OPTION` for a layer that there is not, or that has no map, or a layer with another method than Grad-CAM;
   *   `UNSUPPORTED` for a method that the network does not allow
   */
  static async load(
    runtime: Runtime,
    classifier: Graph,
    imageSize: number,
    { method, layer }: MapOptions = {},
  ): Promise<Mapper> {
    if (layer !== undefined && method !== undefined && method !== "grad-cam")
      throw new HeadstartError(
        "INVALID_OPTION",
        `A layer can be chosen for Grad-CAM only, not for the method ${method}.`,
        "Leave the layer out, or use --method grad-cam.",
      );
    if (method !== "occlusion") {
      const cam = layer === undefined && method !== "grad-cam" ? composeCam(classifier) : undefined;
      if (cam === undefined && method === "cam") throw notExact();
      const maps = cam ?? composeGradCam(classifier, layer);
      return new Mapper(cam ? "cam" : "grad-cam", await runtime.load(maps.graph), maps, undefined);
    }
    const maps = comparable(classifier);
    const session = await runtime.load(maps.graph);
    return new Mapper(method, session, maps, await Occluder.load(runtime, classifier, imageSize));
  }

  /**
   * Explains a batch of photos.
   *
   * @param image - uint8 [N, S, S, 3] at the image size
   * @param classes - for each photo the class to explain, or -1 for the most probable one
   */
  async maps(image: Tensor, classes: readonly number[]): Promise<PhotoMap[]> {
    const fetch = ["chosen", "probabilities", "score", ...(this.#size === undefined ? [] : ["map"])];
    const given = this.#occluder === undefined ? image : { ...image, data: new Uint8Array(image.data) };
    const outputs = await this.#session.run(
      { image: given, class: int64([classes.length], classes) },
      { fetch },
    );
    const rows = (name: string) => {
      const tensor = outputs[name];
      const values = tensor === undefined ? new Float32Array() : floats(tensor);
      const width = values.length / classes.length;
      return classes.map((_, row) => values.slice(row * width, (row + 1) * width));
    };
    const [probabilities, scores, maps] = ["probabilities", "score", "map"].map(rows);
    const chosen = outputs.chosen === undefined ? [] : integers(outputs.chosen);
    const found: PhotoMap[] = [];
    for (const [row, one] of chosen.entries()) {
      const values = maps?.[row] ?? new Float32Array();
      const answer = { chosen: one, probability: probabilities?.[row]?.[one] ?? 0 };
      if (this.#occluder === undefined) {
        const { height, width } = this.#size ?? { height: 0, width: 0 };
        found.push({ ...answer, map: { values, height, width }, agreement: undefined });
        continue;
      }
      const hidden = await this.#occluder.map(photoOf(image, row), one, scores?.[row]?.[0] ?? 0);
      const map = { values: hidden, height: OCCLUSION_PLACES, width: OCCLUSION_PLACES };
      found.push({
        ...answer,
        map,
        agreement: values.length > 0 ? rankCorrelation(hidden, values) : undefined,
      });
    }
    return found;
  }

  /** Frees the graphs. */
  async close(): Promise<void> {
    await this.#session.close();
    await this.#occluder?.close();
  }
}

/** Maps at the places of occlusion to compare it with, or only what the classifier says where there are none. */
function comparable(classifier: Graph): Partial<MapGraph> & Pick<MapGraph, "graph"> {
  try {
    const { graph, layer } = composeCam(classifier) ?? composeGradCam(classifier);
    const b = GraphBuilder.from(renameValues(graph, new Map([["map", "map.coarse"]])));
    const planes = b.node("Unsqueeze", ["map.coarse", b.integers([1])]);
    const kept = b.node("Shape", [planes], { end: 2 });
    const sizes = b.node("Concat", [kept, b.integers([OCCLUSION_PLACES, OCCLUSION_PLACES])], { axis: 0 });
    const fine = b.node("Resize", [planes, "", "", sizes], {
      mode: "linear",
      coordinate_transformation_mode: "half_pixel",
    });
    b.output(
      "map",
      "float32",
      ["N", OCCLUSION_PLACES, OCCLUSION_PLACES],
      b.node("Squeeze", [fine, b.integers([1])]),
    );
    return { graph: b.build(), layer };
  } catch (error) {
    if (!(error instanceof HeadstartError) || error.code !== "UNSUPPORTED") throw error;
    const chosen = chooseClass(classifier);
    declareOutputs(chosen);
    return { graph: chosen.builder.build() };
  }
}

/** One photo of a batch. */
function photoOf({ type, dims, data }: Tensor, row: number): Tensor {
  const bytes = data.byteLength / (dims[0] ?? 1);
  return { type, dims: [1, ...dims.slice(1)], data: data.slice(row * bytes, (row + 1) * bytes) };
}

function notExact(): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    "The network does not end in an average of feature maps and one linear layer, so class activation maps would not be exact.",
    "Use Grad-CAM: --method grad-cam",
  );
}
