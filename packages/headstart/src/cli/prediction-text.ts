import type { ListedPhoto } from "../data/index.js";
import type { Prediction } from "../model/index.js";
import type { GridCell } from "../report/index.js";
import type { Terminal } from "./terminal.js";
import { pad, percent, printable, shorten, shortenPath, shownPath, width } from "./text.js";

/** Prints predictions in one way, photo after photo. */
export interface PredictionPrinter {
  /** A photo and its most probable classes, the best first. */
  add(photo: ListedPhoto, classes: readonly Prediction[]): void;
  /** A file that could not be used, and why. */
  skip(name: string, reason: string): void;
  /** Prints what is still to be printed. */
  close(): void | Promise<void>;
}

/** The widest that a column of photos, and one of classes, becomes. */
const WIDEST = { photo: 60, className: 40 };

/** A line for each photo: its name, then classes with their probabilities. */
export class LinePrinter implements PredictionPrinter {
  readonly #terminal: Terminal;
  readonly #names: ReadonlyMap<string, string>;
  readonly #photoWidth: number;
  readonly #classWidth: number;

  private constructor(
    terminal: Terminal,
    names: ReadonlyMap<string, string>,
    photos: readonly ListedPhoto[],
  ) {
    this.#terminal = terminal;
    this.#names = names;
    const widest = (texts: Iterable<string>, most: number) => {
      let found = 0;
      for (const text of texts) found = Math.max(found, width(text));
      return Math.min(most, found);
    };
    this.#photoWidth = widest(
      photos.map(({ name }) => printable(name)),
      WIDEST.photo,
    );
    this.#classWidth = widest(names.values(), WIDEST.className);
  }

  static async open(
    terminal: Terminal,
    classes: readonly string[],
    photos: readonly ListedPhoto[],
  ): Promise<LinePrinter> {
    return new LinePrinter(terminal, await namesOf(classes), photos);
  }

  add({ name }: ListedPhoto, classes: readonly Prediction[]): void {
    const { bold, dim } = this.#terminal.colours;
    const cells = classes.map(({ className, probability }, rank) => {
      const shown = pad(shorten(this.#names.get(className) ?? className, this.#classWidth), this.#classWidth);
      const cell = `${shown} ${pad(percent(probability), 7, "right")}`;
      return rank === 0 ? bold(cell) : dim(cell);
    });
    const photo = pad(shortenPath(printable(name), this.#photoWidth), this.#photoWidth);
    this.#terminal.print([photo, ...cells].join("  "));
  }

  skip(): void {}

  close(): void {}
}

/** One JSON document with all predictions. */
export class JsonPrinter implements PredictionPrinter {
  readonly #terminal: Terminal;
  readonly #predictions: { photo: string; classes: readonly Prediction[] }[] = [];
  readonly #skipped: { name: string; reason: string }[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  add({ name }: ListedPhoto, classes: readonly Prediction[]): void {
    this.#predictions.push({ photo: name, classes });
  }

  skip(name: string, reason: string): void {
    this.#skipped.push({ name, reason });
  }

  close(): void {
    this.#terminal.printJson({ predictions: this.#predictions, skipped: this.#skipped });
  }
}

/** Makes lines of CSV, without the last line's end. */
type RowWriter = (rows: readonly (readonly (string | number)[])[]) => string;

/** Rows of CSV: photo, rank, class, probability. */
export class CsvPrinter implements PredictionPrinter {
  readonly #terminal: Terminal;
  readonly #stringify: RowWriter;

  private constructor(terminal: Terminal, stringify: RowWriter) {
    this.#terminal = terminal;
    this.#stringify = stringify;
  }

  static async open(terminal: Terminal): Promise<CsvPrinter> {
    const { stringify } = await import("csv-stringify/sync");
    terminal.print("photo,rank,class,probability");
    return new CsvPrinter(terminal, (rows) => stringify(rows.map((row) => [...row])).trimEnd());
  }

  add({ name }: ListedPhoto, classes: readonly Prediction[]): void {
    this.#terminal.print(
      this.#stringify(
        classes.map(({ className, probability }, index) => [name, index + 1, className, probability]),
      ),
    );
  }

  skip(): void {}

  close(): void {}
}

/** Gathers photos with their best class, and draws them at the end. */
export class GridPrinter implements PredictionPrinter {
  readonly #terminal: Terminal;
  readonly #names: ReadonlyMap<string, string>;
  readonly #file: string;
  readonly #tell: boolean;
  readonly #cells: GridCell[] = [];

  private constructor(terminal: Terminal, names: ReadonlyMap<string, string>, file: string, tell: boolean) {
    this.#terminal = terminal;
    this.#names = names;
    this.#file = file;
    this.#tell = tell;
  }

  /** @param tell - whether to print where the grid is */
  static async open(
    terminal: Terminal,
    classes: readonly string[],
    file: string,
    tell: boolean,
  ): Promise<GridPrinter> {
    return new GridPrinter(terminal, await namesOf(classes), file, tell);
  }

  add({ path }: ListedPhoto, [best]: readonly Prediction[]): void {
    if (best === undefined) return;
    const { className, probability } = best;
    this.#cells.push({ photo: path, predicted: this.#names.get(className) ?? className, probability });
  }

  skip(): void {}

  async close(): Promise<void> {
    if (this.#cells.length === 0) return;
    const [{ drawGrid }, { writeAtomically }] = await Promise.all([
      import("../report/index.js"),
      import("../files.js"),
    ]);
    await writeAtomically(this.#file, await drawGrid(this.#cells));
    if (this.#tell) this.#terminal.print(`\ngrid  ${printable(shownPath(this.#file))}`);
  }
}

/** How each class is called in print. */
async function namesOf(classes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { displayNames } = await import("../data/index.js");
  const shown = displayNames(classes);
  return new Map(classes.map((className, index) => [className, printable(shown[index] ?? className)]));
}
