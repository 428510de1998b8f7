import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { parseManifest } from "./manifest.js";
import { SPLITS } from "./photo.js";

const read = (text: string) =>
  parseManifest(text, "m.csv").map(({ name, label, split }) => [name, label, split]);

describe("parseManifest", () => {
  test("path, label and split; order, case, spaces, quotes, extra columns and a byte order mark do not matter", () => {
    expect(
      read('\ufeffLabel, PATH ,note,Split\r\ncat, a/b.jpg ,x,Train\r\n\r\n"big, dog","c ""d"".jpg",,val\r\n'),
    ).toEqual([
      ["a/b.jpg", "cat", "train"],
      ['c "d".jpg', "big, dog", "validation"],
    ]);
    expect(read("path,label\n./x/../y.jpg,Ünï\n")).toEqual([["y.jpg", "Ünï", undefined]]);
    expect(read("path,label,split\na,b,\nc,d,\n")).toEqual([
      ["a", "b", undefined],
      ["c", "d", undefined],
    ]);
    expect(read("path,label\n")).toEqual([]);
  });

  test.each([
    ["", "m.csv is empty."],
    ["a.jpg,cat\n", "The first line of m.csv has no column path."],
    ["path,class\na,b\n", "The first line of m.csv has no column label."],
    ["path,label,path\na,b,c\n", "has the column path twice"],
    ["path,label\na.jpg,\n", "Line 2 of m.csv has no label."],
    ["path,label\n\n\n,x\n", "Line 4 of m.csv has no path."],
    ["path,label\n../a.jpg,x\n", "The path in line 2 of m.csv leads out of its folder: ../a.jpg."],
    ["path,label\nb/../../a.jpg,x\n", "leads out of its folder"],
    ["path,label\n/etc/a.jpg,x\n", "leads out of its folder"],
    ["path,label\nC:\\a.jpg,x\n", "leads out of its folder"],
    ["path,label,split\na,x,train\nb,x,dev\n", "Line 3 of m.csv has an unknown split: dev."],
    ["path,label,split\na,x,train\nb,x,\n", "Line 3 of m.csv has no split, but line 2 has one."],
    ["path,label\na,x\n./a,y\n", "a stands in lines 2 and 3 of m.csv."],
    ["path,label\na,b,c\n", /^Line 2 of m.csv is not sound CSV/],
    ['path,label\na,"b\n', /is not sound CSV/],
  ])("%j is refused", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  test("whatever is quoted comes back", () => {
    const value = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
      .filter((text) => text.trim() === text && !/[\0\r]/.test(text) && text !== "");
    const rows = fc.uniqueArray(
      fc.record({
        path: value.filter((text) => !/[./\\]/.test(text)),
        label: value,
        split: fc.constantFrom(...SPLITS),
      }),
      {
        selector: ({ path }) => path,
        maxLength: 8,
      },
    );
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(rows, (given) => {
        const text = `path,label,split\n${given.map(({ path, label, split }) => `${quoted(path)},${quoted(label)},${split}\n`).join("")}`;
        expect(read(text)).toEqual(given.map(({ path, label, split }) => [path, label, split]));
      }),
    );
  });

  test("any text is read or refused with a sentence", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const whole of [text, `path,label\n${text}`]) {
          try {
            for (const { name } of parseManifest(whole, "m.csv"))
              expect(name.startsWith("..") && !name.startsWith("...")).toBe(false);
          } catch (error) {
            expect(error).toBeInstanceOf(HeadstartError);
            expect(error).toMatchObject({ code: "INVALID_DATA" });
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
