/** A layer of a model's configuration, as far as file layouts need it. */
export interface ConfiguredLayer {
  readonly className: string;
  readonly name: string;
  /** The layers of a nested model. */
  readonly layers: readonly ConfiguredLayer[];
}

/** Models inside models that are looked into. */
const MAX_DEPTH = 20;

/**
 * The layers of a model's configuration in the model's order, nested ones inside. What is not as Keras writes it is passed over: the importer says what is
 * wrong with a configuration.
 *
 * @param config - JSON of a Sequential or Functional model
 */
export function configuredLayers(config: unknown, depth = 0): ConfiguredLayer[] {
  const inner = field(config, "config");
  // Keras 1 and early Keras 2 wrote a Sequential model as a plain list.
  const layers = Array.isArray(inner) ? inner : field(inner, "layers");
  if (!Array.isArray(layers) || depth > MAX_DEPTH) return [];
  return layers.map((layer) => ({
    className: text(field(layer, "class_name")),
    name: text(field(field(layer, "config"), "name") ?? field(layer, "name")),
    layers: configuredLayers(layer, depth + 1),
  }));
}

/** A class's name as Keras 3 numbers it in files: `conv2d` for Conv2D, `p_re_lu` for PReLU. */
export function snakeCase(className: string): string {
  return className
    .slice(className.lastIndexOf(">") + 1)
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
