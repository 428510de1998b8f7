import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  bytes,
  duration,
  figure,
  pad,
  percent,
  percentRange,
  printable,
  shellPath,
  shorten,
  shortenPath,
  shownPath,
  table,
  width,
} from "./text.js";

describe("figures", () => {
  test("shares are percentages with one decimal, and a dash where there is none", () => {
    expect([percent(0.981), percent(1), percent(null)]).toEqual(["98.1 %", "100.0 %", "-"]);
    expect([percentRange([0.9171, 0.9819]), percentRange(null)]).toEqual(["91.7 to 98.2 %", "-"]);
    expect([figure(0.16149), figure(null)]).toEqual(["0.1615", "-"]);
  });

  test.each([
    [0, "0 bytes"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [2.04e6, "2.0 MB"],
    [10e9, "10.0 GB"],
    [5e15, "5000.0 TB"],
  ])("%d is %s", (size, text) => expect(bytes(size)).toBe(text));

  test.each([
    [0.04, "0.0 s"],
    [8.24, "8.2 s"],
    [9.96, "10 s"],
    [59.4, "59 s"],
    [59.9, "1 min 0 s"],
    [125, "2 min 5 s"],
    [4830, "1 h 20 min"],
  ])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));
});

describe("paths", () => {
  test("are short inside the current folder and whole outside", () => {
    expect(shownPath(join(process.cwd(), "runs", "1"))).toBe(join("runs", "1"));
    expect(shownPath(join(process.cwd(), "..", "elsewhere"))).toBe(join(process.cwd(), "..", "elsewhere"));
    expect(shownPath(join(process.cwd(), "..runs"))).toBe("..runs");
    expect(shownPath(process.cwd())).toBe(".");
  });

  test("are quoted where a shell would take them apart", () => {
    expect(shellPath("runs/1")).toBe("runs/1");
    expect(shellPath("my runs/it's")).toBe("'my runs/it'\\''s'");
    expect(shellPath("runs/$(reboot)")).toBe("'runs/$(reboot)'");
  });

  test("keep their end where they are too long", () => {
    expect(shortenPath("photos/ants/1.jpg", 10)).toBe("…nts/1.jpg");
    expect(shortenPath("1.jpg", 10)).toBe("1.jpg");
  });
});

describe("texts", () => {
  test("nothing steers the terminal", () => {
    expect(printable("a\u001b[31mb\nc\u202ed")).toBe("a?[31mb?c?d");
    expect(printable("Ünïcode 'quotes' 猫")).toBe("Ünïcode 'quotes' 猫");
  });

  test("width counts what a terminal shows", () => {
    expect(width("cafe\u0301")).toBe(4);
    expect(width("猫")).toBe(2);
    expect(pad("猫", 4)).toBe("猫  ");
    expect(pad("1", 3, "right")).toBe("  1");
  });

  test("a long text loses its middle", () => {
    expect(shorten("Staffordshire Bullterrier", 11)).toBe("Staff…rrier");
    expect(shorten("short", 11)).toBe("short");
  });

  test("a table is aligned, and has no blanks at the ends of its lines", () => {
    expect(table(["class", "photos"], [["ants", "1,070"], ["bumble bees"]])).toEqual([
      "class        photos",
      "ants          1,070",
      "bumble bees",
    ]);
  });
});
