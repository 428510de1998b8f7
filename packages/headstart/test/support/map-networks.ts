import { elementCount, float32, type Graph, GraphBuilder, uint8 } from "../../src/onnx/index.js";
import { createRandom } from "../../src/random.js";

/** Side of the photos of these networks, and the number of their classes. */
export const SIDE = 16;
export const CLASSES = 3;

/** Writes a network with weights that a seed gives. */
export interface MapNetwork {
  readonly b: GraphBuilder;
  /** A constant of drawn numbers. */
  readonly drawn: (name: string, dims: readonly number[]) => string;
}

/**
 * A classifier from `image` uint8 [N, 16, 16, 3] to `probabilities` and `logits`.
 *
 * @param body - from float [N, 3, 16, 16] to the logits [N, 3]
 * @param classes - how many classes it has
 */
export function mapClassifier(
  body: (network: MapNetwork, image: string) => string,
  classes = CLASSES,
): Graph {
  const random = createRandom("a network with maps");
  const b = new GraphBuilder("small");
  const image = b.input("image", "uint8", ["N", SIDE, SIDE, 3]);
  const planes = b.node("Transpose", [b.node("Cast", [image], { to: 1 })], { perm: [0, 3, 1, 2] });
  const drawn = (name: string, dims: readonly number[]) => {
    const range = Math.sqrt(3 / Math.max(1, elementCount(dims) / (dims[0] ?? 1)));
    const values = random.fill(new Float32Array(elementCount(dims)), (r) => r.between(-range, range));
    return b.constant(name, float32(dims, values));
  };
  const logits = body({ b, drawn }, b.node("Div", [planes, b.scalar(128)]));
  b.output("probabilities", "float32", ["N", classes], b.node("Softmax", [logits], { axis: 1 }));
  b.output("logits", "float32", ["N", classes], logits);
  return b.build();
}

/** Two convolutions with a rectifier behind each: [N, 8, 8, 8], then [N, 8, 4, 4], which is called `deep`. */
export function addMaps({ b, drawn }: MapNetwork, image: string): string {
  const convolve = (x: string, name: string, from: number) =>
    b.node("Conv", [x, drawn(`${name}.weight`, [8, from, 3, 3]), drawn(`${name}.bias`, [8])], {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
    });
  const first = b.node("Relu", [convolve(image, "first", 3)], {}, { name: "shallow" });
  return b.node("Relu", [convolve(first, "second", 8)], {}, { name: "deep" });
}

/** The usual network: two convolutions, global average, a fully connected layer. */
export function pooledNetwork(classes = CLASSES): Graph {
  return mapClassifier((network, image) => {
    const { b, drawn } = network;
    const pooled = b.node("GlobalAveragePool", [addMaps(network, image)], {}, { name: "pool" });
    const features = b.node("Flatten", [pooled], { axis: 1 });
    return b.node("Gemm", [features, drawn("head.weight", [8, classes]), drawn("head.bias", [classes])]);
  }, classes);
}

/**
 * A small vision transformer of two blocks: 16 tokens of 8 numbers. It reads its class off a class token, or off the average of the tokens.
 */
export function transformer(readOff: "class token" | "average"): Graph {
  return mapClassifier(({ b, drawn }, image) => {
    const patches = b.node("Conv", [image, drawn("patch.weight", [8, 3, 4, 4])], { strides: [4, 4] });
    const rows = b.node("Reshape", [patches, b.integers([0, 8, 16])]);
    const bare = b.node("Transpose", [rows], { perm: [0, 2, 1] }, { name: "patches" });
    const count = b.node("Shape", [bare], { end: 1 });
    const sizes = b.node("Concat", [count, b.integers([1, 8])], { axis: 0 });
    const token = b.node("Expand", [drawn("token", [1, 1, 8]), sizes]);
    let x = readOff === "average" ? bare : b.node("Concat", [token, bare], { axis: 1 });
    const normalise = (value: string, name: string) => {
      const scale = b.constant(`${name}.scale`, float32([8], new Float32Array(8).fill(1)));
      return b.node("LayerNormalization", [value, scale], { axis: -1 }, { name });
    };
    for (const block of ["block0", "block1"]) {
      const normal = normalise(x, `${block}.norm`);
      const [q = "", k = "", v = ""] = ["q", "k", "v"].map((name) =>
        b.node("MatMul", [normal, drawn(`${block}.${name}`, [8, 8])]),
      );
      const scores = b.node("MatMul", [q, b.node("Transpose", [k], { perm: [0, 2, 1] })]);
      const mixed = b.node("MatMul", [b.node("Softmax", [scores], { axis: -1 }), v]);
      x = b.node("Add", [x, mixed], {}, { name: `${block}.attention` });
      const inner = b.node("Relu", [
        b.node("MatMul", [normalise(x, `${block}.norm2`), drawn(`${block}.up`, [8, 8])]),
      ]);
      const made = b.node("MatMul", [inner, drawn(`${block}.down`, [8, 8])]);
      x = b.node("Add", [x, made], {}, { name: `${block}.out` });
    }
    const last = normalise(x, "norm");
    const features =
      readOff === "average"
        ? b.node("ReduceMean", [last, b.integers([1])], { keepdims: 0 })
        : b.node("Gather", [last, b.constant("first", { ...b0, dims: [] })], { axis: 1 });
    return b.node("Gemm", [features, drawn("head.weight", [8, CLASSES])]);
  });
}

/** The index 0. */
const b0 = { type: "int64", dims: [1], data: new Uint8Array(8) } as const;

/** Photos of drawn pixels. */
export function mapPhotos(count: number) {
  const random = createRandom("photos for maps");
  return uint8(
    [count, SIDE, SIDE, 3],
    Uint8Array.from({ length: count * SIDE * SIDE * 3 }, () => random.integer(256)),
  );
}
