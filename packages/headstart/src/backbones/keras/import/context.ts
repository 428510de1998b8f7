import type { z } from "zod";
import { HeadstartError } from "../../../errors.js";
import type { AttributeValue, Dim, GraphBuilder, Tensor } from "../../../onnx/index.js";
import type { WantedWeight } from "../weights.js";
import type { Call, KerasLayer } from "./model.js";
import type { Layouts, Value } from "./value.js";

/** What every layer of one import shares. */
export interface ImportState {
  readonly builder: GraphBuilder;
  readonly layouts: Layouts;
  readonly kerasVersion: number;
  readonly paddingFollowsSize: boolean;
  /** Constants by name, so that a layer that is used twice has one set of weights. */
  readonly constants: Map<string, string>;
  /** How many layers have been written so far. */
  calls: number;
  readonly weights: (path: readonly string[], wanted: readonly WantedWeight[]) => readonly Tensor[];
}

/** One use of a layer: what an emitter sees of the import. */
export class LayerCall {
  readonly layer: KerasLayer;
  readonly call: Call;
  /** What it reads, in order. */
  readonly inputs: readonly Value[];
  readonly state: ImportState;
  readonly #path: readonly string[];
  readonly #name: string;

  constructor(
    state: ImportState,
    path: readonly string[],
    layer: KerasLayer,
    call: Call,
    inputs: readonly Value[],
  ) {
    this.state = state;
    this.layer = layer;
    this.call = call;
    this.inputs = inputs;
    this.#path = path;
    this.#name = path.join("/");
  }

  /** The single tensor that the layer reads. */
  input(): Value {
    const [input, ...more] = this.inputs;
    if (input === undefined || more.length > 0)
      throw this.invalid(`it reads ${this.inputs.length} tensors, not one`);
    return input;
  }

  /** The single tensor it reads, which must have a number of dimensions. */
  inputOfRank(rank: number): Value {
    const input = this.input();
    if (input.shape.length !== rank)
      throw this.invalid(`it needs a tensor of ${rank} dimensions, not one of ${input.shape.length}`);
    return input;
  }

  /** The layer's configuration, checked. */
  config<T>(schema: z.ZodType<T>): T {
    const result = schema.safeParse(this.layer.config);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw this.invalid(
      `its ${issue?.path.join(".") || "configuration"} cannot be used (${issue?.message ?? "unreadable"})`,
    );
  }

  /** The layer's arrays, in Keras's order. */
  weights(wanted: readonly WantedWeight[]): readonly Tensor[] {
    return wanted.length === 0 ? [] : this.state.weights(this.#path, wanted);
  }

  /** A constant of the layer: stored once, however often the layer is used. Returns its name in the graph. */
  constant(name: string, tensor: Tensor): string {
    const key = `${this.#name}/${name} [${tensor.dims.join()}]`;
    const known = this.state.constants.get(key);
    if (known !== undefined) return known;
    const made = this.state.builder.constant(`${this.#name}/${name}`, tensor);
    this.state.constants.set(key, made);
    return made;
  }

  /** Adds a node. The one without a `part` makes the layer's result, and has the layer's name. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    part?: string,
  ): string {
    const name = part === undefined || part === "" ? this.#name : `${this.#name}/${part}`;
    return this.state.builder.node(op, inputs, attributes, { name });
  }

  scalar(value: number): string {
    return this.state.builder.scalar(value);
  }

  channelsFirst(value: Value): Value {
    return this.state.layouts.channelsFirst(value);
  }

  keras(value: Value): Value {
    return this.state.layouts.keras(value);
  }

  /** An axis as Keras counts it, from 0 upwards. */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(axis) || positive < 0 || positive >= rank)
      throw this.invalid(`it works along axis ${axis} of a tensor of ${rank} dimensions`);
    return positive;
  }

  /** A size that must be known when the graph is made, such as a number of channels. */
  size(dim: Dim | undefined, what: string): number {
    if (typeof dim === "number") return dim;
    throw this.invalid(`${what} is not known before it runs`);
  }

  /** An error for a layer that contradicts itself or its inputs. */
  invalid(sentence: string): HeadstartError {
    return new HeadstartError(
      "INVALID_MODEL",
      `The Keras layer ${this.#name} (${this.layer.className}) does not fit: ${sentence}.`,
      "Check that the configuration is the one the model was saved with.",
    );
  }

  /** An error for something that Keras can do and Headstart cannot. */
  unsupported(sentence: string): HeadstartError {
    return new HeadstartError(
      "UNSUPPORTED",
      `The Keras layer ${this.#name} (${this.layer.className}) cannot be imported: ${sentence}.`,
      'Export the model to ONNX with model.export(path, format="onnx") in Keras, and use that file.',
    );
  }
}

/** Writes one use of a layer into the graph and returns its output. */
export type Emitter = (call: LayerCall) => Value;
