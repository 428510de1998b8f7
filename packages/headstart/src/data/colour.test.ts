import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ColourParameters, colourMatrix, LUMINANCE } from "./colour.js";

const luminanceOf = (colour: readonly number[]) =>
  colour.reduce((sum, value, channel) => sum + value * (LUMINANCE[channel] ?? 0), 0);

/** What a matrix makes of a colour in a photo of a mean luminance. */
function changed(parameters: ColourParameters, colour: readonly number[], mean = 0): number[] {
  const matrix = colourMatrix(parameters);
  return [0, 1, 2].map((row) =>
    [...colour, mean].reduce((sum, value, column) => sum + value * (matrix[row * 4 + column] ?? 0), 0),
  );
}

const close = (found: readonly number[], wanted: readonly number[], within = 1e-3) => {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of found.entries())
    expect(Math.abs(value - (wanted[i] ?? Number.NaN))).toBeLessThan(within);
};

const value = fc.double({ min: 0, max: 255, noNaN: true });
const factor = fc.double({ min: 0, max: 3, noNaN: true });
const angle = fc.double({ min: -180, max: 180, noNaN: true });
const colours = fc.tuple(value, value, value);

describe("colourMatrix", () => {
  test("nothing to do is the identity", () => {
    close([...colourMatrix({})], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], 1e-12);
  });

  test("each change by hand", () => {
    const colour = [100, 150, 200];
    close(changed({ brightness: 1.2 }, colour), [120, 180, 240]);
    close(changed({ contrast: 0.5 }, colour, 80), [90, 115, 140]);
    // Luminance 0.299 * 100 + 0.587 * 150 + 0.114 * 200 = 140.75.
    close(changed({ saturation: 0 }, colour), [140.75, 140.75, 140.75]);
    close(changed({ saturation: 2 }, colour), [59.25, 159.25, 259.25]);
    // Half a turn takes a colour to the other side of its grey.
    close(changed({ hue: 180 }, colour), [181.5, 131.5, 81.5]);
  });

  test("a quarter turn of hue, by inverting the matrix of YIQ", () => {
    const rows = [0.1277, 0.2644, 0.6079, 0, 0.6313, 0.5473, -0.1786, 0, -0.9626, 1.6376, 0.325, 0];
    close([...colourMatrix({ hue: 90 })], rows, 1e-4);
  });

  test("a small turn takes red towards yellow, and the other way towards magenta", () => {
    const [, green = 0, blue = 0] = changed({ hue: 15 }, [200, 50, 50]);
    expect(green).toBeGreaterThan(60);
    expect(blue).toBeLessThan(40);
    const [, otherGreen = 0, otherBlue = 0] = changed({ hue: -15 }, [200, 50, 50]);
    expect(otherGreen).toBeLessThan(40);
    expect(otherBlue).toBeGreaterThan(60);
  });

  test("hue and saturation keep the luminance, and greys", () => {
    fc.assert(
      fc.property(factor, angle, colours, value, (saturation, hue, colour, grey) => {
        const found = changed({ saturation, hue }, colour);
        expect(Math.abs(luminanceOf(found) - luminanceOf(colour))).toBeLessThan(1e-3);
        close(changed({ saturation, hue }, [grey, grey, grey]), [grey, grey, grey]);
      }),
    );
  });

  test("is its parts one after the other, in either order", () => {
    fc.assert(
      fc.property(factor, factor, factor, angle, colours, (brightness, contrast, saturation, hue, colour) => {
        const mean = 90;
        const together = changed({ brightness, contrast, saturation, hue }, colour, mean);
        const bright = changed({ brightness }, colour, mean);
        const forward = changed(
          { hue },
          changed({ saturation }, changed({ contrast }, bright, mean * brightness)),
        );
        const turned = changed({ saturation }, changed({ hue }, colour));
        const backward = changed({ brightness }, changed({ contrast }, turned, mean));
        close(forward, together, 0.02);
        close(backward, together, 0.02);
      }),
    );
  });
});
