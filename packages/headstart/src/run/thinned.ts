/** Points that a curve keeps at most. */
const MOST = 60;

/** How far a curve may be from what is drawn of it, in its own units: less than a pixel in a chart of 300 for shares. */
const TOLERANCE = 0.002;

type Point = readonly [x: number, y: number];

/** A piece of a curve that is drawn as one straight line. */
interface Piece {
  readonly first: number;
  readonly last: number;
  /** The point between that is farthest from the line. */
  readonly farthest: number;
  readonly distance: number;
}

/**
 * Leaves out the points of a curve that nobody would see: beginning with a straight line from its first point to its last, the point that is
 * farthest from what is drawn is added, again and again, until the curve is nowhere farther from it than a five-hundredth or it has 60 points.
 * Source: U. Ramer, "An iterative procedure for the polygonal approximation of plane curves", Computer Graphics and Image Processing 1 (1972), 244-256.
 *
 * @param points - the curve, in order
 * @returns some of the points, in order; the first and the last are among them
 */
export function thinned(points: readonly Point[]): Point[] {
  if (points.length < 3) return [...points];
  const xs = Float64Array.from(points, ([x]) => x);
  const ys = Float64Array.from(points, ([, y]) => y);
  const pieces = [pieceOf(xs, ys, 0, points.length - 1)];
  while (pieces.length < MOST - 1) {
    const worst = pieces.reduce((best, piece, index) => {
      return piece.distance > (pieces[best]?.distance ?? 0) ? index : best;
    }, 0);
    const piece = pieces[worst];
    if (piece === undefined || piece.distance <= TOLERANCE) break;
    const { first, farthest, last } = piece;
    pieces.splice(worst, 1, pieceOf(xs, ys, first, farthest), pieceOf(xs, ys, farthest, last));
  }
  const kept = [0, ...pieces.map(({ last }) => last)];
  return kept.flatMap((index) => points.slice(index, index + 1));
}

function pieceOf(xs: Float64Array, ys: Float64Array, first: number, last: number): Piece {
  const at = (values: Float64Array, index: number) => values[index] ?? 0;
  const [x, y] = [at(xs, first), at(ys, first)];
  const [dx, dy] = [at(xs, last) - x, at(ys, last) - y];
  const length = dx * dx + dy * dy;
  let [farthest, square] = [first, 0];
  for (let index = first + 1; index < last; index++) {
    const [px, py] = [at(xs, index) - x, at(ys, index) - y];
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length));
    const own = (px - along * dx) ** 2 + (py - along * dy) ** 2;
    if (own > square) [farthest, square] = [index, own];
  }
  return { first, last, farthest, distance: Math.sqrt(square) };
}
