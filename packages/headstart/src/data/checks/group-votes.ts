/** Parts that are left out in turn. */
const PARTS = 5;

/**
 * Whether a photo is of a class, by nothing but the group that it is in: a group stands for the class if it has a larger share of the class's
 * photos than of the others, among photos of the other parts. Each class's photos are dealt to the parts in turn.
 */
export class GroupVotes {
  readonly #classes: number;
  readonly #parts: readonly Counts[];
  /** All parts together. */
  readonly #all: Counts;

  /**
   * @param groups - for each photo the number of its group
   * @param labels - for each photo its class, a number below `classes`
   */
  constructor(groups: readonly number[], labels: readonly number[], classes: number) {
    const size = 1 + groups.reduce((most, group) => Math.max(most, group), 0);
    const none = (): Counts => ({
      ofClass: new Uint32Array(classes),
      ofGroup: new Uint32Array(size),
      ofBoth: new Uint32Array(size * classes),
      photos: 0,
    });
    const parts = Array.from({ length: PARTS }, none);
    const all = none();
    for (const [photo, group] of groups.entries()) {
      const label = labels[photo] ?? 0;
      const part = parts[(all.ofClass[label] ?? 0) % PARTS] ?? all;
      for (const counts of [part, all]) {
        add(counts.ofClass, label);
        add(counts.ofGroup, group);
        add(counts.ofBoth, group * classes + label);
        counts.photos++;
      }
    }
    this.#classes = classes;
    this.#parts = parts;
    this.#all = all;
  }

  /** How many of a class and how many of the others are taken for the class. */
  of(label: number): { readonly right: number; readonly wrong: number } {
    let [right, wrong] = [0, 0];
    for (const part of this.#parts) {
      const own = at(this.#all.ofClass, label) - at(part.ofClass, label);
      const others = this.#all.photos - part.photos - own;
      for (const [group, whole] of this.#all.ofGroup.entries()) {
        const both = group * this.#classes + label;
        const ownLeft = at(part.ofBoth, both);
        const othersLeft = at(part.ofGroup, group) - ownLeft;
        const ownHere = at(this.#all.ofBoth, both) - ownLeft;
        const othersHere = whole - at(this.#all.ofBoth, both) - othersLeft;
        if (ownHere * others <= othersHere * own) continue;
        right += ownLeft;
        wrong += othersLeft;
      }
    }
    return { right, wrong };
  }
}

/** Numbers of photos: of each class, of each group, of each group and class (`[groups, classes]`), and all. */
interface Counts {
  readonly ofClass: Uint32Array;
  readonly ofGroup: Uint32Array;
  readonly ofBoth: Uint32Array;
  photos: number;
}

function at(counts: Uint32Array, index: number): number {
  return counts[index] ?? 0;
}

function add(counts: Uint32Array, index: number): void {
  counts[index] = at(counts, index) + 1;
}
