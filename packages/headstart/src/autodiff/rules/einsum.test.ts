import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradients, property } from "../../../test/support/check-gradients.js";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float32 } from "../../onnx/index.js";

const EQUATIONS = [
  "ij,jk->ik",
  "ij,kj->ki",
  "bij,bjk->bik",
  "bhid,bhjd->bhij",
  "nchw,c->nchw",
  "nchw,dc->ndhw",
  "i,j->ij",
  "i,i->",
  "ij,j->i",
  "ij,kl->il",
  "ij,jk",
  "ij->ji",
  "ij->i",
  "ij->",
  "ij, ij -> ij",
  "ij,jk,kl->il",
];

describe("Einsum", () => {
  test.each(EQUATIONS)("%s", async (equation) => {
    const terms = (equation.split("->")[0] ?? "").replaceAll(" ", "").split(",");
    const letters = [...new Set(terms.join("").replaceAll(",", ""))];
    const sizes = fc.tuple(...letters.map(() => fc.integer({ min: 1, max: 3 })));
    await property(
      sizes,
      (drawn, seed) => {
        const size = (letter: string) => drawn[letters.indexOf(letter)] ?? 1;
        const inputs = terms.map((term) => ({
          dims: Array.from(term, size),
          declared: Array.from(term, (letter) => (letter === "i" ? "I" : size(letter))),
        }));
        return checkGradients(
          inputs,
          (b, ...names) => {
            return b.node("Einsum", names, { equation });
          },
          { seed },
        );
      },
      8,
    );
  });

  test.each([
    ["ii->i", "whose equation ii->i takes a diagonal"],
    ["...j->...", "whose equation ...j->... leaves axes without a letter"],
  ])("%s is refused", async (equation, why) => {
    const x = float32([2, 2], [1, 2, 3, 4]);
    await expect(gradientsOf((b) => b.node("Einsum", ["x"], { equation }), { x })).rejects.toThrow(why);
  });
});
