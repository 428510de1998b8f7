/** How many colours there are. */
export const HEAT_COLOURS = 256;

/**
 * Colours for how much, from violet over red to yellow, in which equal steps look equal: lightness rises evenly, hue turns evenly, and so no step
 * stands out that is not in the numbers (P. Kovesi, Good colour maps: how to design them, 2015). Printed in grey, and to colour-blind
 * readers, lighter still means more.
 *
 * The path is laid in Oklab (B. Ottosson, A perceptual color space for image processing, 2020): for t from 0 to 1 the lightness is 0.30 + 0.63 t, the
 * hue 290 + 170 t degrees, the chroma 0.10 + 0.08 sin(pi t), which stays inside sRGB.
 *
 * @returns {@link HEAT_COLOURS} times red, green and blue, from 0 to 255
 */
export function heatColours(): Uint8Array<ArrayBuffer> {
  const colours = new Uint8Array(HEAT_COLOURS * 3);
  for (let i = 0; i < HEAT_COLOURS; i++) {
    const t = i / (HEAT_COLOURS - 1);
    const hue = ((290 + 170 * t) * Math.PI) / 180;
    const chroma = 0.1 + 0.08 * Math.sin(Math.PI * t);
    colours.set(fromOklab(0.3 + 0.63 * t, chroma * Math.cos(hue), chroma * Math.sin(hue)), 3 * i);
  }
  return colours;
}

/** From Oklab to sRGB, three bytes; the matrices are Ottosson's. */
function fromOklab(lightness: number, a: number, b: number): readonly [number, number, number] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    toByte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    toByte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    toByte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** From linear light, 0 to 1, to a byte of sRGB (IEC 61966-2-1). */
function toByte(light: number): number {
  const value = light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
  return Math.round(255 * value);
}
