import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { registerFonts } from "./fonts.js";

const here = dirname(fileURLToPath(import.meta.url));

// Counts the dark pixels of some texts, with the fonts registered if REGISTER says so. Vite loads the TypeScript.
const COUNT = `
import { runnerImport } from "vite";
import sharp from "sharp";
const load = async (file) => (await runnerImport(file, { configFile: false, logLevel: "silent" })).module;
const { svgDocument, text } = await load("./svg.ts");
if (process.env.REGISTER === "yes") await (await load("./fonts.ts")).registerFonts();
const counts = [];
for (const [content, bold] of [["iiii", false], ["WWWW", false], ["WWWW", true], ["Жжжж", false], ["Жжжж", true]]) {
  const svg = svgDocument(300, 40, [text(10, 28, content, { size: 20, bold })]);
  const pixels = await sharp(Buffer.from(svg)).removeAlpha().greyscale().raw().toBuffer();
  counts.push(pixels.filter((value) => value < 200).length);
}
console.log(JSON.stringify(counts));
`;

/** The counts of a fresh process on a machine that has no font at all. */
async function countWithoutFonts(register: "yes" | "no"): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), "headstart-fonts-"));
  try {
    const settings = join(folder, "fonts.conf");
    await writeFile(settings, `<?xml version="1.0"?><fontconfig><cachedir>${folder}</cachedir></fontconfig>`);
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", COUNT], {
      cwd: here,
      env: { ...process.env, FONTCONFIG_FILE: settings, REGISTER: register },
    });
    return JSON.parse(stdout) as number[];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("texts are drawn on a machine without any font", async () => {
  // Without a font each character is the same empty box, so a narrow letter is as black as a wide one.
  expect(new Set(await countWithoutFonts("no")).size).toBe(1);
  const [narrow = 0, wide = 0, wideBold = 0, cyrillic = 0, cyrillicBold = 0] = await countWithoutFonts("yes");
  expect(narrow).toBeGreaterThan(50);
  expect(wide).toBeGreaterThan(narrow * 1.5);
  expect(wideBold).toBeGreaterThan(wide * 1.1);
  expect(cyrillic).toBeGreaterThan(narrow * 1.5);
  expect(cyrillicBold).toBeGreaterThan(cyrillic * 1.1);
});

test("registers once", () => {
  expect(registerFonts()).toBe(registerFonts());
});
