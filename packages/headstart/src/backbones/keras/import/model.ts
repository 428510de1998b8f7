/** A tensor inside of a Keras model: an output of one call of a layer. */
export interface TensorReference {
  readonly layer: string;
  /** Which call of the layer made it, counted from 0. */
  readonly call: number;
  /** Which of that call's outputs it is. */
  readonly tensor: number;
}

/** What a layer is called with: a tensor, or a constant as the configuration writes it. */
export type Argument =
  | { readonly kind: "tensor"; readonly reference: TensorReference }
  | { readonly kind: "constant"; readonly value: unknown };

/** One use of a layer. A layer that is used several times shares its weights. */
export interface Call {
  /** Positional arguments; a list of tensors counts as so many arguments. */
  readonly positional: readonly Argument[];
  readonly named: ReadonlyMap<string, Argument>;
}

/** A layer in normal form, whichever version of Keras wrote it. */
export interface KerasLayer {
  readonly name: string;
  /** Its class as Keras calls it, such as `Conv2D`. */
  readonly className: string;
  /** Whether the class is Keras's own, by what the configuration says of its origin. */
  readonly builtIn: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  readonly calls: readonly Call[];
  /** The model, where the layer is itself one. */
  readonly model?: KerasModel;
}

/** A Keras model in normal form: Sequential and Functional ones look the same. */
export interface KerasModel {
  readonly name: string;
  /** In the order in which Keras lists them, input layers included. */
  readonly layers: readonly KerasLayer[];
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
}
