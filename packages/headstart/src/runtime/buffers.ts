/** Free memory that is kept for reuse, in bytes: some batches of photos; what is beyond is let go. */
const KEPT = 64 * 2 ** 20;

/**
 * Reuses the memory of tensors that go to the worker thread and come back. A buffer that this pool gave out is moved to the worker
 * without copying; any other is copied.
 */
export class BufferPool {
  readonly #owned = new WeakSet<ArrayBufferLike>();
  readonly #free: ArrayBuffer[] = [];
  #bytes = 0;

  /** A buffer of exactly `bytes` bytes with any content. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const index = this.#free.findLastIndex(({ byteLength }) => byteLength === bytes);
    const free = this.#free.splice(index, index < 0 ? 0 : 1)[0];
    this.#bytes -= free?.byteLength ?? 0;
    const buffer = free ?? new ArrayBuffer(bytes);
    this.#owned.add(buffer);
    return new Uint8Array(buffer);
  }

  /** Takes a buffer back for reuse; it must not be used by the giver any more. */
  give(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
    this.#bytes += buffer.byteLength;
    // The newest are kept: sizes change with the stages of a run.
    while (this.#bytes > KEPT) this.#bytes -= this.#free.shift()?.byteLength ?? 0;
  }

  /** Whether this pool gave the buffer out, so that it may be moved. */
  owns(buffer: ArrayBufferLike): boolean {
    return this.#owned.has(buffer);
  }
}
