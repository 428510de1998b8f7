import type { Command } from "commander";
import { example } from "./context.js";
import { jsonOption, seedOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { printable, shownPath, whole } from "./text.js";

interface AugmentArguments {
  readonly recipe?: string;
  readonly out?: string;
  readonly seed?: number;
  readonly json?: boolean;
}

/** `headstart augment`. */
export function addAugment(program: Command, terminal: Terminal): void {
  program
    .command("augment")
    .summary("draw augmented views of photos, to look at")
    .description(
      "Draws a contact sheet of photos and of augmented views of them, made as training makes them. The first column is the photo as it is.",
    )
    .argument("<photos...>", "photos, and folders that are searched for photos")
    .option("--recipe <recipe>", "a recipe that augments (default: keras-classic)")
    .option("--out <file>", "the picture, a PNG (default: sheet.png)")
    .addOption(seedOption("what the views are drawn from (default: 0)"))
    .addOption(jsonOption())
    .addHelpText("after", example("headstart augment photos/roses/1.jpg photos/tulips --out sheet.png"))
    .action(async (photos: string[], { json, ...options }: AugmentArguments) => {
      const { drawAugmented } = await import("../run/index.js");
      const sheet = await drawAugmented(photos, options);
      if (json) return terminal.printJson(sheet);
      const { out, shown, found, skipped } = sheet;
      for (const { name, reason } of skipped) terminal.warn(printable(`${name} is skipped: ${reason}`));
      const more =
        found > shown + skipped.length ? `the first ${shown} of ${whole(found)} photos` : whole(shown);
      terminal.print(
        `${printable(shownPath(out))} shows ${more}${more.endsWith("photos") ? "" : shown === 1 ? " photo" : " photos"}`,
      );
    });
}
