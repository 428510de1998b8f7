/**
 * Calls `work` for every item, at most `limit` at a time, and gives the results in the items' order. The first failure is thrown.
 *
 * @param items - what to work on
 * @param limit - how many at a time, at least 1
 * @param work - what to do with each
 */
export async function mapLimited<In, Out>(
  items: readonly In[],
  limit: number,
  work: (item: In, index: number) => Promise<Out>,
): Promise<Out[]> {
  const results = new Array<Out>(items.length);
  const waiting = items.entries();
  const worker = async () => {
    for (const [index, item] of waiting) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
