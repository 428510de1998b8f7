import { describe, expect, test } from "vitest";
import { createRandom } from "../../random.js";
import type { Appearance } from "./appearance.js";
import { fisher } from "./fisher.js";
import { type Seen, shortcutFindings } from "./shortcuts.js";

/** Photos whose appearance has nothing to do with their class, but for what `change` makes of it. */
function photos(
  perClass: number,
  classes: readonly string[],
  change: (className: string) => Partial<Appearance>,
): Seen[] {
  const random = createRandom("shortcuts");
  const level = () => random.between(0.2, 0.8);
  return classes.flatMap((className) =>
    Array.from(
      { length: perClass },
      (_, i): Seen => ({
        name: `${className}/${i}`,
        path: "",
        className,
        digest: `${className} ${i}`,
        side: "train",
        bytes: Math.round(random.between(1000, 9000)),
        appearance: {
          width: 100 + random.integer(300),
          height: 100 + random.integer(300),
          orientation: 1,
          format: random.uniform() < 0.5 ? "jpeg" : "png",
          colour: [level(), level(), level()],
          border: [level(), level(), level()],
          borderSpread: level(),
          contrast: level(),
          truncated: false,
          ...change(className),
        },
      }),
    ),
  );
}

const TWO = ["cat", "dog"];

describe("shortcuts", () => {
  test("none where nothing tells the classes", () => {
    expect(
      shortcutFindings(
        photos(60, TWO, () => ({})),
        TWO,
      ),
    ).toEqual([]);
    const four = ["cat", "dog", "fox", "owl"];
    expect(
      shortcutFindings(
        photos(40, four, () => ({})),
        four,
      ),
    ).toEqual([]);
  });

  test.each([
    ["file type", (name: string): Partial<Appearance> => ({ format: name === "cat" ? "png" : "jpeg" })],
    [
      "image size",
      (name: string): Partial<Appearance> => ({ width: name === "cat" ? 200 : 201, height: 200 }),
    ],
    [
      "evenness of the border",
      (name: string): Partial<Appearance> => ({ borderSpread: name === "cat" ? 0 : 0.3 }),
    ],
  ])("%s", (property, change) => {
    const findings = shortcutFindings(photos(40, TWO, change), TWO).filter(
      ({ details }) => details.property === property,
    );
    expect(findings).toHaveLength(1);
    expect(findings[0]?.severity).toBe("warning");
    expect(findings[0]?.confidence).toBeGreaterThan(0.999);
  });

  test("mean colour is a note: it may be what the classes differ in", () => {
    const red = (name: string): Partial<Appearance> => ({
      colour: name === "cat" ? [0.8, 0.4, 0.2] : [0.3, 0.4, 0.6],
    });
    const findings = shortcutFindings(photos(40, TWO, red), TWO);
    expect(findings.map(({ severity }) => severity)).toContain("note");
    expect(findings.map(({ details }) => details.property)).toContain("mean colour (red to blue)");
  });

  test("of several classes, the one that stands out is named", () => {
    const four = ["cat", "dog", "fox", "owl"];
    const findings = shortcutFindings(
      photos(40, four, (name) => (name === "fox" ? { format: "webp" } : {})),
      four,
    );
    expect(findings.map(({ details }) => details.class)).toEqual(["fox"]);
    expect(findings[0]?.sentence).toBe(
      "fox can be told from all others by the file type alone, in 100 % of the photos.",
    );
  });

  test("few photos prove nothing", () => {
    const change = (name: string): Partial<Appearance> => ({ format: name === "cat" ? "png" : "jpeg" });
    expect(shortcutFindings(photos(9, TWO, change), TWO)).toEqual([]);
  });
});

test("Fisher's exact test is SciPy's", () => {
  // scipy.stats.fisher_exact([[8, 2], [1, 5]], alternative="greater").pvalue and so on
  expect(fisher(8, 9, 2, 7)).toBeCloseTo(0.024475524475524483, 10);
  expect(fisher(3, 10, 3, 10)).toBeCloseTo(0.6857585139318886, 10);
  expect(fisher(30, 30, 0, 30)).toBeCloseTo(8.455616946072368e-18, 24);
  expect(fisher(0, 10, 0, 10)).toBe(1);
});
