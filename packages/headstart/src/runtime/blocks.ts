import { float32, floats, type Graph, GraphBuilder, type Tensor, toBlocked } from "../onnx/index.js";

/** Runs a graph once. */
type Run = (
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
) => Promise<Readonly<Record<string, Tensor>>>;

/** Channels of the images that are tried: whole blocks of any size that is known. */
const CHANNELS = 32;

/** Largest difference to plain convolutions, for results of about 1. */
const TOLERANCE = 1e-4;

/**
 * Finds how many channels a block has in the layout that ONNX Runtime's processor code is fastest in, by reordering a small image; then runs a
 * small network with its gradients' kinds of convolution in either layout.
 *
 * @returns the block that `toBlocked` wants; undefined where the processor has no such layout, or its results are not those of plain convolutions
 */
export async function findBlock(run: Run): Promise<number | undefined> {
  try {
    const { order } = await run(composeOrder(), { x: ramp([1, CHANNELS, 1, 2]) });
    // The second place of the first channel stands behind the first place of all channels of the block.
    const block = order === undefined ? 0 : floats(order).indexOf(1);
    if (block !== 8 && block !== 16) return undefined;
    const network = composeNetwork();
    const inputs = {
      x: waves([2, CHANNELS, 4, 4]),
      image: waves([2, 3, 4, 4]),
      filter: waves([CHANNELS, CHANNELS, 3, 3]),
      first: waves([CHANNELS, 3, 3, 3]),
      each: waves([CHANNELS, 1, 3, 3]),
      bias: waves([CHANNELS]),
    };
    const [plain, blocked] = [await run(network, inputs), await run(toBlocked(network, block), inputs)];
    const [expected, found] = [plain.y && floats(plain.y), blocked.y && floats(blocked.y)];
    if (!expected || expected.length !== found?.length) return undefined;
    const near = expected.every((value, i) => Math.abs(value - (found[i] ?? Number.NaN)) < TOLERANCE);
    return near ? block : undefined;
  } catch {
    // A version of ONNX Runtime without these operators.
    return undefined;
  }
}

function composeOrder(): Graph {
  const b = new GraphBuilder("order");
  const x = b.input("x", "float32", [1, CHANNELS, 1, 2]);
  b.output(
    "order",
    "float32",
    [1, CHANNELS, 1, 2],
    b.node("ReorderInput", [x], {}, { domain: "com.microsoft.nchwc" }),
  );
  return b.build();
}

/** Every kind of convolution that `toBlocked` writes, with what it joins to them. */
function composeNetwork(): Graph {
  const b = new GraphBuilder("network");
  const image = b.input("image", "float32", [2, 3, 4, 4]);
  const x = b.input("x", "float32", [2, CHANNELS, 4, 4]);
  const filter = b.input("filter", "float32", [CHANNELS, CHANNELS, 3, 3]);
  const first = b.input("first", "float32", [CHANNELS, 3, 3, 3]);
  const each = b.input("each", "float32", [CHANNELS, 1, 3, 3]);
  const bias = b.input("bias", "float32", [CHANNELS]);
  const pads = [1, 1, 1, 1];
  const scaled = (value: string) => b.node("Mul", [value, b.scalar(0.1)]);
  const whole = b.node("Conv", [x, filter, bias], { pads });
  const sum = scaled(b.node("Relu", [b.node("Add", [whole, b.node("Conv", [image, first], { pads })])]));
  const deep = scaled(
    b.node("Clip", [b.node("Conv", [sum, each], { pads, group: CHANNELS }), b.scalar(0), b.scalar(6)]),
  );
  const strided = scaled(b.node("Conv", [deep, filter], { pads, strides: [2, 2] }));
  const back = b.node("ConvTranspose", [strided, filter], { pads, strides: [2, 2], output_padding: [1, 1] });
  b.output("y", "float32", [2, CHANNELS, 4, 4], b.node("Add", [scaled(back), deep]));
  return b.build();
}

function ramp(dims: readonly number[]): Tensor {
  return float32(
    dims,
    Float32Array.from({ length: dims.reduce((a, c) => a * c, 1) }, (_, i) => i),
  );
}

function waves(dims: readonly number[]): Tensor {
  return float32(
    dims,
    floats(ramp(dims)).map((i) => Math.sin(1.7 * i)),
  );
}
