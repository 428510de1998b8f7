import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { RUN_FILES } from "./folder.js";
import type { OnProgress, Progress } from "./progress.js";

/** Writes what happens in a run to its `log.txt`, a line each with the time, and passes it on. */
export class RunLog {
  readonly #path: string;
  readonly #onProgress: OnProgress | undefined;
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string, onProgress: OnProgress | undefined) {
    this.#path = path;
    this.#onProgress = onProgress;
  }

  /** @param folder - the run's folder; what `log.txt` holds already stays */
  static open(folder: string, onProgress: OnProgress | undefined): RunLog {
    return new RunLog(join(folder, RUN_FILES.log), onProgress);
  }

  report(progress: Progress): void {
    for (const line of describe(progress)) this.#write(line);
    this.#onProgress?.(progress);
  }

  failed(error: unknown): void {
    this.#write(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }

  /** Waits until every line is written. */
  async close(): Promise<void> {
    await this.#last;
  }

  #write(line: string): void {
    const text = `${new Date().toISOString()} ${line}\n`;
    // A log that cannot be written must not end the run; a full disk shows at the files that matter.
    this.#last = this.#last.then(() => appendFile(this.#path, text)).catch(() => undefined);
  }
}

/** Lines for the log; none for progress in between. */
function describe(progress: Progress): readonly string[] {
  switch (progress.kind) {
    case "found": {
      const { train, validation, test } = progress.photos;
      const counts = `${train} to train on, ${validation} to validate with, ${test} to test with`;
      return [
        `${progress.classes.length} classes; ${counts}; ${progress.skipped} skipped`,
        ...progress.warnings,
      ];
    }
    case "progress":
      return progress.done === progress.total
        ? [`${[progress.phase, progress.detail].filter(Boolean).join(", ")}: ${progress.total} done`]
        : [];
    case "epoch":
      return [JSON.stringify(progress.row)];
    case "note":
      return [progress.message];
  }
}
