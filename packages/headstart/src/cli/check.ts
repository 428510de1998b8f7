import { type Command, InvalidArgumentError, Option } from "commander";
// Only this file, so that the help is there without all that checks.
import { FINDING_KINDS } from "../data/checks/finding.js";
import type { Finding, FindingKind, Quarantined, Restored } from "../data/index.js";
import type { Check, CheckOptions, Progress } from "../run/index.js";
import { printCheck } from "./check-text.js";
import { example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import { deviceOption, jsonOption, NETWORK_HELP, seedOption, threadsOption } from "./options.js";
import { ProgressDisplay } from "./progress.js";
import { splitOption } from "./recipe-options.js";
import type { Terminal } from "./terminal.js";
import { printable, shellPath, shownPath, whole } from "./text.js";

/** What the program exits with where a finding is an error. */
export const FOUND_ERRORS = 3;

interface CheckArguments extends Omit<CheckOptions, "signal" | "onProgress"> {
  /** True for the kinds that are fixed by default. */
  readonly fix?: true | FindingKind[];
  readonly undo?: boolean;
  readonly quarantine?: string;
  readonly json?: boolean;
}

/** `headstart check`. */
export function addCheck(program: Command, terminal: Terminal): void {
  program
    .command("check")
    .summary("look for what is wrong with photos and labels")
    .description(
      "Looks for what is wrong with labelled photos: files that cannot be used, copies in two splits or classes, wrong labels, outliers, shortcuts. Exits with 3 if a finding is an error.",
    )
    .argument(
      "<photos>",
      "a folder with a folder for each class, the same inside train, validation and test folders, or a CSV manifest path,label[,split]",
    )
    .option("--against <photos>", "other photos, such as a test set, that must not be among the first")
    .addOption(
      new Option(
        "--fix [kinds]",
        "move photos to quarantine, where that settles a finding; kinds are those in brackets, with commas between them (default: broken,empty,exact-copies,exact-copies-across-splits)",
      ).argParser(kindsOf),
    )
    .option("--undo", "put back what --fix moved, and check nothing")
    .option(
      "--quarantine <folder>",
      "where --fix moves photos (default: quarantine, beside the photos' folder)",
    )
    .addOption(splitOption())
    .addOption(seedOption("what the split is drawn from, as for train (default: 0)"))
    .option("--backbone <network>", "the network that photos are compared by (default: efficientnet-lite0)")
    .option("--offline", "fetch nothing: take networks that have been downloaded")
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `${NETWORK_HELP}\n${example("headstart check photos", "headstart check photos --against test-photos --json", "headstart check photos --fix")}`,
    )
    .action(async (photos: string, { undo = false, ...options }: CheckArguments) => {
      if (undo) await putBack(terminal, photos, options);
      else await check(terminal, photos, options);
    });
}

async function check(
  terminal: Terminal,
  photos: string,
  { fix, quarantine, json = false, ...choices }: CheckArguments,
): Promise<void> {
  const display = await ProgressDisplay.open(
    terminal,
    json ? (terminal.isInteractive ? "lines" : "silent") : undefined,
  );
  const onProgress = (progress: Progress) => {
    if (progress.kind === "note") terminal.warn(printable(progress.message));
    else if (progress.kind === "progress") display.show(progress);
  };
  try {
    const { checkMovable, checkPhotos, fixPhotos } = await import("../run/index.js");
    if (fix !== undefined) checkMovable(photos);
    const { found, fixed } = await withInterrupt(terminal, async (signal) => {
      const checked = await checkPhotos(photos, { ...choices, signal, onProgress });
      display.close();
      if (fix === undefined) return { found: checked };
      const kinds = fix === true ? {} : { kinds: fix };
      const folder = quarantine === undefined ? {} : { folder: quarantine };
      return {
        found: checked,
        fixed: await fixPhotos(photos, checked.findings, { ...kinds, ...folder, signal }),
      };
    });
    if (json) terminal.printJson({ ...found, ...(fixed && { fixed }) });
    else {
      printCheck(terminal, photos, found);
      printEnd(terminal, photos, found, fixed);
    }
    if (left(found.findings, fixed).some(({ severity }) => severity === "error"))
      terminal.exitCode = FOUND_ERRORS;
  } finally {
    display.close();
  }
}

/** Findings that moving photos has not settled. */
function left(findings: readonly Finding[], fixed: Quarantined | undefined): Finding[] {
  const moved = new Set(fixed?.moved);
  return findings.filter(({ movable }) => movable.length === 0 || !movable.every((name) => moved.has(name)));
}

function printEnd(
  terminal: Terminal,
  photos: string,
  { findings }: Check,
  fixed: Quarantined | undefined,
): void {
  const { dim } = terminal.colours;
  terminal.print();
  if (fixed?.folder !== undefined) {
    const { length } = fixed.moved;
    terminal.print(
      `${whole(length)} ${length === 1 ? "photo was" : "photos were"} moved to ${printable(shownPath(fixed.folder))}`,
    );
    terminal.print(dim(`put them back with: headstart check ${printable(shellPath(photos))} --undo`));
  } else if (fixed !== undefined) terminal.print("There was nothing to move.");
  const open = left(findings, fixed);
  const counts = (["error", "warning", "note"] as const).map((severity) => {
    const number = open.filter((finding) => finding.severity === severity).length;
    return `${whole(number)} ${severity}${number === 1 ? "" : "s"}`;
  });
  terminal.print(`${counts.join(", ")}${fixed?.folder === undefined ? "" : " left"}`);
}

async function putBack(
  terminal: Terminal,
  photos: string,
  { quarantine, json = false }: Pick<CheckArguments, "quarantine" | "json">,
): Promise<void> {
  const { undoQuarantine } = await import("../data/index.js");
  const done: Restored = await undoQuarantine(photos, quarantine);
  if (json) terminal.printJson(done);
  else {
    const { length } = done.restored;
    terminal.print(
      `${whole(length)} ${length === 1 ? "photo is" : "photos are"} back in ${printable(shownPath(photos))}`,
    );
    for (const { name, reason } of done.left)
      terminal.print(printable(`${name} was not put back: ${reason}`));
  }
  if (done.left.length > 0) terminal.exitCode = FOUND_ERRORS;
}

function kindsOf(text: string): FindingKind[] {
  return text.split(",").map((word) => {
    const kind = FINDING_KINDS.find((one) => one === word.trim());
    if (kind !== undefined) return kind;
    throw new InvalidArgumentError(
      `There is no kind of finding "${word.trim()}". Kinds are: ${FINDING_KINDS.join(", ")}.`,
    );
  });
}
