import { readFile } from "node:fs/promises";
import { floats, type Graph, GraphBuilder, uint8 } from "../../onnx/index.js";
import type { Runtime, Session } from "../../runtime/index.js";
import { LUMINANCE } from "../colour.js";
import { decodePhoto } from "../decode.js";
import type { FeatureBlock, FeatureSpace } from "../features.js";
import { type PhotoFormat, SNIFF_BYTES, sniff } from "../sniff.js";

/** Side of the small picture that photos are compared by, in pixels. */
export const SMALL = 32;

/** What a photo looks like, without what is on it. */
export interface Appearance {
  /** Upright, in pixels. */
  readonly width: number;
  readonly height: number;
  /** How the camera was held, as EXIF says it: 1 upright, 2 to 8 otherwise. */
  readonly orientation: number;
  readonly format: PhotoFormat;
  /** Mean colour, red, green and blue from 0 to 1. */
  readonly colour: readonly [number, number, number];
  /** Mean colour of the edge, a thirty-second of the photo wide. */
  readonly border: readonly [number, number, number];
  /** Standard deviation of the brightness of the edge. */
  readonly borderSpread: number;
  /** Standard deviation of the brightness of the whole photo; 0 if it is of one brightness. */
  readonly contrast: number;
  /** Whether the file was cut off or damaged. */
  readonly truncated: boolean;
}

const FORMATS: readonly PhotoFormat[] = ["jpeg", "png", "webp", "gif", "tiff", "avif"];

/** Numbers before those of the small picture: size, orientation, format; colour, border, spread of the border, contrast. */
const FIGURES = 12;

/** Numbers that an appearance is kept as. */
const LENGTH = FIGURES + SMALL * SMALL;

/** The space of the feature store that appearances are kept in. */
export const APPEARANCE_SPACE: FeatureSpace = {
  backbone: "appearance-1",
  size: SMALL,
  precision: "float32",
  preprocessing: "squashed",
};

/** A photo's size and small picture, before anything is computed of it. */
export interface Glimpse {
  readonly width: number;
  readonly height: number;
  readonly orientation: number;
  readonly format: PhotoFormat;
  /** `SMALL * SMALL * 3` bytes. */
  readonly small: Uint8Array<ArrayBuffer>;
  readonly truncated: boolean;
}

/**
 * Reads a photo for its appearance.
 *
 * @param path - the file
 * @param decoded - its pixels, where it has been decoded for something else: a square of any size
 * @throws HeadstartError as `decodePhoto`
 */
export async function glimpse(
  path: string,
  decoded?: { readonly pixels: Uint8Array<ArrayBuffer>; readonly size: number; readonly truncated: boolean },
): Promise<Glimpse> {
  const { default: sharp } = await import("sharp");
  const bytes = await readFile(path);
  const found = decoded
    ? {
        truncated: decoded.truncated,
        pixels: await sharp(decoded.pixels, {
          raw: { width: decoded.size, height: decoded.size, channels: 3 },
        })
          .resize(SMALL, SMALL, { fit: "fill", kernel: "cubic" })
          .raw()
          .toBuffer(),
      }
    : await decodePhoto(bytes, { resize: "bicubic", size: SMALL });
  const { autoOrient, orientation = 1 } = await sharp(bytes, {
    failOn: "none",
    limitInputPixels: false,
  }).metadata();
  const sniffed = sniff(bytes.subarray(0, SNIFF_BYTES));
  return {
    width: autoOrient.width,
    height: autoOrient.height,
    orientation,
    format: "format" in sniffed ? sniffed.format : "jpeg",
    small: Uint8Array.from(found.pixels),
    truncated: found.truncated,
  };
}

/** Makes appearances of glimpses, as the numbers that the feature store keeps of them. */
export class AppearanceMaker {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** @param runtime - runs the graph */
  static async create(runtime: Runtime): Promise<AppearanceMaker> {
    return new AppearanceMaker(await runtime.load(composeAppearance()));
  }

  /** The appearance of each of some photos. */
  async make(glimpses: readonly Glimpse[]): Promise<Float32Array<ArrayBuffer>[]> {
    const pixels = new Uint8Array(glimpses.length * SMALL * SMALL * 3);
    for (const [i, { small }] of glimpses.entries()) pixels.set(small, i * small.length);
    const photo = uint8([glimpses.length, SMALL, SMALL, 3], pixels);
    const { figures, grey } = await this.#session.run<"figures" | "grey">({ photo });
    const [numbers, greys] = [floats(figures), floats(grey)];
    return glimpses.map(({ width, height, orientation, format }, i) => {
      const row = new Float32Array(LENGTH);
      row.set([width, height, orientation, FORMATS.indexOf(format)]);
      row.set(numbers.subarray(i * 8, (i + 1) * 8), 4);
      row.set(greys.subarray(i * SMALL * SMALL, (i + 1) * SMALL * SMALL), FIGURES);
      return row;
    });
  }

  /** Frees the graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** The appearances of photos as the feature store gives them, and the brightness of their small pictures, `[N, SMALL * SMALL]`. */
export function readAppearances({ features, truncated }: FeatureBlock): {
  readonly appearances: Appearance[];
  readonly grey: Float32Array<ArrayBuffer>;
} {
  const grey = new Float32Array(truncated.length * SMALL * SMALL);
  const appearances = truncated.map((isTruncated, i): Appearance => {
    const row = features.subarray(i * LENGTH, (i + 1) * LENGTH);
    grey.set(row.subarray(FIGURES), i * SMALL * SMALL);
    const at = (index: number) => row[index] ?? 0;
    return {
      width: at(0),
      height: at(1),
      orientation: at(2),
      format: FORMATS[at(3)] ?? "jpeg",
      colour: [at(4), at(5), at(6)],
      border: [at(7), at(8), at(9)],
      borderSpread: at(10),
      contrast: at(11),
      truncated: isTruncated,
    };
  });
  return { appearances, grey };
}

/** Small pictures to mean colour, mean colour of the edge, spread of the edge and contrast `[N, 8]`, and to brightness `[N, 32, 32]`, all from 0 to 1. */
function composeAppearance(): Graph {
  const b = new GraphBuilder("appearance");
  const photo = b.input("photo", "uint8", ["N", SMALL, SMALL, 3]);
  const colours = b.node("Div", [b.node("Cast", [photo], { to: 1 }), b.scalar(255)]);
  const weights = b.constant("luminance", {
    type: "float32",
    dims: [3, 1],
    data: new Uint8Array(Float32Array.from(LUMINANCE).buffer),
  });
  const grey = b.node("Squeeze", [b.node("MatMul", [colours, weights]), b.integers([3])]);
  const mean = (value: string, axes: number[]) =>
    b.node("ReduceMean", [value, b.integers(axes)], { keepdims: 0 });
  const spread = (value: string, axes: number[]) => {
    const centre = b.node("ReduceMean", [value, b.integers(axes)], { keepdims: 1 });
    const off = b.node("Sub", [value, centre]);
    const variance = b.node("ReduceMean", [b.node("Mul", [off, off]), b.integers(axes)], { keepdims: 0 });
    return b.node("Unsqueeze", [b.node("Sqrt", [variance]), b.integers([1])]);
  };
  const edge = edgePixels();
  const flat = (value: string, shape: number[]) =>
    b.node("Gather", [b.node("Reshape", [value, b.integers(shape)]), b.integers(edge)], { axis: 1 });
  const figures = b.node(
    "Concat",
    [
      mean(colours, [1, 2]),
      mean(flat(colours, [-1, SMALL * SMALL, 3]), [1]),
      spread(flat(grey, [-1, SMALL * SMALL]), [1]),
      spread(grey, [1, 2]),
    ],
    { axis: 1 },
  );
  b.output("figures", "float32", ["N", 8], figures);
  b.output("grey", "float32", ["N", SMALL, SMALL], grey);
  return b.build();
}

/** Pixels of the outermost rows and columns. */
function edgePixels(): number[] {
  const last = SMALL - 1;
  return Array.from({ length: SMALL * SMALL }, (_, i) => i).filter((i) => {
    const [y, x] = [Math.floor(i / SMALL), i % SMALL];
    return x === 0 || y === 0 || x === last || y === last;
  });
}
