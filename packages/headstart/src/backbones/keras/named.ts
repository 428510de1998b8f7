import { KERAS_APPLICATIONS } from "./applications/index.js";

/**
 * The Keras architecture that a model says it is, or begins with: its own name, or that of a model nested in it.
 *
 * @param config - the configuration as Keras writes it, not validated
 * @returns a name of `KERAS_APPLICATIONS`; undefined where no part is called so
 */
export function applicationName(config: unknown): string | undefined {
  const inner = member(config, "config");
  const own = known(member(inner, "name"));
  if (own !== undefined) return own;
  const layers = member(inner, "layers");
  if (!Array.isArray(layers)) return undefined;
  for (const layer of layers) {
    if (!Array.isArray(member(member(layer, "config"), "layers"))) continue;
    const found = applicationName(layer);
    if (found !== undefined) return found;
  }
  return undefined;
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** Keras adds width and size to some names (`mobilenetv2_1.00_224`), and a number where a name is taken. */
function known(name: unknown): string | undefined {
  if (typeof name !== "string") return undefined;
  const plain = name
    .toLowerCase()
    .replace(/-/g, "")
    .replace(/(_[\d.]+)+$/, "");
  return [name.toLowerCase(), plain, plain.replace(/_/g, "")].find((one) =>
    Object.hasOwn(KERAS_APPLICATIONS, one),
  );
}
