import { createRequire } from "node:module";
import sharp from "sharp";

/** The typeface of every picture; the files come with the library, so pictures do not depend on what the machine has installed. */
export const FONT_FAMILY = "DejaVu Sans";

const FACES = [
  { file: "dejavu-fonts-ttf/ttf/DejaVuSans.ttf", font: "DejaVu Sans 12" },
  { file: "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf", font: "DejaVu Sans Bold 12" },
];

let registration: Promise<void> | undefined;

/**
 * Makes the typeface known to sharp's SVG renderer, once for the process. The renderer finds its fonts by fontconfig, and the one way to
 * hand fontconfig a font file is to draw a text with it; from then on SVG texts find it too, even where no font at all is installed.
 * It has to come before the first text that the process draws: the renderer remembers which typefaces it did not find.
 * Characters that the typeface lacks (Chinese, say) come from the machine's own fonts when it has any.
 */
export function registerFonts(): Promise<void> {
  registration ??= drawWithEach();
  return registration;
}

async function drawWithEach(): Promise<void> {
  const require = createRequire(import.meta.url);
  for (const { file, font } of FACES) {
    await sharp({ text: { text: "x", fontfile: require.resolve(file), font } })
      .raw()
      .toBuffer();
  }
}
