import { Writable } from "node:stream";

/** Streams that keep what is printed, for tests of the command line. */
export interface Captured {
  readonly stdout: Writable & { isTTY?: boolean; columns?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
  /** What has been printed on standard output, and on standard error. */
  out(): string;
  err(): string;
}

/** Streams that are no terminal. */
export function captured(): Captured {
  const texts = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof texts) =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  return {
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    out: () => texts.stdout,
    err: () => texts.stderr,
  };
}
