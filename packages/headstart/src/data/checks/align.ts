import { float32, floats, int64, integers, type Tensor } from "../../onnx/index.js";
import type { Held, Runtime, Session } from "../../runtime/index.js";
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

/** Pairs in one run: what lies between its nodes is about 60 MB. */
const PAIRS_AT_ONCE = 256;

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
    for (let start = 0; start < pairs.length; start += PAIRS_AT_ONCE) {
      const part = pairs.slice(start, start + PAIRS_AT_ONCE);
      const pictures = await Pictures.hold(runtime, grey, part);
      try {
        const first = await lookCoarsely(coarse, pictures, part);
        const worth = first.filter(({ correlation }) => correlation >= WORTH_A_LOOK);
        const better = await lookClosely(fine, pictures, worth);
        for (const [i, found] of worth.entries()) found.correlation = better[i] ?? found.correlation;
        for (const { a, b, correlation, way } of first)
          matches.push({ a, b, correlation, mirrored: way.mirrored });
      } finally {
        await runtime.drop(pictures.held);
      }
      onProgress?.(matches.length, pairs.length);
    }
    return matches;
  } finally {
    await coarse.close();
    await fine.close();
  }
}

/** The pictures of some pairs, held by the runtime. */
class Pictures {
  readonly held: Held;
  readonly #places: ReadonlyMap<number, number>;

  private constructor(held: Held, places: ReadonlyMap<number, number>) {
    this.held = held;
    this.#places = places;
  }

  static async hold(runtime: Runtime, grey: Rows, pairs: readonly Pair[]): Promise<Pictures> {
    const rows = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))].sort((x, y) => x - y);
    const held = await runtime.hold(float32([rows.length, SMALL, SMALL], await grey.read(rows)));
    return new Pictures(held, new Map(rows.map((row, place) => [row, place])));
  }

  /** Where the pictures of some rows are among those that are held. */
  at(rows: readonly number[]): Tensor {
    return int64(
      [rows.length],
      rows.map((row) => this.#places.get(row) ?? 0),
    );
  }
}

interface Coarse extends Pair {
  correlation: number;
  readonly box: Box;
  readonly way: Way;
}

async function lookCoarsely(session: Session, pictures: Pictures, pairs: readonly Pair[]): Promise<Coarse[]> {
  const { correlation, best } = await session.run<"correlation" | "best">({
    pictures: pictures.held,
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
    pictures: pictures.held,
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
