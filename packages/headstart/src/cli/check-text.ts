import type { Finding } from "../data/index.js";
import { FINDING_TITLES } from "../run/finding-titles.js";
import type { Check } from "../run/index.js";
import type { Terminal } from "./terminal.js";
import { percent, printable, shownPath, table, whole } from "./text.js";

/** Sentences that are printed of one kind. */
const MOST_SENTENCES = 5;

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
    FINDING_TITLES[first.kind],
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
    terminal.print(coloured(terminal, first, `${FINDING_TITLES[first.kind]} (${first.kind})`));
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
