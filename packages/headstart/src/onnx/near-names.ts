/** Names are compared up to this length, and so many of them. */
const LONGEST = 200;
const MOST = 20_000;

/**
 * The names that are most like a given one: equal but for upper and lower case, one contained in the other, or few letters apart.
 *
 * @param wanted - the name that does not exist
 * @param names - those that do
 * @param count - how many to return at most
 */
export function nearNames(wanted: string, names: Iterable<string>, count = 3): string[] {
  const given = wanted.toLowerCase();
  const near: { name: string; distance: number }[] = [];
  let looked = 0;
  for (const name of names) {
    if (++looked > MOST) break;
    if (name === "" || name.length > LONGEST || given.length > LONGEST) continue;
    const other = name.toLowerCase();
    const contained = given !== "" && (other.includes(given) || given.includes(other));
    const distance = contained ? Math.abs(other.length - given.length) / 4 : letters(given, other);
    if (contained || distance <= Math.max(2, given.length / 3)) near.push({ name, distance });
  }
  return near
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}

/** Letters to add, remove or replace to get from one word to another. */
function letters(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j < row.length; j++)
      next.push(
        Math.min(
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1),
        ),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
