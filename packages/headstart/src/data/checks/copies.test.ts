import { describe, expect, test } from "vitest";
import { copyFindings, exactCopies, leakedPhotos } from "./copies.js";
import type { CheckedPhoto, Side } from "./finding.js";

function photo(name: string, digest: string, side: Side, className = "cat"): CheckedPhoto {
  return { name, digest, side, className, path: name, bytes: 1 };
}

describe("copies", () => {
  test("one kind for each thing that they do", () => {
    const groups = exactCopies([
      photo("1", "a", "train"),
      photo("2", "a", "train"),
      photo("3", "b", "train"),
      photo("4", "b", "test"),
      photo("5", "c", "train"),
      photo("6", "c", "train", "dog"),
      photo("7", "d", "train"),
    ]);
    const findings = copyFindings(groups, "exact");
    expect(findings.map(({ kind, severity, movable }) => [kind, severity, movable])).toEqual([
      ["exact-copies", "warning", ["2"]],
      ["exact-copies-across-splits", "error", ["3"]],
      ["exact-copies-across-classes", "error", ["5", "6"]],
    ]);
    expect(leakedPhotos(findings)).toEqual([{ name: "4", className: "cat", side: "test" }]);
  });

  test("two classes and two splits at once are two findings", () => {
    const groups = exactCopies([photo("1", "a", "train"), photo("2", "a", "validation", "dog")]);
    expect(copyFindings(groups, "near").map(({ kind, severity }) => [kind, severity])).toEqual([
      ["near-copies-across-classes", "warning"],
      ["near-copies-across-splits", "error"],
    ]);
  });

  test("the other photos stay where they are, and what they hold twice is their business", () => {
    const others = exactCopies([photo("1", "a", "against"), photo("2", "a", "against")]);
    expect(copyFindings(others, "exact")).toEqual([]);
    const both = exactCopies([photo("1", "a", "against"), photo("2", "a", "test"), photo("3", "a", "train")]);
    const [finding] = copyFindings(both, "exact");
    expect(finding?.movable).toEqual(["3", "2"]);
    expect(leakedPhotos(finding ? [finding] : []).map(({ name }) => name)).toEqual(["1", "2"]);
  });

  test("test photos are kept before validation photos, and those before training photos", () => {
    const groups = exactCopies([
      photo("1", "a", "train"),
      photo("2", "a", "validation"),
      photo("3", "a", "test"),
    ]);
    expect(copyFindings(groups, "exact")[0]?.movable).toEqual(["1", "2"]);
    // Copies in one split do not tell it anything that it does not know.
    expect(leakedPhotos([{ kind: "exact-copies", photos: [] }])).toEqual([]);
  });
});
