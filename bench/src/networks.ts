import { float32, type Graph, GraphBuilder, type Tensor } from "../../packages/headstart/dist/onnx/index.js";

/** Number of features that a network ends in. */
export const FEATURES = { resnet50: 2048, "efficientnet-lite0": 1280 } as const;

/** A network that a benchmark builds, with random weights: times do not depend on them. */
export type NetworkName = keyof typeof FEATURES;

/** Whether a network of this name is built here. */
export function isNetworkName(name: string): name is NetworkName {
  return Object.hasOwn(FEATURES, name);
}

/** Photos float [N, 3, S, S] to features float [N, D], with batch normalisation as a file that was exported for training has it. */
export function network(name: NetworkName, size = 224): Graph {
  return name === "resnet50" ? resnet50(size) : efficientnetLite0(size);
}

/** As torchvision builds it: the stride of a bottleneck is in its 3 x 3 convolution. Its last stage is called `layer4`. */
function resnet50(size: number): Graph {
  const layers = new Layers("resnet50", size, 1e-5);
  const { b } = layers;
  const stem = layers.convolution("conv1", "bn1", "image", [3, 64], 7, { stride: 2, activation: "relu" });
  let x = b.node("MaxPool", [stem], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let channels = 64;
  for (const [stage, count] of [3, 4, 6, 3].entries()) {
    const width = 64 * 2 ** stage;
    for (let block = 0; block < count; block++) {
      const at = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const relu = { activation: "relu" } as const;
      const first = layers.convolution(`${at}.conv1`, `${at}.bn1`, x, [channels, width], 1, relu);
      const second = layers.convolution(`${at}.conv2`, `${at}.bn2`, first, [width, width], 3, {
        stride,
        ...relu,
      });
      const third = layers.convolution(`${at}.conv3`, `${at}.bn3`, second, [width, 4 * width], 1);
      const way = `${at}.downsample`;
      const beside =
        block === 0 ? layers.convolution(`${way}.0`, `${way}.1`, x, [channels, 4 * width], 1, { stride }) : x;
      x = b.node("Relu", [b.node("Add", [third, beside])]);
      channels = 4 * width;
    }
  }
  return layers.end(x, channels);
}

/** Mobile inverted bottlenecks without squeeze-and-excitation: expansion, kernel, stride, output channels, how often. */
const LITE0 = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

/** As timm builds it, with symmetric padding. */
function efficientnetLite0(size: number): Graph {
  const layers = new Layers("efficientnet-lite0", size, 1e-5);
  const { b } = layers;
  const clipped = { activation: "relu6" } as const;
  let x = layers.convolution("conv_stem", "bn1", "image", [3, 32], 3, { stride: 2, ...clipped });
  let channels = 32;
  for (const [stage, [expansion, kernel, stride, width, count]] of LITE0.entries())
    for (let block = 0; block < count; block++) {
      const at = `blocks.${stage}.${block}`;
      const inner = channels * expansion;
      const wide =
        expansion === 1
          ? x
          : layers.convolution(`${at}.conv_pw`, `${at}.bn1`, x, [channels, inner], 1, clipped);
      const deep = layers.convolution(`${at}.conv_dw`, `${at}.bn2`, wide, [1, inner], kernel, {
        stride: block === 0 ? stride : 1,
        group: inner,
        ...clipped,
      });
      const narrow = layers.convolution(`${at}.conv_pwl`, `${at}.bn3`, deep, [inner, width], 1);
      x = block === 0 ? narrow : b.node("Add", [narrow, x]);
      channels = width;
    }
  return layers.end(layers.convolution("conv_head", "bn2", x, [channels, 1280], 1, clipped), 1280);
}

interface ConvolutionOptions {
  readonly stride?: number;
  readonly group?: number;
  readonly activation?: "relu" | "relu6";
}

/** Writes layers of a network whose weights come from one fixed sequence of random numbers. */
class Layers {
  readonly b: GraphBuilder;
  readonly #epsilon: number;
  #state = 1;

  constructor(name: string, size: number, epsilon: number) {
    this.b = new GraphBuilder(name);
    this.b.input("image", "float32", ["N", 3, size, size]);
    this.#epsilon = epsilon;
  }

  convolution(
    name: string,
    normalisation: string,
    x: string,
    [inputs, outputs]: readonly [number, number],
    kernel: number,
    { stride = 1, group = 1, activation }: ConvolutionOptions = {},
  ): string {
    const { b } = this;
    const fan = inputs * kernel * kernel;
    const filter = b.constant(
      `${name}.weight`,
      this.#random([outputs, inputs, kernel, kernel], Math.sqrt(6 / fan)),
    );
    const pad = (kernel - 1) / 2;
    const y = b.node("Conv", [x, filter], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      group,
    });
    const filled = (part: string, value: number) =>
      b.constant(`${normalisation}.${part}`, float32([outputs], new Float32Array(outputs).fill(value)));
    const normal = b.node(
      "BatchNormalization",
      [
        y,
        filled("weight", activation ? 1 : 0.5),
        filled("bias", 0),
        filled("running_mean", 0),
        filled("running_var", 1),
      ],
      { epsilon: { kind: "float", value: this.#epsilon } },
    );
    if (activation === undefined) return normal;
    return activation === "relu"
      ? b.node("Relu", [normal])
      : b.node("Clip", [normal, b.scalar(0), b.scalar(6)]);
  }

  /** The mean over places, as the features. */
  end(x: string, channels: number): Graph {
    const { b } = this;
    const features = b.node("Flatten", [b.node("GlobalAveragePool", [x])], { axis: 1 });
    b.output("features", "float32", ["N", channels], features);
    return b.build();
  }

  #random(dims: readonly number[], scale: number): Tensor {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
      values[i] = (this.#state / 2 ** 31 - 1) * scale;
    }
    return float32(dims, values);
  }
}
