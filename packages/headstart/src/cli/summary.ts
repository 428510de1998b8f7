import type { Command } from "commander";
import type { Summary } from "../model/index.js";
import { showDownload } from "./backbones.js";
import { example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import { jsonOption, NETWORK_HELP, type NetworkArguments, networkOptions } from "./options.js";
import { ProgressDisplay } from "./progress.js";
import type { Terminal } from "./terminal.js";
import { printable, shorten, table, whole } from "./text.js";

interface SummaryArguments extends NetworkArguments {
  readonly features?: string;
  readonly fineTune?: string;
  readonly json?: boolean;
}

/** `headstart summary`. */
export function addSummary(program: Command, terminal: Terminal): void {
  const command = program
    .command("summary")
    .summary("list a network's layers")
    .description(
      "Lists a network's layers with output shape (photos, channels, height, width) and parameters, frozen and trainable.",
    )
    .argument("<model>", "a run's folder, a model.onnx, or a network, see below")
    .option("--fine-tune <what>", "show what would train: head, last-stage, all or a layer's name")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `${NETWORK_HELP}\n${example("headstart summary efficientnet-lite0 --fine-tune last-stage")}`,
    )
    .action(async (model: string, { json = false, ...choices }: SummaryArguments) => {
      const display = await ProgressDisplay.open(terminal, json ? "silent" : undefined);
      try {
        const summary = await withInterrupt(terminal, async (signal) => {
          const { summarise } = await import("../model/index.js");
          return await summarise(model, { ...choices, signal, onProgress: showDownload(display) });
        });
        display.close();
        if (json) terminal.printJson(summary);
        else printSummary(terminal, summary);
      } finally {
        display.close();
      }
    });
  for (const option of networkOptions()) command.addOption(option);
}

function printSummary(terminal: Terminal, summary: Summary): void {
  const { kind, backbone, imageSize, classes, rows, parameters, trainable, frozen, features } = summary;
  const { bold, dim, green } = terminal.colours;
  const cells = rows.map(({ layer, op, outputShape, parameters: own, trainable: moves }) => [
    shorten(printable(layer), 40),
    op,
    outputShape === undefined ? "?" : `(${outputShape.join(", ")})`,
    own === 0 ? "" : whole(own),
    own === 0 ? "" : moves ? "trainable" : "frozen",
  ]);
  const [head = "", ...lines] = table(
    ["layer", "operator", "output shape", "parameters", ""],
    cells,
    (column) => column === 3,
  );
  terminal.print(dim(head));
  for (const [index, line] of lines.entries()) terminal.print(rows[index]?.trainable ? green(line) : line);
  terminal.print();
  const facts: readonly (readonly [string, string])[] = [
    [kind, kind === "classifier" ? `on ${printable(backbone)}` : printable(backbone)],
    ["image size", `${imageSize} x ${imageSize}`],
    ["parameters", `${whole(parameters)}: ${whole(trainable)} trainable, ${whole(frozen)} frozen`],
    ["features", `${whole(features.count)}, the tensor ${printable(features.tensor)}`],
    ["", printable(features.reason)],
    ["photos", preparation(summary)],
    ...(classes === undefined
      ? []
      : [["classes", `${classes.length}: ${shorten(printable(classes.join(", ")), 100)}`] as const]),
  ];
  for (const [name, fact] of facts) terminal.print(`${bold(name.padEnd(12))}${fact}`);
}

/** How photos are prepared, and where that is written. */
function preparation({ preprocessing, preparation: where }: Summary): string {
  if (preprocessing === null) return printable(`how they are prepared is not known: ${where}`);
  const { channels, mean, std } = preprocessing;
  const numbers = (values: readonly number[]) =>
    [...new Set(values)].length === 1 ? String(values[0]) : values.join(", ");
  return printable(`${channels}, minus ${numbers(mean)}, divided by ${numbers(std)}; prepared ${where}`);
}
