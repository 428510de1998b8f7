import type { Command } from "commander";
import { example } from "./context.js";
import { jsonOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { printable, shownPath, table, whole } from "./text.js";

/** `headstart backbones`. */
export function addBackbones(program: Command, terminal: Terminal): void {
  program
    .command("backbones")
    .summary("list the pretrained networks")
    .description(
      "Lists the pretrained networks that have names. An .onnx file with its description beside it can be used as well.",
    )
    .addOption(jsonOption())
    .addHelpText("after", example("headstart backbones"))
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { BACKBONES, loadBackbone } = await import("../backbones/index.js");
      const list = [];
      for (const choice of Object.keys(BACKBONES)) {
        const { name, imageSize, parameters, features, top1, licence, source, file } =
          await loadBackbone(choice);
        list.push({ name, imageSize, parameters, features, top1: top1 ?? null, licence, source, file });
      }
      if (json) return terminal.printJson({ backbones: list });
      const [head = "", ...lines] = table(
        ["name", "image size", "parameters", "features", "ImageNet top-1", "licence", "file"],
        list.map(({ name, imageSize, parameters, features, top1, licence, file }) => [
          name,
          `${imageSize} x ${imageSize}`,
          whole(parameters),
          whole(features),
          top1 === null ? "-" : `${top1.toFixed(1)} %`,
          printable(licence),
          printable(shownPath(file)),
        ]),
        (column) => column > 0 && column < 5,
      );
      terminal.print(terminal.colours.dim(head));
      for (const line of lines) terminal.print(line);
    });
}
