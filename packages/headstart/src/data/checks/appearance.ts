import type { FeatureBlock, FeatureSpace } from "../features.js";
import { PHOTO_FORMATS, type PhotoHeader } from "./header.js";

/** Side of the small picture that photos are compared by, in pixels. */
export const SMALL = 32;

/** What a photo looks like, without what is on it. */
export interface Appearance extends PhotoHeader {
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

/** Numbers that a photo's header gives: width, height, orientation, format. */
const OF_HEADER = 4;

/** Numbers before those of the small picture: those of the header; colour, colour of the border, spread of the border, contrast. */
const FIGURES = OF_HEADER + 8;

/** Numbers that an appearance is kept as. */
const LENGTH = FIGURES + SMALL * SMALL;

/** Those of them that come from the pixels. */
export const OF_PIXELS = LENGTH - OF_HEADER;

/** The space of the feature store that appearances are kept in. */
export const APPEARANCE_SPACE: FeatureSpace = {
  backbone: "appearance-1",
  size: SMALL,
  precision: "float32",
  preprocessing: "squashed",
};

/** An appearance as the feature store keeps it: what the header gives, then what the pixels give. */
export function appearanceRow(
  { width, height, orientation, format }: PhotoHeader,
  ofPixels: Float32Array,
): Float32Array<ArrayBuffer> {
  const row = new Float32Array(LENGTH);
  row.set([width, height, orientation, PHOTO_FORMATS.indexOf(format)]);
  row.set(ofPixels, OF_HEADER);
  return row;
}

/** The appearances of photos as the feature store gives them. */
export function readAppearances({ features, truncated }: FeatureBlock): Appearance[] {
  return truncated.map((isTruncated, i): Appearance => {
    const row = features.subarray(i * LENGTH, (i + 1) * LENGTH);
    const at = (index: number) => row[index] ?? 0;
    return {
      width: at(0),
      height: at(1),
      orientation: at(2),
      format: PHOTO_FORMATS[at(3)] ?? "jpeg",
      colour: [at(4), at(5), at(6)],
      border: [at(7), at(8), at(9)],
      borderSpread: at(10),
      contrast: at(11),
      truncated: isTruncated,
    };
  });
}

/** The brightness of the small pictures of photos as the feature store gives their appearances, `[N, SMALL * SMALL]`. */
export function readGrey({ features, truncated }: FeatureBlock): Float32Array<ArrayBuffer> {
  const grey = new Float32Array(truncated.length * SMALL * SMALL);
  for (const i of truncated.keys())
    grey.set(features.subarray(i * LENGTH + FIGURES, (i + 1) * LENGTH), i * SMALL * SMALL);
  return grey;
}
