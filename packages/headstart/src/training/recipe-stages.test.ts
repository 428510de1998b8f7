import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stageSchema } from "./recipe.js";
import { formatStages, parseStages } from "./recipe-stages.js";

describe("parseStages", () => {
  test("reads what formatStages writes, with blanks or without", () => {
    const stages = fc.array(
      fc.record({
        epochs: fc.integer({ min: 1, max: 100_000 }),
        imageSize: fc.integer({ min: 8, max: 4096 }),
      }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(stages, fc.constantFrom("", " "), (expected, space) => {
        const text = expected.map(({ epochs, imageSize }) => `${epochs}${space}@${space}${imageSize}`);
        expect(parseStages(text.join(`,${space}`))).toEqual(expected);
        expect(parseStages(formatStages(expected))).toEqual(expected);
      }),
    );
  });

  test("any text gives valid stages or INVALID_OPTION", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9@, .e-]{0,12}$/)), (text) => {
        let stages: unknown;
        try {
          stages = parseStages(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_OPTION" });
          return;
        }
        expect(stageSchema.array().min(1).safeParse(stages).success).toBe(true);
      }),
    );
  });

  test.each([
    "",
    "5",
    "5@",
    "@224",
    "0@224",
    "5@7",
    "5@99999",
    "5@224,",
    "-5@224",
    "5.5@224",
    "5@224;15@299",
  ])("refuses %j", (text) => {
    expect(() => parseStages(text)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
});
