import type { Random } from "../random.js";

/**
 * Draws a number from 0 to 1 from the Beta distribution with both parameters `alpha`: its mean is 1/2 and its variance 1 / (8 alpha + 4).
 *
 * It is x / (x + y) of two draws from Gamma(alpha), each of which is a draw from Gamma(alpha + 1) times a uniform number to the power
 * 1 / alpha. The ratio is taken of logarithms, so it holds for an alpha near 0 as well.
 *
 * @param alpha - above 0; the nearer to 0, the nearer to 0 or 1 most draws are
 */
export function drawBeta(random: Random, alpha: number): number {
  const [x, y] = [logGamma(random, alpha + 1), logGamma(random, alpha + 1)];
  const [u, v] = [Math.log(1 - random.uniform()), Math.log(1 - random.uniform())];
  return 1 / (1 + Math.exp(y - x + (v - u) / alpha));
}

/** Logarithm of a draw from Gamma(shape), scale 1, for a shape of at least 1, as Marsaglia and Tsang make it (2000). */
function logGamma(random: Random, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = drawNormal(random);
    const cube = (1 + c * normal) ** 3;
    if (cube <= 0) continue;
    const accepted = normal ** 2 / 2 + d - d * cube + d * Math.log(cube);
    if (Math.log(1 - random.uniform()) < accepted) return Math.log(d * cube);
  }
}

/** A draw from the normal distribution of mean 0 and variance 1, by Box and Muller. */
function drawNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}
