/**
 * Runs `task` for every item, at most `limit` at a time, and returns the results in the items' order. The first failure stops the rest
 * from being started and is thrown once what runs has ended.
 *
 * @param worker - also given to `task`: a number below `limit` that no other running task has, for buffers that are reused
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T, worker: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  let stopped = false;
  const work = async (worker: number) => {
    while (next < items.length && !stopped) {
      const index = next++;
      try {
        results[index] = await task(items[index] as T, worker);
      } catch (error) {
        stopped = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(
    Array.from({ length: Math.min(limit, items.length) }, (_, i) => work(i)),
  );
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return results;
}

/** What `read` gives for every item, in their order: the next is read while what came last is used. */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  read: (item: T) => Promise<R>,
): AsyncGenerator<readonly [item: T, read: R]> {
  let ahead: Promise<readonly [T, R]> | undefined;
  for (const item of items) {
    const now = ahead;
    const next = read(item).then((found) => [item, found] as const);
    // Thrown when it is its turn.
    next.catch(() => undefined);
    ahead = next;
    if (now) yield await now;
  }
  if (ahead) yield await ahead;
}
