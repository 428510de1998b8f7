import { type Finding, leakedPhotos, type Split } from "../data/index.js";
import type { ReportFinding, ReportLeak } from "../report/html/index.js";
import type { PhotoAnswer } from "./answers.js";
import type { Check } from "./check.js";
import { FINDING_TITLES } from "./finding-titles.js";

/** What a check found, kind by kind, in the order that it tells. */
export function findingsOf({ findings }: Pick<Check, "findings">): ReportFinding[] {
  const kinds = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = `${finding.severity} ${finding.kind}`;
    kinds.set(key, [...(kinds.get(key) ?? []), finding]);
  }
  return [...kinds.values()].flatMap((found) =>
    found.slice(0, 1).map(({ severity, kind }) => ({
      severity,
      title: FINDING_TITLES[kind],
      items: found.map(({ sentence, confidence, photos, advice }) => ({
        sentence,
        confidence,
        photos: photos.map(({ name }) => name),
        advice,
      })),
    })),
  );
}

/**
 * What photos that show what training photos show do to the accuracy, of each split that has such photos. Photos are in the splits of the
 * run, whatever the check took them to be in.
 *
 * @param answers - what the run's classifier says about its photos
 */
export function leaksOf(
  { findings }: Pick<Check, "findings">,
  answers: readonly PhotoAnswer[],
): ReportLeak[] {
  const sides = new Map(answers.map(({ name, split }) => [name, split]));
  const copies = findings
    .filter(({ kind }) => kind.startsWith("exact-copies") || kind.startsWith("near-copies"))
    .map(({ photos }) => ({
      kind: "near-copies-across-splits" as const,
      photos: photos.flatMap((photo) => {
        const side = sides.get(photo.name);
        return side === undefined ? [] : [{ ...photo, side }];
      }),
    }));
  const leaked = new Set(leakedPhotos(copies).map(({ name }) => name));
  return (["validation", "test"] as const satisfies readonly Split[]).flatMap((split) => {
    const own = answers.filter((answer) => answer.split === split);
    const others = own.filter(({ name }) => !leaked.has(name));
    const accuracy = accuracyOf(own);
    if (accuracy === null || others.length === own.length) return [];
    return [{ split, leaked: own.length - others.length, accuracy, without: accuracyOf(others) }];
  });
}

function accuracyOf(answers: readonly PhotoAnswer[]): number | null {
  const right = answers.filter(({ className, top }) => top[0]?.className === className).length;
  return answers.length === 0 ? null : right / answers.length;
}
