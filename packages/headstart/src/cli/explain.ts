import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import type { MapMethod } from "../explain/index.js";
import type { Explanations, Progress } from "../run/index.js";
import { example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import { deviceOption, jsonOption, NETWORK_HELP, threadsOption } from "./options.js";
import { classifierOptions, type PretrainedArguments, pretrainedOptions } from "./pretrained.js";
import { ProgressDisplay } from "./progress.js";
import type { Terminal } from "./terminal.js";
import { percent, printable, shortenPath, shownPath, table } from "./text.js";

/** The sheet where no folder is named. */
const SHEET = "maps.png";

/** The widest that a photo's name is printed. */
const WIDEST = 60;

interface ExplainArguments extends PretrainedArguments {
  readonly class?: string;
  readonly layer?: string;
  readonly method?: MapMethod;
  readonly out?: string;
  readonly json?: boolean;
}

/** `headstart explain`. */
export function addExplain(program: Command, terminal: Terminal): void {
  const command = program
    .command("explain")
    .summary("show where a classifier looks on photos")
    .description(
      "Draws for each photo which parts of it speak for a class. Without --out, one picture of all photos is drawn: maps.png.",
    )
    .argument("<model>", "a run's folder, a model.onnx, or a pretrained classifier, see below")
    .argument("<photos...>", "photos, and folders that are searched for photos")
    .option("--class <name>", "the class to explain (default: each photo's most probable one)")
    .addOption(
      new Option(
        "--method <method>",
        "cam: exact class activation maps; grad-cam: by gradients, at any layer; occlusion: by hiding parts of the photo, which takes 196 times as long (default: cam where the network allows it, else grad-cam)",
      ).choices(["cam", "grad-cam", "occlusion"]),
    )
    .option("--layer <name>", "the layer for grad-cam (default: the last that has a map)")
    .option("--out <folder>", "draw a picture of each photo into this folder, and maps.png of all")
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `${NETWORK_HELP}\n${example("headstart explain runs/1 my.jpg holiday --out maps", "headstart explain runs/1 my.jpg --class bees --method occlusion")}`,
    )
    .action(async (model: string, photos: string[], options: ExplainArguments) => {
      const { json = false, class: className, method, layer, out, ...choices } = options;
      // What is here and quick is not told.
      const isQuiet = (existsSync(model) && method !== "occlusion") || (json && !terminal.isInteractive);
      const display = await ProgressDisplay.open(terminal, isQuiet ? "silent" : json ? "lines" : undefined);
      const onProgress = (progress: Progress) => {
        if (progress.kind === "progress") display.show(progress);
      };
      try {
        const explained = await withInterrupt(terminal, async (signal) => {
          const { explain } = await import("../run/index.js");
          return await explain(model, photos, {
            ...(await classifierOptions(choices, signal)),
            ...(className !== undefined && { class: className }),
            ...(out === undefined ? { sheet: SHEET } : { out }),
            method,
            layer,
            signal,
            onProgress,
          });
        });
        display.close();
        if (json) printJson(terminal, explained);
        else await print(terminal, explained);
      } finally {
        display.close();
      }
    });
  for (const option of pretrainedOptions()) command.addOption(option);
}

function printJson(terminal: Terminal, explained: Explanations): void {
  const photos = explained.photos.map((photo) => ({
    ...photo,
    map: { ...photo.map, values: Array.from(photo.map.values) },
  }));
  terminal.printJson({ ...explained, photos });
}

async function print(
  terminal: Terminal,
  { method, layer, photos, sheet, skipped }: Explanations,
): Promise<void> {
  for (const { name, reason } of skipped) terminal.warn(printable(`${name} is skipped: ${reason}`));
  const { displayName } = await import("../data/index.js");
  const isOcclusion = method === "occlusion";
  const rows = photos.map(({ photo, className, probability, agreement, overlay }) => [
    shortenPath(printable(photo), WIDEST),
    printable(displayName(className)),
    percent(probability),
    ...(isOcclusion ? [agreement === undefined ? "-" : agreement.toFixed(2)] : []),
    ...(overlay === undefined ? [] : [printable(shownPath(overlay))]),
  ]);
  const head = [
    "photo",
    "class",
    "probability",
    ...(isOcclusion ? ["agreement"] : []),
    ...(photos[0]?.overlay === undefined ? [] : ["picture"]),
  ];
  const isRight = (column: number) => column === 2 || (isOcclusion && column === 3);
  for (const line of table(head, rows, isRight)) terminal.print(line);
  terminal.print();
  terminal.print(`method  ${method}${layer === undefined ? "" : ` at ${printable(layer)}`}`);
  if (isOcclusion)
    terminal.print("agreement is the rank correlation with the class activation map of the same photo");
  if (sheet !== undefined) terminal.print(`sheet   ${printable(shownPath(sheet))}`);
}
