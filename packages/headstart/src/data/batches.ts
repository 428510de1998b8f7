import { decodePhoto } from "./decode.js";

/** Some photos, decoded and ready for a network. */
export interface Batch {
  /** `[photos, size, size, 3]`, uint8 RGB. It belongs to the receiver, who may transfer it. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** For each photo, its index among the photos that were asked for; ascending. */
  readonly indices: readonly number[];
  /** Indices of photos that were cut off or damaged and decoded as far as they go; they are among `indices`. */
  readonly truncated: readonly number[];
  /** Photos that could not be decoded, met since the batch before. */
  readonly failed: readonly { readonly index: number; readonly reason: string }[];
}

/**
 * Decodes one photo into an array of `size * size * 3` bytes. What it throws makes the photo a failed one.
 */
export type DecodeInto<P> = (
  photo: P,
  into: Uint8Array<ArrayBuffer>,
) => Promise<{ readonly truncated: boolean }>;

/** How {@link decodeBatches} decodes. */
export interface BatchOptions<P> {
  /** Photos in a batch; the last batch may be smaller. */
  readonly batchSize: number;
  /** Side of the square photos, in pixels. */
  readonly size: number;
  /** How one photo is decoded (default {@link decodePhoto} with bicubic squashing), such as through a cache. */
  readonly decode?: DecodeInto<P>;
  /** Gives the array for a batch of so many bytes (default: a new one), such as from a pool. */
  readonly allocate?: (bytes: number) => Uint8Array<ArrayBuffer>;
  /** How many batches may lie ready before the consumer takes them (default 2). */
  readonly ahead?: number;
  /** Stops decoding; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Photos that are under way at once: as the order is kept, a long one would leave threads idle if there were only as many as threads. */
const AT_ONCE = 16;

type Outcome = { readonly truncated: boolean } | { readonly reason: string };

/**
 * Decodes photos in their order and gathers them into batches. Decoding runs ahead of the consumer, so that it overlaps with the
 * network's work; at most `ahead` batches lie ready, so memory stays the same however many photos there are. Photos that cannot be
 * decoded are left out and the next ones move up: every batch but the last is full, and the same photos give the same batches. If no
 * photo can be decoded, there is one batch without photos, which tells why.
 *
 * @throws the signal's reason
 */
export async function* decodeBatches<P extends { readonly path: string }>(
  photos: readonly P[],
  options: BatchOptions<P>,
): AsyncGenerator<Batch, void, void> {
  const producer = new Producer(photos, options);
  try {
    for (let batch = await producer.take(); batch; batch = await producer.take()) yield batch;
  } finally {
    await producer.stop();
  }
}

class Producer<P extends { readonly path: string }> {
  readonly #photos: readonly P[];
  readonly #options: BatchOptions<P>;
  readonly #photoBytes: number;
  readonly #ahead: number;
  readonly #ready: Batch[] = [];
  readonly #work: Promise<void>;
  #stopped = false;
  #ended = false;
  /** Wakes whoever waits for the other side: the consumer for a batch, the producer for room. */
  #wake: () => void = () => undefined;

  constructor(photos: readonly P[], options: BatchOptions<P>) {
    this.#photos = photos;
    this.#options = options;
    this.#photoBytes = options.size * options.size * 3;
    this.#ahead = Math.max(1, options.ahead ?? 2);
    this.#work = this.#produce().finally(() => {
      this.#ended = true;
      this.#wake();
    });
    // The error is thrown to the consumer when it asks for the next batch.
    this.#work.catch(() => undefined);
  }

  /** The next batch; undefined after the last. */
  async take(): Promise<Batch | undefined> {
    while (this.#ready.length === 0 && !this.#ended) await this.#sleep();
    this.#options.signal?.throwIfAborted();
    const batch = this.#ready.shift();
    if (batch === undefined) await this.#work;
    this.#wake();
    return batch;
  }

  /** Ends the work; what is being decoded is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#work.catch(() => undefined);
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #produce(): Promise<void> {
    const running: { readonly pixels: Uint8Array<ArrayBuffer>; readonly outcome: Promise<Outcome> }[] = [];
    const spare: Uint8Array<ArrayBuffer>[] = [];
    let next = 0;
    let open = this.#openBatch(0);
    try {
      for (let index = 0; index < this.#photos.length && !this.#stopped; index++) {
        this.#options.signal?.throwIfAborted();
        for (; running.length < AT_ONCE && next < this.#photos.length; next++) {
          const pixels = spare.pop() ?? new Uint8Array(this.#photoBytes);
          running.push({ pixels, outcome: this.#decode(next, pixels) });
        }
        const first = running.shift();
        if (!first) break;
        const outcome = await first.outcome;
        if ("reason" in outcome) open.failed.push({ index, reason: outcome.reason });
        else {
          if (open.indices.length === this.#options.batchSize) {
            await this.#hand(open);
            open = this.#openBatch(index);
          }
          open.pixels.set(first.pixels, open.indices.length * this.#photoBytes);
          open.indices.push(index);
          if (outcome.truncated) open.truncated.push(index);
        }
        spare.push(first.pixels);
      }
      if (!this.#stopped && this.#photos.length > 0) await this.#hand(open);
    } finally {
      await Promise.all(running.map(({ outcome }) => outcome));
    }
  }

  async #decode(index: number, pixels: Uint8Array<ArrayBuffer>): Promise<Outcome> {
    const { size, decode = ({ path }, into) => decodePhoto(path, { resize: "bicubic", size, into }) } =
      this.#options;
    try {
      return { truncated: (await decode(this.#photos[index] as P, pixels)).truncated };
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** A batch to fill, with room for the photos that can still come. */
  #openBatch(from: number) {
    const { batchSize, allocate = (bytes) => new Uint8Array(bytes) } = this.#options;
    const room = Math.min(batchSize, this.#photos.length - from);
    return {
      pixels: allocate(room * this.#photoBytes),
      indices: [] as number[],
      truncated: [] as number[],
      failed: [] as { index: number; reason: string }[],
    };
  }

  async #hand(batch: Batch): Promise<void> {
    const { allocate = (bytes) => new Uint8Array(bytes) } = this.#options;
    const bytes = batch.indices.length * this.#photoBytes;
    let { pixels } = batch;
    if (pixels.byteLength !== bytes) {
      pixels = allocate(bytes);
      pixels.set(batch.pixels.subarray(0, bytes));
    }
    this.#ready.push({ ...batch, pixels });
    this.#wake();
    while (this.#ready.length >= this.#ahead && !this.#stopped) await this.#sleep();
  }
}
