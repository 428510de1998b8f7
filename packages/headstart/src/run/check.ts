import { loadBackbone } from "../backbones/index.js";
import {
  type CheckedPhoto,
  classFindings,
  compareFindings,
  copyFindings,
  doubtfulLabels,
  exactCopies,
  type Finding,
  type FindingKind,
  labelFindings,
  leakedPhotos,
  nearCopies,
  nearPairs,
  outlierFindings,
  outlierScores,
  photoFindings,
  type Quarantined,
  quarantine,
  type Rows,
  SECOND_ROUND_L2,
  type Skipped,
  scanLabelled,
  shortcutFindings,
  splitOf,
  suspectLabels,
  unreadableFindings,
} from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { createRandom } from "../random.js";
import { type Device, Runtime } from "../runtime/index.js";
import { crossValidate } from "../training/cross-validate.js";
import type { LabelledFeatures } from "../training/index.js";
import { fetching } from "./begin.js";
import { openCheckInputs } from "./check-inputs.js";

/** What {@link checkPhotos} reports while it works: how far it has got, or a sentence. */
export type CheckProgress =
  | { readonly phase: string; readonly done: number; readonly total: number; readonly detail: string }
  | { readonly note: string };

/** Called with what {@link checkPhotos} reports. */
export type OnCheckProgress = (progress: CheckProgress) => void;

/** How {@link checkPhotos} checks. */
export interface CheckOptions {
  /** Other photos, such as those that a model is measured on, that must not be among the first. Any source that the first may be. */
  readonly against?: string;
  /** The network whose features photos are compared by. Default: `efficientnet-lite0`. */
  readonly backbone?: string;
  /** Fetch nothing: a network that has to be downloaded must have been downloaded before. Default: false. */
  readonly offline?: boolean;
  /** Threads that ONNX Runtime uses. Default: as many as the machine runs at once. */
  readonly threads?: number;
  /** Where the network runs. Default: `cpu`. */
  readonly device?: Device;
  /** Ends early; what was computed of photos is kept for the next time. */
  readonly signal?: AbortSignal;
  /** Called with what is going on. */
  readonly onProgress?: OnCheckProgress;
}

/** What {@link checkPhotos} found. */
export interface Check {
  /** The folder that names are relative to, absolute. */
  readonly root: string;
  readonly classes: readonly string[];
  /** Number of photos that were checked, without the other photos. */
  readonly photos: number;
  /** The severest first. */
  readonly findings: readonly Finding[];
  /** Photos that are measured with though training photos show the same picture. */
  readonly leaked: readonly string[];
}

/** Kinds of findings that `fix` settles by default: nothing that can be used, or wrongly looks useful, is lost. */
export const FIXED_BY_DEFAULT: readonly FindingKind[] = [
  "broken",
  "empty",
  "exact-copies",
  "exact-copies-across-splits",
];

/**
 * Looks for what is wrong with labelled photos before they are trained on: files that cannot be used or are odd, copies, classes, labels that the
 * other photos contradict, outliers, shortcuts. Photos that are in no split are checked in the one that `train` would put them into.
 * Features and what photos look like are kept for the next time, and `train` finds the features.
 *
 * @param photos - a folder or a CSV manifest, as for `train`
 * @throws HeadstartError `NOT_FOUND` if nothing is there, `INVALID_DATA` if there is no photo; as `loadBackbone`; `INTERRUPTED` when the
 *   signal asks for it
 *
 * @example
 * import { checkPhotos } from "headstart";
 * const { findings } = await checkPhotos("photos");
 * for (const { severity, sentence, advice } of findings) console.log(severity, sentence, advice);
 */
export async function checkPhotos(photos: string, options: CheckOptions = {}): Promise<Check> {
  const { against, device, threads, signal, onProgress: report = () => undefined } = options;
  const scan = async (source: string) =>
    await scanLabelled(source, {
      ...(signal && { signal }),
      onProgress: (done, total) => report({ phase: "reading photos", done, total, detail: "" }),
    });
  const found = await scan(photos);
  const others = against === undefined ? undefined : await scan(against);
  const checked: CheckedPhoto[] = [
    ...found.photos.map(({ split, ...photo }) => ({ ...photo, side: split ?? splitOf(photo.digest, 0) })),
    ...(others?.photos ?? []).map(({ split: _, ...photo }): CheckedPhoto => ({ ...photo, side: "against" })),
  ];
  const contents = [...new Map(checked.map((photo) => [photo.digest, photo])).values()];
  const backbone = await loadBackbone(options.backbone, {
    ...fetching({
      ...(options.offline !== undefined && { offline: options.offline }),
      ...(signal && { signal }),
      onProgress: (progress) => progress.kind === "progress" && report(progress),
    }),
  });
  const runtime = Runtime.start({ ...(device && { device }), ...(threads !== undefined && { threads }) });
  try {
    const { failures, read } = await openCheckInputs({ runtime, backbone, signal, report }, contents);
    const sound = checked.filter(({ digest }) => !failures.has(digest));
    const rows = [...new Set(sound.map(({ digest }) => digest))];
    const { features, appearances, grey } = await read(rows);
    stopIfAsked(signal);
    const pairs = await nearPairs(runtime, { grey, features }, (done, total) =>
      report({ phase: "comparing photos", done, total, detail: "" }),
    );
    stopIfAsked(signal);
    const copies = [
      ...copyFindings(exactCopies(sound), "exact"),
      ...copyFindings(nearCopies(sound, rows, pairs), "near"),
    ];
    const appearanceOf = new Map(rows.map((digest, row) => [digest, appearances[row]]));
    const seen = sound.flatMap((photo) => {
      const appearance = appearanceOf.get(photo.digest);
      return appearance === undefined || photo.side === "against" ? [] : [{ ...photo, appearance }];
    });
    const { classes } = found;
    const own = sound.filter(({ side }) => side !== "against");
    const labels = await judgeLabels(runtime, { photos: own, rows, features, classes }, { signal, report });
    const all = [...new Set([...classes, ...(others?.classes ?? [])])];
    const findings = [
      ...unreadableFindings(found.skipped, failedPhotos(checked, failures)),
      ...photoFindings(seen),
      ...copies,
      ...classFindings(sound, all),
      ...labels,
      ...shortcutFindings(seen, classes),
    ];
    return {
      root: found.root,
      classes,
      photos: found.photos.length,
      findings: findings.sort(compareFindings),
      leaked: leakedPhotos(copies),
    };
  } finally {
    await runtime.close();
  }
}

/**
 * Moves the photos away whose removal settles findings; nothing is deleted, and `undoQuarantine` puts them back.
 *
 * @param photos - the folder that was checked
 * @param findings - what {@link checkPhotos} found
 * @param options - `kinds`: which findings to settle (default {@link FIXED_BY_DEFAULT}); `folder`: where to, as for `quarantine`
 * @throws HeadstartError `INVALID_OPTION` for a manifest, whose rows would name what is no longer there; as `quarantine`
 */
export async function fixPhotos(
  photos: string,
  findings: readonly Pick<Finding, "kind" | "movable" | "sentence">[],
  options: { readonly kinds?: readonly FindingKind[]; readonly folder?: string } = {},
): Promise<Quarantined> {
  if (/\.csv$/i.test(photos))
    throw new HeadstartError(
      "INVALID_OPTION",
      "Photos of a manifest are not moved: its rows would name files that are no longer there.",
      "Take the rows out of the manifest instead.",
    );
  const kinds = new Set(options.kinds ?? FIXED_BY_DEFAULT);
  const moves = new Map<string, string>();
  for (const { kind, movable, sentence } of findings)
    if (kinds.has(kind))
      for (const name of movable) if (!moves.has(name)) moves.set(name, `${kind}: ${sentence}`);
  return await quarantine(
    photos,
    [...moves].map(([name, reason]) => ({ name, reason })),
    options.folder,
  );
}

/** Findings about single labels: those that others contradict, and photos that are far from their class. */
async function judgeLabels(
  runtime: Runtime,
  given: {
    readonly photos: readonly CheckedPhoto[];
    readonly rows: readonly string[];
    readonly features: Rows;
    readonly classes: readonly string[];
  },
  { signal, report }: { readonly signal: AbortSignal | undefined; readonly report: OnCheckProgress },
): Promise<Finding[]> {
  const { rows, features, classes } = given;
  const { values, width } = features;
  const rowOf = new Map(rows.map((digest, row) => [digest, row]));
  // Copies of a photo are judged once.
  const photos = [
    ...new Map([...given.photos].reverse().map((photo) => [photo.digest, photo])).values(),
  ].reverse();
  const index = new Map(classes.map((name, label) => [name, label]));
  const labels = photos.map(({ className }) => index.get(className) ?? 0);
  const own = photos.map(({ digest }) => rowOf.get(digest) ?? 0);
  const gather = (chosen: readonly number[]) => {
    const gathered = new Float32Array(chosen.length * width);
    for (const [at, photo] of chosen.entries()) {
      const row = own[photo] ?? 0;
      gathered.set(values.subarray(row * width, (row + 1) * width), at * width);
    }
    return gathered;
  };
  const set: LabelledFeatures = {
    count: photos.length,
    labels,
    digests: photos.map(({ digest }) => digest),
    read: async (chosen) => gather(chosen),
  };
  const isWhole = own.length === rows.length && own.every((row, i) => row === i);
  const scores = await outlierScores(
    runtime,
    isWhole ? features : { values: gather(photos.map((_, i) => i)), width },
    labels,
    classes.length,
  );
  const outliers = outlierFindings(photos, scores);
  if (new Set(labels).size < 2) return outliers;
  const round = async (
    name: string,
    choices: { readonly l2?: number; readonly leftOut?: ReadonlySet<number> },
  ) => {
    const { probabilities, l2 } = await crossValidate(runtime, set, {
      ...choices,
      features: width,
      classes: classes.length,
      random: createRandom("check", name),
      ...(signal && { signal }),
      onProgress: (done, total) => {
        const share = done / total;
        report({
          phase: "judging labels",
          done: Math.round(share * set.count),
          total: set.count,
          detail: name,
        });
      },
    });
    return { given: { probabilities, labels, classes: classes.length }, l2 };
  };
  const first = await round("round 1 of 2", {});
  const leftOut = suspectLabels(first.given);
  const second = await round("round 2 of 2", { l2: first.l2 * SECOND_ROUND_L2, leftOut });
  return [...labelFindings(photos, classes, doubtfulLabels(second.given)), ...outliers];
}

function failedPhotos(photos: readonly CheckedPhoto[], failures: ReadonlyMap<string, string>): Skipped[] {
  return photos.flatMap(({ name, digest, side }) => {
    const reason = failures.get(digest);
    return reason === undefined || side === "against" ? [] : [{ name, reason }];
  });
}

function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "The check was interrupted.");
}
