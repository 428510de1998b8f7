/** Groups of neighbouring layers that are tried in float. */
const GROUPS = 24;

/** What {@link keepSensitive} found. */
export interface Kept {
  /** Layers to leave in float. */
  readonly float: ReadonlySet<string>;
  /** How well features agree then: the mean cosine. */
  readonly agreement: number;
}

/**
 * Finds layers to leave in float. Neighbouring layers go together where there are more than 24. Each group is tried alone; then groups are
 * added from the one that helped most, as long as each helps, until the features agree well enough. At most 48 trials, whatever the time,
 * so that the same photos give the same network.
 *
 * @param layers - the layers in their order
 * @param enough - how well features have to agree
 * @param agreement - of the network with nothing in float
 * @param trial - how well the features of a network with these layers in float agree with those of the float network
 */
export async function keepSensitive(
  layers: readonly string[],
  enough: number,
  agreement: number,
  trial: (float: ReadonlySet<string>) => Promise<number>,
): Promise<Kept> {
  const each = Math.max(1, Math.ceil(layers.length / GROUPS));
  const tried: { group: readonly string[]; alone: number }[] = [];
  for (let start = 0; start < layers.length; start += each) {
    const group = layers.slice(start, start + each);
    tried.push({ group, alone: await trial(new Set(group)) });
  }
  tried.sort((a, b) => b.alone - a.alone);
  let best: Kept = { float: new Set(), agreement };
  for (const { group, alone } of tried) {
    if (best.agreement >= enough) break;
    const float = new Set([...best.float, ...group]);
    const found = best.float.size === 0 ? alone : await trial(float);
    if (found > best.agreement) best = { float, agreement: found };
  }
  return best;
}
