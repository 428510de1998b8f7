import type { Dim, GraphBuilder } from "../../../onnx/index.js";

/**
 * A tensor of the graph under construction, and how its elements stand. `shape` is always the one that Keras sees,
 * `[N, H, W, C]` for pictures. In the layout `channels-first` the graph holds it as `[N, C, H, W]`; in `keras` as it
 * is.
 */
export interface Value {
  /** The value's name in the graph. */
  readonly name: string;
  readonly shape: readonly Dim[];
  readonly layout: Layout;
}

/** How the elements of a tensor stand in the graph; only tensors of four dimensions can be `channels-first`. */
export type Layout = "keras" | "channels-first";

const TO_CHANNELS_FIRST = [0, 3, 1, 2];
const TO_KERAS = [0, 2, 3, 1];

/** Brings tensors from one layout to the other, each at most once, and back without a second transpose. */
export class Layouts {
  readonly #builder: GraphBuilder;
  readonly #others = new Map<string, Value>();

  /** @param builder - where transposes are written */
  constructor(builder: GraphBuilder) {
    this.#builder = builder;
  }

  /** The tensor with its channels in front, if it has four dimensions; otherwise as it is. */
  channelsFirst(value: Value): Value {
    return value.layout === "channels-first" || value.shape.length !== 4
      ? value
      : this.#other(value, "channels-first", TO_CHANNELS_FIRST, "channels_first");
  }

  /** The tensor as Keras has it. */
  keras(value: Value): Value {
    return value.layout === "keras" ? value : this.#other(value, "keras", TO_KERAS, "channels_last");
  }

  #other(value: Value, layout: Layout, perm: readonly number[], suffix: string): Value {
    const known = this.#others.get(value.name);
    if (known !== undefined) return known;
    const name = this.#builder.node("Transpose", [value.name], { perm }, { name: `${value.name}/${suffix}` });
    const other: Value = { ...value, name, layout };
    this.#others.set(value.name, other);
    this.#others.set(name, value);
    return other;
  }
}

/** Where an axis of Keras's shape stands in the graph's tensor. */
export function storedAxis(value: Value, axis: number): number {
  return value.layout === "keras" ? axis : (TO_CHANNELS_FIRST.indexOf(axis) as number);
}

/** The dimensions in which the graph's tensor holds a value. */
export function storedShape(value: Value): readonly Dim[] {
  return value.layout === "keras" ? value.shape : TO_CHANNELS_FIRST.map((axis) => value.shape[axis] ?? "?");
}

/** Applies a formula to a size where it is known; what follows from an unknown size is unknown. */
export function mapDim(dim: Dim | undefined, formula: (size: number) => number): Dim {
  return typeof dim === "number" ? formula(dim) : "?";
}
