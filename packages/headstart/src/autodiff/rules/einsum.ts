import { stringAttribute } from "../../onnx/index.js";
import type { GradientContext, GradientRules } from "../rule.js";

/**
 * Sums of products over named axes. The gradient of one operand is the same sum with the gradient of the result in that operand's place: in
 * `ij,jk->ik`, that of the first is `ik,jk->ij` (Laue, Mitterreiter and Giesen, Computing higher order derivatives of matrix and tensor
 * expressions, 2018, theorem 8).
 */
export const einsum: GradientRules = {
  Einsum: (g, ...operands) => {
    const { terms, result } = read(g);
    return operands.map((operand, place) => () => {
      const { b, dY, dims } = g;
      const term = terms[place] ?? "";
      const others = terms.filter((_, other) => other !== place);
      // A letter that stands nowhere else was summed over: its gradients are all the same.
      const found = [...term].filter((letter) => [result, ...others].some((other) => other.includes(letter)));
      const equation = `${[result, ...others].join()}->${found.join("")}`;
      const inputs = [dY, ...operands.filter((_, other) => other !== place)];
      const product = equation === `${result}->${result}` ? dY : b.node("Einsum", inputs, { equation });
      const absent = [...term].flatMap((letter, axis) => (found.includes(letter) ? [] : [axis]));
      if (absent.length === 0) return product;
      return b.node("Expand", [b.node("Unsqueeze", [product, b.integers(absent)]), dims(operand)]);
    });
  },
};

/** The letters of each operand's axes and of the result's. Without an arrow, the result has the letters that stand once, in their order. */
function read({ node, unsupported }: GradientContext): { terms: string[]; result: string } {
  const equation = stringAttribute(node, "equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  if (equation.includes(".")) throw unsupported(`whose equation ${equation} leaves axes without a letter`);
  if (terms.some((term) => new Set(term).size < term.length))
    throw unsupported(`whose equation ${equation} takes a diagonal`);
  const letters = [...terms.join("")].sort();
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  return { terms, result: right ?? once.join("") };
}
