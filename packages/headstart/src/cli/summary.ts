import type { Command } from "commander";
import type { Summary } from "../model/index.js";
import { example } from "./context.js";
import { jsonOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { printable, shorten, table, whole } from "./text.js";

/** `headstart summary`. */
export function addSummary(program: Command, terminal: Terminal): void {
  program
    .command("summary")
    .summary("list a network's layers")
    .description(
      "Lists a network's layers with output shape (photos, channels, height, width) and parameters, frozen and trainable.",
    )
    .argument("<model>", "a run's folder, a model.onnx, a backbone's name, or a backbone's .onnx file")
    .addOption(jsonOption())
    .addHelpText("after", example("headstart summary efficientnet-lite0"))
    .action(async (model: string, { json }: { readonly json?: boolean }) => {
      const { summarise } = await import("../model/index.js");
      const summary = await summarise(model);
      if (json) terminal.printJson(summary);
      else printSummary(terminal, summary);
    });
}

function printSummary(
  terminal: Terminal,
  { kind, backbone, imageSize, classes, rows, parameters, trainable, frozen, features }: Summary,
): void {
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
    ...(classes === undefined
      ? []
      : [["classes", `${classes.length}: ${shorten(printable(classes.join(", ")), 100)}`] as const]),
  ];
  for (const [name, fact] of facts) terminal.print(`${bold(name.padEnd(12))}${fact}`);
}
