import type { Command } from "commander";
import type { Recipe } from "../training/index.js";
import { example } from "./context.js";
import { jsonOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { table } from "./text.js";

interface JsonChoice {
  readonly json?: boolean;
}

/** What optimisers are called. */
const OPTIMISERS: Readonly<Record<Recipe["optimiser"]["kind"], string>> = {
  sgd: "SGD",
  rmsprop: "RMSprop",
  adam: "Adam",
  adamw: "AdamW",
  lbfgs: "L-BFGS",
};

/** `headstart recipes`. */
export function addRecipes(program: Command, terminal: Terminal): void {
  const command = program
    .command("recipes")
    .summary("list recipes and print them, to make your own")
    .description(
      "Lists the recipes that have names. A recipe is all that is chosen for training; `show` prints one as YAML, to be edited and trained by.",
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      example(
        "headstart recipes",
        "headstart recipes show fine-tune > my.yaml",
        "headstart train photos --recipe my.yaml",
      ),
    )
    .action(({ json }: JsonChoice) => list(terminal, json));
  command
    .command("show")
    .description("print a recipe as YAML, every field with what it does and what it may be")
    .argument("<recipe>", "a recipe's name, or a file, which is checked: my.yaml or runs/1/recipe.json")
    .addOption(jsonOption())
    .addHelpText("after", example("headstart recipes show fine-tune > my.yaml"))
    .action((choice: string, _: unknown, own: Command) =>
      // `--json` may stand before or behind the name of the inner command.
      show(terminal, choice, own.optsWithGlobals<JsonChoice>().json),
    );
}

async function list(terminal: Terminal, json: boolean | undefined): Promise<void> {
  const { augmentationName, formatStages, RECIPES } = await import("../training/index.js");
  const recipes = Object.values(RECIPES);
  if (json) return terminal.printJson({ recipes });
  const [head = "", ...lines] = table(
    ["recipe", "what trains", "augmentation", "stages", "optimiser"],
    recipes.map(({ name, fineTune, augmentation, stages, optimiser }) => [
      name,
      trained(fineTune),
      augmentationName(augmentation) ?? "its own",
      formatStages(stages),
      optimiser.kind === "lbfgs"
        ? OPTIMISERS.lbfgs
        : `${OPTIMISERS[optimiser.kind]}, learning rate ${optimiser.learningRate}`,
    ]),
    () => false,
  );
  terminal.print(terminal.colours.dim(head));
  for (const line of lines) terminal.print(line);
}

/** What trains, in words. */
function trained(fineTune: string): string {
  if (fineTune === "head") return "the head";
  return fineTune === "all" ? "every layer" : `the head and the ${fineTune.replace("-", " ")}`;
}

async function show(terminal: Terminal, choice: string, json: boolean | undefined): Promise<void> {
  const { formatRecipe, loadRecipe } = await import("../training/index.js");
  const recipe = await loadRecipe(choice);
  if (json) terminal.printJson(recipe);
  else terminal.print(formatRecipe(recipe).trimEnd());
}
