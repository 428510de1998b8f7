/** A value where a graph may be cut for recomputation, and what stands between it and the next one. */
export interface Candidate {
  /** Bytes of the value itself. */
  readonly size: number;
  /** Bytes that it takes if it is not kept but computed again with its segment: those of the value, or 0 if the backward pass does not read it. */
  readonly again: number;
  /** Bytes of the values behind it, up to the next candidate or the loss, that the backward pass reads. */
  readonly kept: number;
}

/**
 * Chooses the values to keep so that the largest amount of memory held at one time is least. While the segment behind the i-th kept
 * value is gone through backwards, all kept values up to it and all of that segment are held. A candidate that is not chosen is one more
 * value of its segment. Gradients and other passing values come on top, whatever is chosen. This is the planning of Chen et al., Training deep nets with sublinear memory cost, 2016, section 4.3, but solved
 * exactly: for a limit, the least that can be kept on the way to each candidate is found from left to right, and the limit is halved in on.
 *
 * @param candidates - in the order of the graph; the first is always kept
 * @returns the places of those to keep, in order
 */
export function cheapestCuts(candidates: readonly Candidate[]): number[] {
  if (candidates.length === 0) return [];
  const all = candidates.reduce((sum, { size, again, kept }) => sum + Math.max(size, again) + kept, 0);
  let best = [0];
  let [low, high] = [0, all];
  // A thousandth of the whole is finer than anything that counts.
  while (high - low > all / 1000) {
    const limit = (low + high) / 2;
    const found = within(candidates, limit);
    if (found === undefined) low = limit;
    else [best, high] = [found, limit];
  }
  return best;
}

/** A choice that never holds more than the limit, if there is one. */
function within(candidates: readonly Candidate[], limit: number): number[] | undefined {
  /** For each candidate, if it is kept: the least that is kept with it and before it, and the one kept before. */
  const ways: ({ readonly held: number; readonly before: number } | undefined)[] = [
    { held: candidates[0]?.size ?? 0, before: -1 },
  ];
  for (let to = 1; to <= candidates.length; to++) {
    // The loss, behind the last candidate, takes no memory.
    const size = candidates[to]?.size ?? 0;
    let best: { readonly held: number; readonly before: number } | undefined;
    let segment = 0;
    for (let from = to - 1; from >= 0; from--) {
      segment += candidates[from]?.kept ?? 0;
      const way = ways[from];
      // Of equal ways the one with the shorter segment is taken first.
      if (
        way !== undefined &&
        way.held + segment <= limit &&
        (best === undefined || way.held + size < best.held)
      )
        best = { held: way.held + size, before: from };
      segment += candidates[from]?.again ?? 0;
    }
    ways[to] = best;
  }
  const chosen: number[] = [];
  for (let at = ways[candidates.length]?.before ?? -1; at >= 0; at = ways[at]?.before ?? -1)
    chosen.unshift(at);
  return chosen.length === 0 ? undefined : chosen;
}
