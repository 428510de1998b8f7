import type { ListedPhoto } from "../data/index.js";
import type { Prediction } from "../model/index.js";
import type { GridCell } from "../report/index.js";
import type { Terminal } from "./terminal.js";
import { pad, percent, printable, shorten, shortenPath, shownPath, width } from "./text.js";

/** Prints predictions in one way, photo after photo. */
export interface PredictionPrinter {
  /** A photo and what the classifier says about it. */
  add(photo: ListedPhoto, prediction: Prediction): void;
  /** A file that could not be used, and why. */
  skip(name: string, reason: string): void;
  /** Prints what is still to be printed. */
  close(): void | Promise<void>;
}

/** Classes that are named where an answer is not sure. */
const MOST_NAMED = 4;

/** The widest that a column of photos, and one of classes, becomes. */
const WIDEST = { photo: 60, className: 40 };

/** A line for each photo: its name, then classes with their probabilities. */
export class LinePrinter implements PredictionPrinter {
  readonly #terminal: Terminal;
  readonly #names: ReadonlyMap<string, string>;
  readonly #photoWidth: number;
  readonly #classWidth: number;
  readonly #unlikeFrom: number;

  /** @param unlikeFrom - the score from which on a photo counts as unlike the training photos */
  private constructor(
    terminal: Terminal,
    names: ReadonlyMap<string, string>,
    photos: readonly ListedPhoto[],
    unlikeFrom: number,
  ) {
    this.#unlikeFrom = unlikeFrom;
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
    const { UNLIKE } = await import("../evaluation/index.js");
    return new LinePrinter(terminal, await namesOf(classes), photos, UNLIKE);
  }

  add({ name }: ListedPhoto, prediction: Prediction): void {
    const { classes } = prediction;
    const { bold, dim, yellow } = this.#terminal.colours;
    const cells = classes.map(({ className, probability }, rank) => {
      const shown = pad(shorten(this.#names.get(className) ?? className, this.#classWidth), this.#classWidth);
      const cell = `${shown} ${pad(percent(probability), 7, "right")}`;
      return rank === 0 ? bold(cell) : dim(cell);
    });
    const photo = pad(shortenPath(printable(name), this.#photoWidth), this.#photoWidth);
    const doubt = this.#doubt(prediction);
    this.#terminal.print([photo, ...cells, ...(doubt === "" ? [] : [yellow(doubt)])].join("  "));
  }

  /** Why the answer is not to be trusted; nothing where it is, or where the model does not know. */
  #doubt({ confident, set = [], unlike = 0 }: Prediction): string {
    if (confident !== false) return "";
    if (unlike >= this.#unlikeFrom) return "unlike the training photos";
    const named = set
      .slice(0, MOST_NAMED)
      .map((className) => shorten(this.#names.get(className) ?? className, this.#classWidth));
    const more = set.length > MOST_NAMED ? ` or ${set.length - MOST_NAMED} others` : "";
    return named.length < 2 ? "not sure" : `not sure: ${named.join(" or ")}${more}`;
  }

  skip(): void {}

  close(): void {}
}

/** One JSON document with all predictions. */
export class JsonPrinter implements PredictionPrinter {
  readonly #terminal: Terminal;
  readonly #predictions: object[] = [];
  readonly #skipped: { name: string; reason: string }[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  add({ name }: ListedPhoto, { classes, confident, set, unlike }: Prediction): void {
    this.#predictions.push({ photo: name, classes, confident, set, unlike });
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

/** Rows of CSV: one for each class of each photo; what the model does not know stays empty. */
export class CsvPrinter implements PredictionPrinter {
  readonly #terminal: Terminal;
  readonly #stringify: RowWriter;

  private constructor(terminal: Terminal, stringify: RowWriter) {
    this.#terminal = terminal;
    this.#stringify = stringify;
  }

  static async open(terminal: Terminal): Promise<CsvPrinter> {
    const { stringify } = await import("csv-stringify/sync");
    terminal.print("photo,rank,class,probability,in_set,confident,unlike");
    return new CsvPrinter(terminal, (rows) => stringify(rows.map((row) => [...row])).trimEnd());
  }

  add({ name }: ListedPhoto, { classes, confident, set, unlike }: Prediction): void {
    this.#terminal.print(
      this.#stringify(
        classes.map(({ className, probability }, index) => [
          name,
          index + 1,
          className,
          probability,
          String(set?.includes(className) ?? ""),
          String(confident ?? ""),
          unlike ?? "",
        ]),
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

  add({ path }: ListedPhoto, { className, probability }: Prediction): void {
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
