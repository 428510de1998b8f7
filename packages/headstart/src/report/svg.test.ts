import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openPicture } from "../../test/support/picture.js";
import { renderPng } from "./render.js";
import { border, escapeXml, oneLine, rect, text } from "./svg.js";

describe("escapeXml", () => {
  test("escapes what means something in XML", () => {
    expect(escapeXml(`<b>&"it's"`)).toBe("&lt;b&gt;&amp;&quot;it&#39;s&quot;");
  });

  test("replaces what XML cannot hold", () => {
    expect(escapeXml("a\u0000b\ud800c\uffffd")).toBe("a\ufffdb\ufffdc\ufffdd");
  });

  test("keeps other scripts and pairs of surrogates", () => {
    expect(escapeXml("Ромашка 日本 🌼")).toBe("Ромашка 日本 🌼");
  });

  test("leaves nothing that could break out of a text or an attribute", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const escaped = escapeXml(value);
        expect(escaped).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/);
        expect(escaped).not.toMatch(/[\p{Control}\p{Surrogate}\ufffe\uffff]/u);
      }),
    );
  });
});

describe("oneLine", () => {
  test("makes one line of several, and drops turns of direction", () => {
    expect(oneLine("a\r\n\tb\u2028c")).toBe("a b c");
    expect(oneLine("a\u202ebc\u2066")).toBe("abc");
  });
});

describe("drawing", () => {
  test.each([
    ['</text><rect width="99" height="99" fill="red"/>'],
    ["<!--"],
    ["]]>"],
    ["&bogus;"],
    ["a\u0000\u001b[31m\ud800"],
    ["\u202egpj.exe"],
    ["e\u0301".repeat(50)],
  ])("the hostile text %j breaks nothing", async (content) => {
    const png = await renderPng(100, 100, [text(10, 90, content), rect(0, 0, 20, 20, "#00ff00")]);
    const picture = await openPicture(png);
    expect([picture.width, picture.height]).toEqual([100, 100]);
    expect(picture.colourAt(10, 10)).toBe("#00ff00");
    expect(picture.colourAt(50, 10)).toBe("#ffffff");
    expect(picture.ink(0, 75, 100, 25)).toBeGreaterThan(20);
  });

  test("a border lies inside its rectangle", async () => {
    const picture = await openPicture(await renderPng(40, 40, [border(10, 10, 20, 20, 4, "#ff0000")]));
    expect(["9", "10", "13", "14"].map((x) => picture.colourAt(Number(x), 20))).toEqual([
      "#ffffff",
      "#ff0000",
      "#ff0000",
      "#ffffff",
    ]);
  });
});
