import { floats, type Graph, GraphBuilder, type Tensor } from "../../onnx/index.js";
import type { Runtime } from "../../runtime/index.js";

/** How far features point in the same direction as others: the cosine of the angle between them, over some photos. */
export interface Agreement {
  /** Mean over the photos; 1 is the best. */
  readonly mean: number;
  /** Of the photo that agrees least. */
  readonly least: number;
}

/**
 * Compares features with others of the same photos.
 *
 * @param runtime - runs the comparison
 * @param expected - features [N, D]
 * @param found - features [N, D]
 */
export async function compareFeatures(runtime: Runtime, expected: Tensor, found: Tensor): Promise<Agreement> {
  const session = await runtime.load(COSINES);
  const { cosine } = await session.run<"cosine">({ expected, found });
  await session.close();
  const values = floats(cosine);
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, least: Math.min(...values) };
}

/** Cosine of the angle between rows of `expected` and `found`, both [N, D]; 0 where one of them is zero. */
const COSINES: Graph = (() => {
  const b = new GraphBuilder("cosines");
  const expected = b.input("expected", "float32", ["N", "D"]);
  const found = b.input("found", "float32", ["N", "D"]);
  const length = (rows: string) => b.node("ReduceL2", [rows, b.integers([1])], { keepdims: 0 });
  const dot = b.node("ReduceSum", [b.node("Mul", [expected, found]), b.integers([1])], { keepdims: 0 });
  const lengths = b.node("Max", [b.node("Mul", [length(expected), length(found)]), b.scalar(1e-30)]);
  b.output("cosine", "float32", ["N"], b.node("Div", [dot, lengths]));
  return b.build();
})();
