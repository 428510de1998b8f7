/**
 * The classes with the highest probabilities, best first. Of equal probabilities the class that comes first wins, as in NumPy's `argmax`.
 *
 * @param probabilities - one photo's probabilities, one for each class
 * @param k - how many classes to give; all of them when there are fewer
 * @returns the indices of the classes, best first
 *
 * @example
 * topClasses([0.1, 0.7, 0.2], 2); // [1, 2]
 */
export function topClasses(probabilities: ArrayLike<number>, k: number): number[] {
  const order = Array.from({ length: probabilities.length }, (_, index) => index);
  order.sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0) || a - b);
  return order.slice(0, Math.max(0, k));
}
