import { describe, expect, test } from "vitest";
import { madeUpReport } from "../../../test/support/report-data.js";
import {
  galleryPhotos,
  groupsOf,
  isRight,
  leastSure,
  mainSplit,
  probabilityOf,
  surestWrong,
} from "./groups.js";
import { smallPhotos } from "./pictures.js";

const data = madeUpReport({ classes: ["a", "b", "c"], perClass: 100, paths: ["x.jpg"] });
const photo = (index: number) => {
  const found = data.photos[index];
  if (found === undefined) throw new Error(`There is no photo ${index}.`);
  return found;
};

describe("groups", () => {
  test("the split that is looked at first is the test split, or what comes nearest", () => {
    expect(mainSplit(data)).toBe("test");
    expect(mainSplit({ splits: data.splits.slice(0, 2) })).toBe("validation");
    expect(mainSplit({ splits: [] })).toBe("train");
  });

  test("every photo is in one group, with the cell's number of photos", () => {
    const groups = [...groupsOf(data.photos).values()];
    expect(groups.reduce((sum, { photos }) => sum + photos.length, 0)).toBe(data.photos.length);
    for (const { split, truth, predicted, photos } of groups) {
      const report = data.splits.find((one) => one.split === split);
      expect(report?.confusion[truth]?.[predicted]).toBe(photos.length);
    }
  });

  test("galleries hold the surest wrong and the least sure right answers", () => {
    const wrong = surestWrong(data, "test");
    expect(wrong.every((index) => !isRight(photo(index)) && photo(index).split === "test")).toBe(true);
    const least = Math.min(...wrong.map((index) => probabilityOf(photo(index))));
    const left = data.photos.filter(
      (one, index) => one.split === "test" && !isRight(one) && !wrong.includes(index),
    );
    expect(left.every((one) => probabilityOf(one) <= least)).toBe(true);
    expect(leastSure(data).every((index) => isRight(photo(index)))).toBe(true);
    const all = galleryPhotos(data);
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(expect.arrayContaining(wrong));
  });

  test("where there is no room for all, what a check found comes first", () => {
    const [finding] = data.data.findings ?? [];
    const found = new Set(finding?.items.slice(0, 12).flatMap(({ photos }) => photos));
    expect(found.size).toBe(24);
    expect(new Set(smallPhotos(data, found.size).map((index) => photo(index).name))).toEqual(found);
  });

  test("... then wrong answers, then a few of each class", () => {
    const unchecked = { ...data, data: { ...data.data, findings: [] } };
    const wrong = data.photos.filter((one) => !isRight(one)).length;
    const chosen = smallPhotos(unchecked, wrong + 6);
    expect(chosen.filter((index) => !isRight(photo(index)))).toHaveLength(wrong);
    expect(chosen).toHaveLength(wrong + 6);
    expect(smallPhotos(unchecked, 5).every((index) => !isRight(photo(index)))).toBe(true);
  });
});
