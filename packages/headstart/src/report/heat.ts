import sharp from "sharp";
import { mapBounded } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import type { HeatMap } from "../explain/index.js";
import { float32, type Graph, GraphBuilder, uint8 } from "../onnx/index.js";
import type { Runtime, Session } from "../runtime/index.js";
import { COLOURS } from "./colours.js";
import { HEAT_COLOURS, heatColours } from "./heat-colours.js";
import { type PlacedTile, renderPng } from "./render.js";
import { border, rect, text } from "./svg.js";
import { shorten, textWidth } from "./text-width.js";
import { pixelTile, type Tile } from "./tile.js";

/** How much of the photo the strongest colour covers. */
const OPACITY = 0.7;

/** How much red, green and blue there is in a grey (ITU-R BT.601). */
const LUMA = [0.299, 0.587, 0.114];

/**
 * Lays a map over a photo in grey, where the colours are the map's alone: the map in the photo's size by bilinear interpolation, its values above 0 as a part of the largest, coloured by
 * `heatColours`; the stronger the more opaque, so that the photo is seen where nothing speaks for the class. Inputs: `image` uint8
 * [1, H, W, 3], `map` float [1, h, w]. Output: `overlay` uint8 [1, H, W, 3].
 */
export function composeHeat(): Graph {
  const b = new GraphBuilder("a map over a photo");
  const image = b.input("image", "uint8", [1, "H", "W", 3]);
  const map = b.input("map", "float32", [1, "h", "w"]);
  const speaking = b.node("Relu", [map]);
  const largest = b.node("Max", [b.node("ReduceMax", [speaking], { keepdims: 0 }), b.scalar(1e-30)]);
  const planes = b.node("Unsqueeze", [b.node("Div", [speaking, largest]), b.integers([1])]);
  const sizes = b.node("Concat", [b.integers([1, 1]), b.node("Shape", [image], { start: 1, end: 3 })], {
    axis: 0,
  });
  const resized = b.node("Resize", [planes, "", "", sizes], {
    mode: "linear",
    coordinate_transformation_mode: "half_pixel",
  });
  const strength = b.node("Squeeze", [resized, b.integers([1])]);
  const colours = b.constant("colours", float32([HEAT_COLOURS, 3], Float32Array.from(heatColours())));
  const index = b.node("Round", [b.node("Mul", [strength, b.scalar(HEAT_COLOURS - 1)])]);
  const colour = b.node("Gather", [colours, b.node("Cast", [index], { to: 7 })], { axis: 0 });
  const opacity = b.node("Unsqueeze", [b.node("Mul", [strength, b.scalar(OPACITY)]), b.integers([3])]);
  const luma = b.constant("luma", float32([3], LUMA));
  const shares = b.node("Mul", [b.node("Cast", [image], { to: 1 }), luma]);
  const photo = b.node("ReduceSum", [shares, b.integers([3])], { keepdims: 1 });
  const mixed = b.node("Add", [photo, b.node("Mul", [opacity, b.node("Sub", [colour, photo])])]);
  const rounded = b.node("Clip", [b.node("Round", [mixed]), b.scalar(0), b.scalar(255)]);
  b.output("overlay", "uint8", [1, "H", "W", 3], b.node("Cast", [rounded], { to: 2 }));
  return b.build();
}

/** Lays maps over photos. */
export class HeatPainter {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Makes ready the graph that does it. */
  static async load(runtime: Runtime): Promise<HeatPainter> {
    return new HeatPainter(await runtime.load(composeHeat()));
  }

  /** The photo under a map, as {@link composeHeat} says. */
  async paint(
    { pixels, width, height }: Tile,
    { values, height: rows, width: columns }: HeatMap,
  ): Promise<Tile> {
    const { overlay } = await this.#session.run<"overlay">({
      image: uint8([1, height, width, 3], Uint8Array.from(pixels)),
      map: float32([1, rows, columns], values),
    });
    return { pixels: overlay.data, width, height };
  }

  /** Frees the graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

/**
 * Decodes a photo in its own shape, upright, no larger than a square.
 *
 * @param photo - a path, or a file's bytes
 * @param size - side of the square in pixels
 * @throws whatever sharp throws for what it cannot decode
 */
export async function shownPhoto(photo: string | Uint8Array, size: number): Promise<Tile> {
  const { data, info } = await sharp(photo, { failOn: "none" })
    .autoOrient()
    .flatten({ background: "#ffffff" })
    .resize(size, size, { fit: "inside", withoutEnlargement: true })
    .toColourspace("srgb")
    .removeAlpha()
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return { pixels: data, width: info.width, height: info.height };
}

/** A picture as a PNG. */
export async function tilePng({ pixels, width, height }: Tile): Promise<Buffer> {
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** A photo, the same under a map, and what is written above them. */
export interface HeatCell {
  /** The photo as it is. */
  photo: Tile;
  /** The photo under the map. */
  overlay: Tile;
  /** Name of the class that is explained. */
  className: string;
  /** Its probability, from 0 to 1. */
  probability: number;
  /** The second line, such as the file's name. */
  detail: string;
}

/** How a sheet of maps is drawn. */
export interface HeatSheetOptions {
  /** Side of a picture's square in pixels; 224 when not given. */
  cellSize?: number;
  /** A line above the sheet; none when not given. */
  title?: string;
}

const MARGIN = 24;
const GAP = 8;
const BETWEEN = 28;
const TITLE_HEIGHT = 40;
const CAPTION_HEIGHT = 44;
const LEGEND_HEIGHT = 34;
const LEGEND_BAR = 128;
const NAME_SIZE = 15;
const DETAIL_SIZE = 13;
/** Photos in a row, where there are several. */
const COLUMNS = 2;
/** The longest side that the drawing library can make. */
const LONGEST = 32_000;

/**
 * Draws photos beside themselves under their maps, two photos a row, each with the class, its probability (`bees 97 %`) and a second line above
 * it, and what the colours mean at the end.
 *
 * @param cells - at least one
 * @returns a PNG
 * @throws HeadstartError `INVALID_OPTION` for no cells, squares below 64 pixels, or a sheet that would be more than 32,000 pixels long
 */
export async function drawHeatSheet(
  cells: readonly HeatCell[],
  { cellSize = 224, title }: HeatSheetOptions = {},
): Promise<Buffer> {
  const across = Math.min(COLUMNS, cells.length);
  const pair = 2 * cellSize + GAP;
  const top = MARGIN + (title === undefined ? 0 : TITLE_HEIGHT);
  const pitch = CAPTION_HEIGHT + cellSize + BETWEEN;
  const width = 2 * MARGIN + across * pair + (across - 1) * BETWEEN;
  const height =
    top + Math.ceil(cells.length / Math.max(1, across)) * pitch - BETWEEN + LEGEND_HEIGHT + MARGIN;
  if (
    cells.length === 0 ||
    !Number.isInteger(cellSize) ||
    cellSize < 64 ||
    width > LONGEST ||
    height > LONGEST
  )
    throw new HeadstartError(
      "INVALID_OPTION",
      `There is no sheet of ${cells.length} maps of ${cellSize} pixels.`,
      "Give at least one photo, and fewer or smaller ones if there are many.",
    );
  const parts: string[] = [];
  if (title !== undefined)
    parts.push(
      text(MARGIN, MARGIN + 18, shorten(title, width - 2 * MARGIN, 20, true), { size: 20, bold: true }),
    );
  const wanted: { picture: Tile; x: number; y: number }[] = [];
  for (const [index, cell] of cells.entries()) {
    const x = MARGIN + (index % across) * (pair + BETWEEN);
    const y = top + Math.floor(index / across) * pitch;
    parts.push(caption(x, y, pair, cell));
    for (const [side, picture] of [cell.photo, cell.overlay].entries()) {
      const left = x + side * (cellSize + GAP);
      wanted.push({ picture, x: left, y: y + CAPTION_HEIGHT });
      parts.push(border(left - 1, y + CAPTION_HEIGHT - 1, cellSize + 2, cellSize + 2, 1, COLOURS.rule));
    }
  }
  parts.push(legend(MARGIN, height - MARGIN - 12));
  const tiles = await mapBounded(wanted, 4, async ({ picture, x, y }): Promise<PlacedTile> => {
    return { tile: await pixelTile(picture, cellSize), left: x, top: y };
  });
  return await renderPng(width, height, parts, tiles);
}

function caption(x: number, y: number, room: number, { className, probability, detail }: HeatCell): string {
  // The left-to-right mark keeps the number on the right of a name written from right to left.
  const share = `\u200e ${Math.round(probability * 100)}\u00a0%`;
  const name = shorten(className, room - textWidth(share, NAME_SIZE, true), NAME_SIZE, true);
  return [
    text(x, y + 15, name + share, { size: NAME_SIZE, bold: true }),
    text(x, y + 34, shorten(detail, room, DETAIL_SIZE), { size: DETAIL_SIZE, fill: COLOURS.faint }),
  ].join("");
}

/** The colours, from little to most, as they lie over white. */
function legend(x: number, y: number): string {
  const colours = heatColours();
  const style = { size: DETAIL_SIZE, fill: COLOURS.faint };
  const start = x + textWidth("nothing", DETAIL_SIZE) + 8;
  const steps = Array.from({ length: LEGEND_BAR }, (_, i) => {
    const share = i / (LEGEND_BAR - 1);
    const at = 3 * Math.round(share * (HEAT_COLOURS - 1));
    const colour = `#${Buffer.from(colours.subarray(at, at + 3)).toString("hex")}`;
    return rect(start + i, y, 1, 12, colour, OPACITY * share);
  });
  return [
    text(x, y + 11, "nothing", style),
    ...steps,
    text(start + LEGEND_BAR + 8, y + 11, "most of this photo", style),
  ].join("");
}
