import { type ConfiguredLayer, snakeCase } from "./configuration.js";
import type { Hdf5Group } from "./hdf5/tree.js";
import type { Layout, StoredArray } from "./stored.js";

/** A model or layer in a file of numbered arrays. */
interface Saved {
  /** Its own name, which Keras writes since 3.8. */
  name: string | undefined;
  arrays: StoredArray[];
  /** The layers inside, by the name that the file gives them. */
  readonly layers: Map<string, Saved>;
}

/**
 * The layout of `model.weights.h5`, which Keras 3 writes and Keras 2.12 to 2.15 wrote into `.keras` files: groups
 * `layers/conv2d_1/vars` with arrays `0`, `1`, ... A group's name is the layer's class with the number of layers of that class before it, not
 * the layer's own name. Newer files give that too, as an attribute.
 *
 * Keras finds a layer by class and number. With the configuration that stands in the same file, the names say the same and are safer;
 * with one from elsewhere they may be those of another session, so that class and number come first.
 *
 * Keras 2.12 and 2.13 write `_layer_checkpoint_dependencies` for `layers` and count a layer with weights twice (`conv2d`, `conv2d_2`,
 * `conv2d_4`); on Windows they write `layers\\conv2d\\vars` as one name. So the groups of a class are taken in the order of their numbers
 * where there are as many as layers of the class.
 *
 * @param root - the file's root group
 * @param config - the model's layers; empty where the configuration is not known
 * @param own - whether the configuration stands in the same file
 */
export function numberedLayout(root: Hdf5Group, config: readonly ConfiguredLayer[], own: boolean): Layout {
  const model: Saved = { name: undefined, arrays: [], layers: new Map() };
  collect(root, [], model);
  return {
    arrays: arraysOf(model, [], config, own),
    find: (path) => {
      let here: Saved | undefined = model;
      let layers = config;
      for (const name of path) {
        here = here && layerIn(here, name, layers, own);
        layers = layers.find((layer) => layer.name === name)?.layers ?? [];
      }
      return here?.arrays;
    },
  };
}

/** Whether a file is of this layout. */
export function isNumbered(root: Hdf5Group): boolean {
  return [...root.children.keys()].some((name) =>
    /^(layers|_layer_checkpoint_dependencies|vars)(\\|$)/.test(name),
  );
}

/** Puts the groups `vars` of a file in their places in the model; `parts` are the names on the way. */
function collect(group: Hdf5Group, parts: readonly string[], model: Saved): void {
  for (const [name, child] of group.children) {
    const path = [...parts, ...name.split("\\")];
    if (child.kind !== "group") continue;
    if (path.at(-1) !== "vars") collect(child, path, model);
    else store(child, path.slice(0, -1), model);
  }
}

function store(vars: Hdf5Group, parts: readonly string[], model: Saved): void {
  let here = model;
  for (let index = 0; index < parts.length; index += 2) {
    const container = parts[index];
    const name = parts[index + 1];
    // Other places hold what belongs to no layer of the network: an optimiser, a metric, a random generator.
    if ((container !== "layers" && container !== "_layer_checkpoint_dependencies") || name === undefined)
      return;
    const inner = here.layers.get(name) ?? { name: undefined, arrays: [], layers: new Map() };
    here.layers.set(name, inner);
    here = inner;
  }
  const name = vars.attributes.get("name");
  here.name = typeof name === "string" ? name : undefined;
  here.arrays = [...vars.children]
    .sort(([one], [other]) => Number(one) - Number(other))
    .flatMap(([number, content]) =>
      content.kind === "group" ? [] : [{ name: [...parts, "vars", number].join("/"), layer: "", content }],
    );
}

/** All arrays, with the layers' own names where they are known. */
function arraysOf(
  saved: Saved,
  path: readonly string[],
  config: readonly ConfiguredLayer[],
  own: boolean,
): StoredArray[] {
  const known = new Map(config.map((layer) => [layerIn(saved, layer.name, config, own), layer]));
  saved.arrays = saved.arrays.map((array) => ({ ...array, layer: path.join("/") }));
  return [
    ...saved.arrays,
    ...[...saved.layers].flatMap(([name, inner]) => {
      const layer = known.get(inner);
      return arraysOf(inner, [...path, layer?.name ?? inner.name ?? name], layer?.layers ?? [], own);
    }),
  ];
}

function layerIn(
  model: Saved,
  name: string,
  config: readonly ConfiguredLayer[],
  own: boolean,
): Saved | undefined {
  const named = [...model.layers.values()].filter((layer) => layer.name === name);
  const byName = named.length === 1 ? named[0] : undefined;
  return own ? (byName ?? counted(model, name, config)) : (counted(model, name, config) ?? byName);
}

/** The group of a layer by its class and the number of layers of that class before it. */
function counted(model: Saved, name: string, config: readonly ConfiguredLayer[]): Saved | undefined {
  const className = config.find((layer) => layer.name === name)?.className;
  if (className === undefined) return undefined;
  const kind = snakeCase(className);
  const layers = config.filter((layer) => snakeCase(layer.className) === kind);
  const rank = layers.findIndex((layer) => layer.name === name);
  const groups = [...model.layers]
    .map(([group, layer]) => ({ number: numberOf(group, kind), layer }))
    .filter(({ number, layer }) => number !== undefined && (layer.arrays.length > 0 || layer.layers.size > 0))
    .sort((one, other) => (one.number ?? 0) - (other.number ?? 0));
  if (groups.length === layers.length) return groups[rank]?.layer;
  return groups.find(({ number }) => number === rank)?.layer;
}

/** 2 for `conv2d_2`, 0 for `conv2d`, undefined for a group of another class than `conv2d`. */
function numberOf(group: string, kind: string): number | undefined {
  if (group === kind) return 0;
  const rest = group.startsWith(`${kind}_`) ? group.slice(kind.length + 1) : "";
  return /^\d+$/.test(rest) ? Number(rest) : undefined;
}
