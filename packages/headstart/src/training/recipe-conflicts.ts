import type { Recipe } from "./recipe.js";

/** Choices of a recipe that do not go together. */
export interface RecipeConflict {
  /** The fields in question, the one to change first. */
  readonly fields: readonly (keyof Recipe)[];
  /** A sentence that says why. */
  readonly sentence: string;
  /** A sentence that says what to do. */
  readonly hint: string;
}

/**
 * What does not go together in a recipe whose parts are each valid: what would be passed over in silence, or could not be done.
 *
 * @returns every conflict; none for a recipe that can be used
 */
export function conflictsOf(recipe: Recipe): RecipeConflict[] {
  const conflicts = recipe.optimiser.kind === "lbfgs" ? solverConflicts(recipe) : [];
  return conflicts.length > 0 ? conflicts : stepConflicts(recipe);
}

/** L-BFGS solves plain logistic regression on stored features. */
function solverConflicts(recipe: Recipe): RecipeConflict[] {
  const { stages, schedule, fineTune } = recipe;
  const conflicts: readonly (readonly [boolean, keyof Recipe, string])[] = [
    [fineTune !== "head", "fineTune", `it trains the head alone, not ${fineTune}`],
    [stages.length > 1, "stages", `it takes one stage, not ${stages.length}`],
    [recipe.augmentation !== null, "augmentation", "it takes no augmentation"],
    [recipe.views !== null, "views", "it takes no views"],
    [recipe.mixup > 0, "mixup", "it takes no mixup"],
    [recipe.cutmix > 0, "cutmix", "it takes no cutmix"],
    [recipe.dropout > 0, "dropout", "it takes no dropout"],
    [recipe.initial === "solved", "initial", "it is what initial: solved does, and starts at zeros"],
    [recipe.labelSmoothing > 0, "labelSmoothing", "it takes no label smoothing"],
    [recipe.classWeights !== "none", "classWeights", "it takes no class weights"],
    [
      schedule.kind !== "constant" || schedule.warmup !== undefined,
      "schedule",
      "it takes no learning-rate schedule",
    ],
    [recipe.earlyStopping !== null, "earlyStopping", "it takes no early stopping"],
    [recipe.monitor !== "loss", "monitor", "it has no epochs to choose the best of"],
    [recipe.ema !== null, "ema", "it takes no running mean of the weights (ema)"],
    [recipe.clipNorm !== null, "clipNorm", "it takes no clipping of gradients (clipNorm)"],
    [recipe.accumulate > 1, "accumulate", "it takes no accumulated gradients"],
  ];
  return conflicts
    .filter(([applies]) => applies)
    .map(([, field, reason]) => ({
      fields: [field, "optimiser"],
      sentence: `L-BFGS solves the head on stored features of the photos as they are: ${reason}.`,
      hint: "Choose a recipe of gradient steps (--recipe fine-tune, last-stage or keras-classic), or leave that out.",
    }));
}

function stepConflicts(recipe: Recipe): RecipeConflict[] {
  const { fineTune, views, batchNorm, accumulate, checkpointActivations } = recipe;
  const isMixed = recipe.mixup > 0 || recipe.cutmix > 0;
  const more = "Choose fineTune last-stage or all, or leave that out.";
  const conflicts: readonly (readonly [boolean, RecipeConflict])[] = [
    [
      views !== null && recipe.augmentation === null,
      {
        fields: ["views", "augmentation"],
        sentence: "Views differ by augmentation, and there is none.",
        hint: "Choose an augmentation, such as standard, or leave views out.",
      },
    ],
    [
      views !== null && isMixed,
      {
        fields: ["views", "mixup", "cutmix"],
        sentence: "Views are stored one by one, and mixup and cutmix mix photos anew at every step.",
        hint: "Leave out views, or both mixup and cutmix.",
      },
    ],
    [
      views !== null && fineTune === "all",
      {
        fields: ["views", "fineTune"],
        sentence: "What a frozen part makes of the views is stored, and with fineTune all nothing is frozen.",
        hint: "Choose fineTune last-stage, or leave views out.",
      },
    ],
    [
      batchNorm === "train" && fineTune === "head",
      {
        fields: ["batchNorm", "fineTune"],
        sentence: "Only the head trains, and it has no batch normalisation to train.",
        hint: more,
      },
    ],
    [
      batchNorm === "train" && accumulate > 1,
      {
        fields: ["batchNorm", "accumulate"],
        sentence: `With batchNorm train, statistics are those of a batch, not of ${accumulate} that are accumulated.`,
        hint: "Choose accumulate 1, or batchNorm frozen.",
      },
    ],
    [
      checkpointActivations && fineTune === "head",
      {
        fields: ["checkpointActivations", "fineTune"],
        sentence: "Only the head trains, and none of the backbone's activations are kept for that.",
        hint: more,
      },
    ],
  ];
  return conflicts.filter(([applies]) => applies).map(([, conflict]) => conflict);
}
