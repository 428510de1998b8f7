import type { Readable } from "node:stream";

/** Bytes that may wait to be read before the sender is held back. */
const MOST_WAITING = 1 << 20;

/** Bytes on their way in. */
export interface Incoming {
  /** All of them; then the error, if there was one. Can be read once. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Lets go of what has not been read. */
  readonly discard: () => void;
}

/**
 * Reads a stream so that nothing is lost when it fails: what came before the error is handed out before it. (A stream of Node's own drops
 * what it holds as soon as it fails.) Reading begins at once.
 */
export function incoming(stream: Readable): Incoming {
  const waiting: Uint8Array[] = [];
  let size = 0;
  let outcome: { readonly error?: unknown } | undefined;
  let wake = () => {};
  const settle = (result: { readonly error?: unknown }) => {
    outcome ??= result;
    wake();
  };
  stream.on("data", (piece: Uint8Array) => {
    waiting.push(piece);
    size += piece.length;
    if (size >= MOST_WAITING) stream.pause();
    wake();
  });
  stream.on("end", () => settle({}));
  stream.on("error", (error: unknown) => settle({ error }));
  const discard = () => void stream.destroy();
  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const piece = waiting.shift();
        if (piece) {
          size -= piece.length;
          if (size < MOST_WAITING / 2 && stream.isPaused()) stream.resume();
          yield piece;
        } else if (outcome) {
          if ("error" in outcome) throw outcome.error;
          return;
        } else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      discard();
    }
  }
  return { pieces: read(), discard };
}
