/** Hands out names that are not taken yet. */
export class Names {
  readonly #taken: Set<string>;
  readonly #counts = new Map<string, number>();

  /** @param taken - the names that exist */
  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** The wanted name itself, or with a number behind it; it is taken from then on. */
  unique(wanted: string): string {
    let name = wanted;
    let count = this.#counts.get(wanted) ?? 0;
    while (this.#taken.has(name)) name = `${wanted}_${++count}`;
    this.#counts.set(wanted, count);
    this.#taken.add(name);
    return name;
  }
}
