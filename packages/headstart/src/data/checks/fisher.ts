/**
 * Fisher's exact test, one-sided: how probable it is that so many or more of those that were chosen are of the class, if chance chose.
 *
 * @param right - chosen and of the class
 * @param own - of the class
 * @param wrong - chosen, of the others
 * @param others - all others
 */
export function fisher(right: number, own: number, wrong: number, others: number): number {
  const logs = logFactorials(own + others);
  const log = (n: number) => logs[n] ?? 0;
  const choose = (n: number, k: number) => log(n) - log(k) - log(n - k);
  const chosen = right + wrong;
  let chance = 0;
  for (let k = right; k <= Math.min(own, chosen); k++)
    if (chosen - k <= others)
      chance += Math.exp(choose(own, k) + choose(others, chosen - k) - choose(own + others, chosen));
  return Math.min(1, chance);
}

function logFactorials(largest: number): Float64Array {
  const logs = new Float64Array(largest + 1);
  for (let n = 2; n <= largest; n++) logs[n] = (logs[n - 1] ?? 0) + Math.log(n);
  return logs;
}
