import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { count } from "../data/index.js";
import { readIfThere } from "../files.js";
import type { Provenance } from "../model/index.js";
import type { Fact } from "../report/html/index.js";
import type { Recipe } from "../training/index.js";
import { parseJson, RUN_FILES, type RunChoices } from "./folder.js";

/** What was chosen for a run, as a reader wants to know it. */
export async function choicesOf(
  folder: string,
  { recipe, seed, device, version, split, network }: RunChoices,
  { backbone, imageSize }: Provenance,
): Promise<Fact[]> {
  const reason = await precisionReason(folder);
  const said = Object.entries(network).map(([name, value]) => `${name} ${String(value)}`);
  return [
    { name: "Recipe", value: recipe.name },
    {
      name: "Backbone",
      value: backbone.name,
      note: [`licence ${backbone.licence}`, ...said].join(", "),
    },
    { name: "What trains", value: whatTrains(recipe) },
    { name: "Optimiser", value: optimiserOf(recipe), note: scheduleOf(recipe) },
    { name: "Image size", value: `${imageSize} x ${imageSize}`, note: `resized ${recipe.resize}` },
    {
      name: "Precision",
      value: backbone.precision,
      ...(reason !== undefined && { note: reason }),
    },
    { name: "Augmentation", value: augmentationOf(recipe) },
    { name: "Seed", value: String(seed) },
    {
      name: "Split",
      value: split.map((share) => `${Math.round(share * 100)} %`).join(", "),
      note: "training, validation, test; where no folders say so",
    },
    { name: "Device", value: device },
    { name: "Made by", value: `Headstart ${version}` },
  ];
}

function whatTrains({ fineTune }: Recipe): string {
  switch (fineTune) {
    case "head":
      return "the head; the backbone is frozen";
    case "all":
      return "the head and the whole backbone";
    case "last-stage":
      return "the head and the backbone's last stage";
    default:
      return `the head and the backbone from ${fineTune} on`;
  }
}

function optimiserOf({ optimiser, batchSize }: Recipe): string {
  if (optimiser.kind === "lbfgs") {
    const penalty = optimiser.l2 === "cross-validated" ? "chosen by cross-validation" : String(optimiser.l2);
    return `logistic regression, L2 penalty ${penalty}`;
  }
  return `${optimiser.kind}, learning rate ${optimiser.learningRate}, batches of ${batchSize}`;
}

function scheduleOf({ stages, schedule, optimiser, monitor }: Recipe): string {
  if (optimiser.kind === "lbfgs") return `at most ${count(stages[0]?.epochs ?? 0, "iteration")}`;
  const shown = stages.map(({ epochs, imageSize }) => `${count(epochs, "epoch")} at ${imageSize}`);
  return `${shown.join(", then ")}; ${schedule.kind} schedule; the best epoch by validation ${monitor}`;
}

function augmentationOf({ augmentation, mixup, cutmix }: Recipe): string {
  const mixed = [...(mixup > 0 ? [`mixup ${mixup}`] : []), ...(cutmix > 0 ? [`cutmix ${cutmix}`] : [])];
  const changes =
    augmentation === null
      ? []
      : Object.entries(augmentation)
          .filter(([, value]) => value !== 0 && value !== false && String(value) !== "1,1")
          .map(([name, value]) =>
            value === true
              ? words(name)
              : `${words(name)} ${typeof value === "object" ? listed(value) : value}`,
          );
  return [...changes, ...mixed].join(", ") || "none";
}

function listed(value: unknown): string {
  return Array.isArray(value) ? value.join(" to ") : "";
}

/** `horizontalFlip` as `horizontal flip`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

async function precisionReason(folder: string): Promise<string | undefined> {
  const content = await readIfThere(join(folder, RUN_FILES.precision));
  const parsed = z.object({ reason: z.string() }).safeParse(parseJson(content?.toString() ?? ""));
  return parsed.success ? parsed.data.reason : undefined;
}

/** The size of a run's model, and what is in it. */
export async function sizeOf(folder: string): Promise<Fact[]> {
  const path = join(folder, RUN_FILES.model);
  const [{ size }, { summarise }] = await Promise.all([stat(path), import("../model/index.js")]);
  const { parameters, trainable, features } = await summarise(path);
  const whole = (value: number) => value.toLocaleString("en-US");
  return [
    { name: "Model", value: `${(size / 1e6).toFixed(1)} MB`, note: "one ONNX file, with everything in it" },
    { name: "Parameters", value: whole(parameters), note: `${whole(trainable)} of them are the head's` },
    { name: "Features", value: whole(features.count), note: "numbers that the backbone makes of a photo" },
  ];
}

/** Photos that speed is measured on, after two that warm up. */
const TIMED = 12;

/** How long one photo takes, file to answer, one after the other. */
export async function speedOf(
  classify: (photo: Uint8Array) => Promise<unknown>,
  paths: readonly string[],
  { device, threads }: Pick<RunChoices, "device" | "threads">,
): Promise<Fact[]> {
  const times: number[] = [];
  const every = Math.max(1, Math.floor(paths.length / (TIMED + 2)));
  for (const path of paths.filter((_, index) => index % every === 0).slice(0, TIMED + 2)) {
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined) continue;
    const start = performance.now();
    const isDone = await classify(bytes).then(
      () => true,
      () => false,
    );
    if (isDone) times.push(performance.now() - start);
  }
  const measured = times.slice(2).sort((a, b) => a - b);
  const median = measured[Math.floor(measured.length / 2)];
  if (median === undefined) return [];
  return [
    {
      name: "One photo",
      value: `${median.toFixed(median < 10 ? 1 : 0)} ms`,
      note: `decoding included; the median of ${measured.length}, on ${device} with ${count(threads, "thread")} of the machine that made this report`,
    },
  ];
}
