/** What a benchmark found: a ratio, and the medians that it is made of. */
export interface Result {
  readonly name: string;
  /** What was measured over what it is measured against. */
  readonly ratio: number;
  /** The largest ratio that is good enough. */
  readonly bar?: number;
  /** Medians by what they are medians of; the unit stands in the name, as in "epoch (ms)". */
  readonly parts: Readonly<Record<string, number>>;
}

/** Times of two things that were measured in turns, in milliseconds. */
export interface Times {
  readonly measured: readonly number[];
  readonly reference: readonly number[];
}

/** Middle of some numbers; the mean of the two in the middle where their count is even. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new Error("There is no median of nothing.");
  return (low + high) / 2;
}

/** Median of what was measured over median of what it is measured against. */
export function ratio({ measured, reference }: Times): number {
  return median(measured) / median(reference);
}

/**
 * Times two things in turns, so that a machine that slows down or speeds up meets both alike. Each round runs both; the order
 * alternates. Warm-up rounds are not counted.
 */
export async function runs(
  measured: () => Promise<unknown>,
  reference: () => Promise<unknown>,
  { rounds, warmup = 1 }: { readonly rounds: number; readonly warmup?: number },
): Promise<Times> {
  const times = { measured: [] as number[], reference: [] as number[] };
  for (let round = -warmup; round < rounds; round++) {
    const order =
      round % 2 === 0 ? (["measured", "reference"] as const) : (["reference", "measured"] as const);
    for (const which of order) {
      const start = performance.now();
      await (which === "measured" ? measured() : reference());
      if (round >= 0) times[which].push(performance.now() - start);
    }
  }
  return times;
}

/** Prints a result on standard output: one JSON document, or a line for the ratio and one for each part. */
export function report(result: Result, json: boolean): void {
  const { name, ratio, bar, parts } = result;
  const lines = [
    `${name}: ratio ${ratio.toFixed(3)}${bar === undefined ? "" : ` (bar ${bar})`}`,
    ...Object.entries(parts).map(
      ([part, value]) =>
        `  ${part}: ${Math.abs(value) < 100 ? Number(value.toPrecision(4)) : value.toFixed(1)}`,
    ),
  ];
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
}
