import type { Finding, FindingKind } from "../data/index.js";
import type { Check } from "../run/index.js";
import type { Terminal } from "./terminal.js";
import { percent, printable, shownPath, table, whole } from "./text.js";

/** Sentences that are printed of one kind. */
const MOST_SENTENCES = 5;

/** What each kind of finding is called in the table. */
const TITLES: Readonly<Record<FindingKind, string>> = {
  broken: "cannot be decoded",
  empty: "empty files",
  "not-a-photo": "files that are no photos",
  unused: "files that are not used",
  truncated: "cut off or damaged",
  blank: "of one colour",
  tiny: "tiny",
  huge: "huge",
  narrow: "very wide or very high",
  rotated: "turned by EXIF",
  extension: "wrong extension",
  "exact-copies": "exact copies",
  "exact-copies-across-classes": "exact copies in two classes",
  "exact-copies-across-splits": "exact copies in two splits",
  "near-copies": "near copies",
  "near-copies-across-classes": "near copies in two classes",
  "near-copies-across-splits": "near copies in two splits",
  "class-missing": "classes missing on one side",
  "class-names": "class names nearly the same",
  "few-photos": "classes with few photos",
  imbalance: "classes of uneven size",
  label: "labels that others contradict",
  outlier: "unlike their class",
  shortcut: "shortcuts",
};

/** All kinds of findings, for the help. */
export const FINDING_KINDS: readonly string[] = Object.keys(TITLES);

/** Whether a word is a kind of finding. */
export function isFindingKind(word: string): word is FindingKind {
  return Object.hasOwn(TITLES, word);
}

/** Prints what a check found: a table of kinds, then the findings of each kind with what to do. */
export function printCheck(terminal: Terminal, photos: string, check: Check): void {
  const { bold, dim } = terminal.colours;
  terminal.print(
    `${bold(whole(check.photos))} photos of ${bold(String(check.classes.length))} classes in ${printable(shownPath(photos))}`,
  );
  const kinds = byKind(check.findings);
  if (kinds.length === 0) {
    terminal.print("Nothing was found to be wrong.");
    return;
  }
  terminal.print();
  const rows = kinds.map(([first, findings]) => [
    first.severity,
    TITLES[first.kind],
    whole(findings.length),
    whole(
      new Set(findings.flatMap((finding) => finding.photos.map(({ name, side }) => `${side}:${name}`))).size,
    ),
    percent(findings.reduce((sum, { confidence }) => sum + confidence, 0) / findings.length),
  ]);
  const [head, ...lines] = table(["", "what", "findings", "photos", "sure"], rows, (column) => column > 1);
  terminal.print(dim(head ?? ""));
  for (const [i, line] of lines.entries()) terminal.print(coloured(terminal, kinds[i]?.[0], line));
  for (const [first, findings] of kinds) {
    terminal.print();
    terminal.print(coloured(terminal, first, `${TITLES[first.kind]} (${first.kind})`));
    for (const { sentence, confidence } of findings.slice(0, MOST_SENTENCES))
      terminal.print(
        `  ${printable(sentence)}${confidence < 0.995 ? dim(` ${percent(confidence)} sure`) : ""}`,
      );
    if (findings.length > MOST_SENTENCES)
      terminal.print(dim(`  and ${whole(findings.length - MOST_SENTENCES)} more; --json lists them all`));
    for (const advice of new Set(findings.slice(0, MOST_SENTENCES).map((finding) => finding.advice)))
      terminal.print(dim(`  → ${printable(advice)}`));
  }
  const { length } = check.leaked;
  if (length === 0) return;
  terminal.print();
  terminal.print(
    `${bold(whole(length))} ${length === 1 ? "photo to measure with shows" : "photos to measure with show"} what training photos show: figures measured with them are too good.`,
  );
}

/** Findings of one kind and severity together, in the order that they come in, the first of each beside them. */
function byKind(findings: readonly Finding[]): [Finding, Finding[]][] {
  const kinds = new Map<string, [Finding, Finding[]]>();
  for (const finding of findings) {
    const key = `${finding.severity} ${finding.kind}`;
    const known = kinds.get(key);
    if (known) known[1].push(finding);
    else kinds.set(key, [finding, [finding]]);
  }
  return [...kinds.values()];
}

function coloured(terminal: Terminal, finding: Finding | undefined, line: string): string {
  const { red, yellow } = terminal.colours;
  if (finding?.severity === "error") return red(line);
  return finding?.severity === "warning" ? yellow(line) : line;
}
