import type { Command } from "commander";
import { example } from "./context.js";
import { jsonOption, seedOption } from "./options.js";
import { type RecipeArguments, recipeOptions, withRecipe } from "./recipe-options.js";
import type { Terminal } from "./terminal.js";
import { printable, shownPath, whole } from "./text.js";

/** The options of a recipe that change what a view is. */
const VIEW_OPTIONS = ["--augment", "--mixup", "--cutmix"];

interface AugmentArguments extends Pick<RecipeArguments, "recipe" | "augment" | "mixup" | "cutmix"> {
  readonly out?: string;
  readonly seed?: number;
  readonly json?: boolean;
}

/** `headstart augment`. */
export function addAugment(program: Command, terminal: Terminal): void {
  const command = program
    .command("augment")
    .summary("draw augmented views of photos, to look at")
    .description(
      "Draws a contact sheet of photos and of augmented views of them, made as training makes them. The first column is the photo as it is. With mixup and cutmix the photos are mixed with each other.",
    )
    .argument("<photos...>", "photos, and folders that are searched for photos")
    .option("--recipe <recipe>", "a recipe that augments (default: fine-tune)")
    .option("--out <file>", "the picture, a PNG (default: sheet.png)")
    .addOption(seedOption("what the views are drawn from (default: 0)"))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      example(
        "headstart augment photos/roses/1.jpg photos/tulips --augment strong --out sheet.png",
        "headstart augment photos --mixup 0.2 --cutmix 1.0",
      ),
    )
    .action(async (photos: string[], { json, ...options }: AugmentArguments) => {
      const { drawAugmented } = await import("../run/index.js");
      const sheet = await drawAugmented(photos, withRecipe(options));
      if (json) return terminal.printJson(sheet);
      const { out, shown, found, skipped } = sheet;
      for (const { name, reason } of skipped) terminal.warn(printable(`${name} is skipped: ${reason}`));
      const more =
        found > shown + skipped.length ? `the first ${shown} of ${whole(found)} photos` : whole(shown);
      terminal.print(
        `${printable(shownPath(out))} shows ${more}${more.endsWith("photos") ? "" : shown === 1 ? " photo" : " photos"}`,
      );
    });
  for (const option of recipeOptions())
    if (VIEW_OPTIONS.includes(option.long ?? "")) command.addOption(option);
}
