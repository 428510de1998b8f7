import { float32, floats, int64, integers, type Tensor } from "../../onnx/index.js";
import type { Runtime, Session } from "../../runtime/index.js";
import { readAhead } from "../concurrent.js";
import { BOXES, type Box, composeCoarse, composeFine, WAYS, type Way } from "./align-graphs.js";
import { SMALL } from "./appearance.js";
import type { Rows } from "./rows.js";

/** Two photos, by their rows. */
export interface Pair {
  readonly a: number;
  readonly b: number;
}

/** How well one of two pictures, or a part of it, matches the other. */
export interface Match extends Pair {
  /** Correlation of the brightness of the two, from -1 to 1, where they match best. */
  readonly correlation: number;
  /** Whether one is mirrored. */
  readonly mirrored: boolean;
}

/** Pairs in one run: what lies between its nodes is about 30 MB. */
const PAIRS_AT_ONCE = 128;

/** Pairs that match worse than this at half the size, in coarse steps, are not looked at closely. */
const WORTH_A_LOOK = 0.6;

/**
 * Lays one picture of each pair over the other, as it is and mirrored, and looks for the part of one that matches the whole of the other
 * best: first in coarse steps down to four fifths of each side, then its four edges in ever finer steps. So a crop is found even though
 * nothing in it lies where it lay.
 *
 * @param grey - brightness of small pictures, `SMALL * SMALL` numbers each
 * @param pairs - which to compare
 * @param onProgress - called with the number of pairs that are done
 * @returns a match for each pair, in their order
 */
export async function align(
  runtime: Runtime,
  grey: Rows,
  pairs: readonly Pair[],
  onProgress?: (done: number, total: number) => void,
): Promise<Match[]> {
  if (pairs.length === 0) return [];
  const coarse = await runtime.load(composeCoarse());
  const fine = await runtime.load(composeFine());
  const matches: Match[] = [];
  try {
    const parts = Array.from({ length: Math.ceil(pairs.length / PAIRS_AT_ONCE) }, (_, i) =>
      pairs.slice(i * PAIRS_AT_ONCE, (i + 1) * PAIRS_AT_ONCE),
    );
    for await (const [part, pictures] of readAhead(parts, (each) => readPictures(grey, each))) {
      const first = await lookCoarsely(coarse, pictures, part);
      const worth = first.filter(({ correlation }) => correlation >= WORTH_A_LOOK);
      const better = await lookClosely(fine, pictures, worth);
      for (const [i, found] of worth.entries()) found.correlation = better[i] ?? found.correlation;
      for (const { a, b, correlation, way } of first)
        matches.push({ a, b, correlation, mirrored: way.mirrored });
      onProgress?.(matches.length, pairs.length);
    }
    return matches;
  } finally {
    await coarse.close();
    await fine.close();
  }
}

/** The pictures of some pairs. */
interface Pictures {
  /** `[M, SMALL, SMALL]`. */
  readonly tensor: Tensor;
  /** Where the pictures of some rows are. */
  readonly at: (rows: readonly number[]) => Tensor;
}

/** The pictures are of one number, whatever the pairs: the runtime uses the memory of tensors of one size again. */
async function readPictures(grey: Rows, pairs: readonly Pair[]): Promise<Pictures> {
  const rows = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))].sort((x, y) => x - y);
  const places = new Map(rows.map((row, place) => [row, place]));
  const pictures = new Float32Array(2 * PAIRS_AT_ONCE * SMALL ** 2);
  pictures.set(await grey.read(rows));
  return {
    tensor: float32([2 * PAIRS_AT_ONCE, SMALL, SMALL], pictures),
    at: (asked) =>
      int64(
        [asked.length],
        asked.map((row) => places.get(row) ?? 0),
      ),
  };
}

interface Coarse extends Pair {
  correlation: number;
  readonly box: Box;
  readonly way: Way;
}

async function lookCoarsely(session: Session, pictures: Pictures, pairs: readonly Pair[]): Promise<Coarse[]> {
  const { correlation, best } = await session.run<"correlation" | "best">({
    pictures: pictures.tensor,
    a: pictures.at(pairs.map(({ a }) => a)),
    b: pictures.at(pairs.map(({ b }) => b)),
  });
  const [values, places] = [floats(correlation), integers(best)];
  return pairs.map(({ a, b }, i) => {
    const place = places[i] ?? 0;
    return {
      a,
      b,
      correlation: values[i] ?? -1,
      box: BOXES[place % BOXES.length] ?? [0, 1, 0, 1],
      way: WAYS[Math.floor(place / BOXES.length)] ?? { turned: false, mirrored: false },
    };
  });
}

async function lookClosely(
  session: Session,
  pictures: Pictures,
  found: readonly Coarse[],
): Promise<Float32Array> {
  if (found.length === 0) return new Float32Array();
  const { correlation } = await session.run<"correlation">({
    pictures: pictures.tensor,
    a: pictures.at(found.map(({ a, b, way }) => (way.turned ? b : a))),
    b: pictures.at(found.map(({ a, b, way }) => (way.turned ? a : b))),
    mirrored: float32(
      [found.length, 1, 1],
      found.map(({ way }) => Number(way.mirrored)),
    ),
    box: float32(
      [found.length, 1, 4],
      found.flatMap(({ box }) => box),
    ),
  });
  return floats(correlation);
}
