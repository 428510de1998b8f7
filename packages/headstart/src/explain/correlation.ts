/**
 * Spearman's rank correlation of two lists of numbers: 1 where both put their elements into the same order, -1 for the reverse order, about
 * 0 for unrelated ones. Equal numbers share the average of their ranks. Not a number where all numbers of a list are equal.
 *
 * @param a - numbers
 * @param b - as many
 *
 * @example
 * rankCorrelation([1, 2, 3, 4], [10, 20, 40, 30]) // => 0.8
 */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [ranks(a), ranks(b)];
  // The average of ranks from 0 to n - 1.
  const middle = (a.length - 1) / 2;
  let [product, xx, yy] = [0, 0, 0];
  for (const [i, rank] of x.entries()) {
    const [dx, dy] = [rank - middle, (y[i] ?? 0) - middle];
    product += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return product / Math.sqrt(xx * yy);
}

/** The rank of each number from 0; equal ones share the average of theirs. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (value, index) => ({ value, index })).sort((p, q) => p.value - q.value);
  const ranked = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && order[end]?.value === order[start]?.value) end++;
    for (const { index } of order.slice(start, end)) ranked[index] = (start + end - 1) / 2;
    start = end;
  }
  return ranked;
}
