import sharp, { type OverlayOptions } from "sharp";
import { registerFonts } from "./fonts.js";
import { svgDocument } from "./svg.js";
import type { Tile } from "./tile.js";

/** A tile and where its upper left corner stands. */
export interface PlacedTile {
  /** The picture. */
  tile: Tile;
  /** Pixels from the left. */
  left: number;
  /** Pixels from the top. */
  top: number;
}

/**
 * Draws SVG parts on a white ground, puts tiles on top and gives the whole as an RGB PNG. The same input gives the same bytes.
 *
 * @param width - in pixels
 * @param height - in pixels
 * @param parts - SVG elements, painted in their order
 * @param tiles - pictures, none when not given
 */
export async function renderPng(
  width: number,
  height: number,
  parts: readonly string[],
  tiles: readonly PlacedTile[] = [],
): Promise<Buffer> {
  await registerFonts();
  const overlays: OverlayOptions[] = tiles.map(({ tile, left, top }) => ({
    input: Buffer.from(tile.pixels.buffer, tile.pixels.byteOffset, tile.pixels.byteLength),
    raw: { width: tile.width, height: tile.height, channels: 3 },
    left,
    top,
  }));
  return sharp(Buffer.from(svgDocument(width, height, parts)), { unlimited: true })
    .composite(overlays)
    .removeAlpha()
    .png()
    .toBuffer();
}
