import { float32, floats, int64, integers, type Tensor } from "../../onnx/index.js";
import type { Held, Runtime, Session } from "../../runtime/index.js";
import { BOXES, type Box, composeCoarse, composeFine, WAYS, type Way } from "./align-graphs.js";
import { SMALL } from "./appearance.js";

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
 * @param grey - brightness of small pictures, `[N, SMALL * SMALL]`
 * @param pairs - which to compare
 * @param onProgress - called with the number of pairs that are done
 * @returns a match for each pair, in their order
 */
export async function align(
  runtime: Runtime,
  grey: Float32Array<ArrayBuffer>,
  pairs: readonly Pair[],
  onProgress?: (done: number, total: number) => void,
): Promise<Match[]> {
  if (pairs.length === 0) return [];
  const pictures = await runtime.hold(float32([grey.length / SMALL ** 2, SMALL, SMALL], grey));
  const coarse = await runtime.load(composeCoarse());
  const fine = await runtime.load(composeFine());
  const matches: Match[] = [];
  try {
    for (let start = 0; start < pairs.length; start += PAIRS_AT_ONCE) {
      const part = pairs.slice(start, start + PAIRS_AT_ONCE);
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
    await runtime.drop(pictures);
    await coarse.close();
    await fine.close();
  }
}

interface Coarse extends Pair {
  correlation: number;
  readonly box: Box;
  readonly way: Way;
}

async function lookCoarsely(session: Session, pictures: Held, pairs: readonly Pair[]): Promise<Coarse[]> {
  const { correlation, best } = await session.run<"correlation" | "best">({
    pictures,
    a: rowsOf(pairs, ({ a }) => a),
    b: rowsOf(pairs, ({ b }) => b),
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
  pictures: Held,
  found: readonly Coarse[],
): Promise<Float32Array> {
  if (found.length === 0) return new Float32Array();
  const { correlation } = await session.run<"correlation">({
    pictures,
    a: rowsOf(found, ({ a, b, way }) => (way.turned ? b : a)),
    b: rowsOf(found, ({ a, b, way }) => (way.turned ? a : b)),
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

function rowsOf<T>(pairs: readonly T[], row: (pair: T) => number): Tensor {
  return int64([pairs.length], pairs.map(row));
}
