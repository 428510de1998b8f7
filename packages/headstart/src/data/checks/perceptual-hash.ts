import { float32, floats, type Graph, GraphBuilder } from "../../onnx/index.js";
import type { Runtime } from "../../runtime/index.js";
import { SMALL } from "./appearance.js";
import { type Rows, rowNumbers } from "./rows.js";

/** Frequencies along each side that are kept. */
const KEPT = 8;

/** Bits of a hash: all kept frequencies but the mean. */
export const HASH_BITS = KEPT * KEPT - 1;

/** Photos hashed at once. */
const AT_ONCE = 1024;

/** Hashes of photos, and of the photos mirrored left to right; each bit is 1 or -1. */
export interface Hashes {
  /** `[N, HASH_BITS]`. */
  readonly upright: Float32Array<ArrayBuffer>;
  /** `[N, HASH_BITS]`. */
  readonly mirrored: Float32Array<ArrayBuffer>;
}

/**
 * Perceptual hashes: the signs of a small picture's lowest frequencies (DCT-II). Pictures that look alike differ in few bits. Mirrored left to
 * right, a picture has the same frequencies, and the odd ones along x change their sign.
 *
 * The cosine of two hashes is `1 - 2 d / HASH_BITS`, with d the number of bits that differ.
 *
 * Source: C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section 3.2.1; here signs stand for
 * comparisons with the median, so that a mirrored picture need not be computed.
 *
 * @param grey - brightness of small pictures, `[N, SMALL * SMALL]`
 */
export async function perceptualHashes(runtime: Runtime, grey: Rows): Promise<Hashes> {
  const { count: photos } = grey;
  const hashes: Hashes = {
    upright: new Float32Array(photos * HASH_BITS),
    mirrored: new Float32Array(photos * HASH_BITS),
  };
  const session = await runtime.load(composeHash());
  try {
    for (let start = 0; start < photos; start += AT_ONCE) {
      const end = Math.min(photos, start + AT_ONCE);
      const part = float32([end - start, SMALL, SMALL], await grey.read(rowNumbers(start, end)));
      const found = await session.run<keyof Hashes>({ grey: part });
      for (const name of ["upright", "mirrored"] as const)
        hashes[name].set(floats(found[name]), start * HASH_BITS);
    }
  } finally {
    await session.close();
  }
  return hashes;
}

function composeHash(): Graph {
  const b = new GraphBuilder("perceptual hash");
  const grey = b.input("grey", "float32", ["N", SMALL, SMALL]);
  const waves = Array.from({ length: KEPT * SMALL }, (_, i) =>
    Math.cos((Math.PI * Math.floor(i / SMALL) * (2 * (i % SMALL) + 1)) / (2 * SMALL)),
  );
  const rows = b.constant("rows", float32([KEPT, SMALL], waves));
  const columns = b.node("Transpose", [rows], { perm: [1, 0] });
  const frequencies = b.node("MatMul", [rows, b.node("MatMul", [grey, columns])]);
  const flat = b.node("Reshape", [frequencies, b.integers([-1, KEPT * KEPT])]);
  const lowest = b.node("Slice", [flat, b.integers([1]), b.integers([KEPT * KEPT]), b.integers([1])]);
  // Exactly 0 is as good as above it.
  const above = b.node("GreaterOrEqual", [lowest, b.scalar(0)]);
  const bits = b.node("Where", [above, b.scalar(1), b.scalar(-1)]);
  const odd = Array.from({ length: HASH_BITS }, (_, i) => ((i + 1) % KEPT) % 2 === 1);
  const turn = b.constant(
    "mirror",
    float32(
      [1, HASH_BITS],
      odd.map((isOdd) => (isOdd ? -1 : 1)),
    ),
  );
  b.output("upright", "float32", ["N", HASH_BITS], bits);
  b.output("mirrored", "float32", ["N", HASH_BITS], b.node("Mul", [bits, turn]));
  return b.build();
}
