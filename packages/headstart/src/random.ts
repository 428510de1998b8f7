import { createHash } from "node:crypto";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";

/** A seeded source of random numbers: the same seeds give the same numbers on every machine. */
export interface Random {
  /** A number in [0, 1), a multiple of 2^-53. */
  uniform(): number;
  /** A number in [low, high). */
  between(low: number, high: number): number;
  /** A whole number from 0 to `count` - 1. */
  integer(count: number): number;
  /** Puts an array into random order, in place, and returns it. Every order is equally likely. */
  shuffle<T>(array: T[]): T[];
  /** Fills an array with what `draw` returns, one call an element in order, and returns it. */
  fill<A extends Float32Array>(array: A, draw: (random: Random) => number): A;
}

/**
 * A stream of random numbers of its own for the given seeds. Streams of different seeds are independent of one another, so a stream
 * named by (seed, purpose, epoch) can be drawn again without drawing what came before it; a run that resumes does so.
 *
 * The generator is xoroshiro128+, its state taken from SHA-256 of the seeds.
 *
 * @param seeds - what names the stream, in order; `1` and `"1"` are different seeds
 * @example
 * const order = createRandom(7, "order", 3).shuffle([0, 1, 2, 3]);
 */
export function createRandom(...seeds: readonly (number | string)[]): Random {
  const digest = createHash("sha256").update(JSON.stringify(seeds)).digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
  const random: Random = {
    uniform: () => uniformFloat64(generator),
    between: (low, high) => low + (high - low) * uniformFloat64(generator),
    integer: (count) => uniformInt(generator, 0, count - 1),
    shuffle<T>(array: T[]): T[] {
      for (let last = array.length - 1; last > 0; last--) {
        const other = uniformInt(generator, 0, last);
        const moved = array[last] as T;
        array[last] = array[other] as T;
        array[other] = moved;
      }
      return array;
    },
    fill(array, draw) {
      for (let i = 0; i < array.length; i++) array[i] = draw(random);
      return array;
    },
  };
  return random;
}
