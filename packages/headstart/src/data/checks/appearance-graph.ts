import { float32, type Graph, GraphBuilder } from "../../onnx/index.js";
import { LUMINANCE } from "../colour.js";
import { resizeStage } from "../resize.js";
import { OF_PIXELS, SMALL } from "./appearance.js";

/** The pixels' part of the appearance of photos `photo`, uint8 `[N, size, size, 3]`: `appearance`, float `[N, OF_PIXELS]`. */
export function composeAppearance(size: number): Graph {
  const b = new GraphBuilder("appearance");
  const photo = b.input("photo", "uint8", ["N", size, size, 3]);
  const planes = b.node("Transpose", [b.node("Cast", [photo], { to: 1 })], { perm: [0, 3, 1, 2] });
  b.output("appearance", "float32", ["N", OF_PIXELS], addAppearance(b, planes, size));
  return b.build();
}

/**
 * Adds what makes the pixels' part of an appearance: mean colour, mean colour of the edge, spread of the edge, contrast, and the brightness of
 * the small picture, all from 0 to 1.
 *
 * @param planes - photos squashed to squares, float `[N, 3, size, size]` from 0 to 255
 */
export function addAppearance(b: GraphBuilder, planes: string, size: number): string {
  const small = b.node("Reshape", [addSmall(b, planes, size), b.integers([-1, 3, SMALL * SMALL])]);
  const colours = b.node("Div", [small, b.scalar(255)]);
  const grey = b.node("MatMul", [b.constant("luminance", float32([1, 1, 3], LUMINANCE)), colours]);
  const edge = (value: string) => b.node("Gather", [value, b.integers(edgePixels())], { axis: 2 });
  const mean = (value: string) => b.node("ReduceMean", [value, b.integers([2])], { keepdims: 1 });
  const spread = (value: string) => {
    const off = b.node("Sub", [value, mean(value)]);
    return b.node("Sqrt", [mean(b.node("Mul", [off, off]))]);
  };
  const figures = [mean(colours), mean(edge(colours)), spread(edge(grey)), spread(grey), grey];
  const flat = figures.map((value) => b.node("Flatten", [value], { axis: 1 }));
  return b.node("Concat", flat, { axis: 1 });
}

/** Photos brought to the small size: by the means of whole numbers of pixels where that comes out, as `resizeStage` does otherwise. */
function addSmall(b: GraphBuilder, planes: string, size: number): string {
  if (size === SMALL) return planes;
  const part = size / SMALL;
  if (!Number.isInteger(part)) return resizeStage(SMALL, "bicubic")(b, planes);
  return b.node("AveragePool", [planes], { kernel_shape: [part, part], strides: [part, part] });
}

/** Pixels of the outermost rows and columns. */
function edgePixels(): number[] {
  const last = SMALL - 1;
  return Array.from({ length: SMALL * SMALL }, (_, i) => i).filter((i) => {
    const [y, x] = [Math.floor(i / SMALL), i % SMALL];
    return x === 0 || y === 0 || x === last || y === last;
  });
}
