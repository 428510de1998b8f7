import { type Backbone, cutNetwork } from "../../src/backbones/index.js";
import { readArchitecture, withoutTop } from "../../src/backbones/keras/applications/architecture.js";
import { importArchitecture, layersOf } from "../../src/backbones/keras/applications/import.js";
import type { Graph } from "../../src/onnx/index.js";
import { patterned } from "./keras-pattern.js";

/** A backbone of a graph from `image` to `features`, and what else a backbone is said to be. */
export function backboneOf(graph: Graph, imageSize: number): Backbone {
  return {
    choice: graph.name,
    name: graph.name,
    file: `${graph.name}.onnx`,
    digest: graph.name,
    graph,
    features: Number(graph.outputs[0]?.shape?.[1]),
    tensor: "features",
    reason: "",
    parameters: 0,
    preprocessing: { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] },
    preparation: "",
    precision: "float32",
    imageSize,
    minimumImageSize: 8,
    licence: "",
    source: "",
    top1: undefined,
    classes: undefined,
  };
}

/** A network of Keras's library without its top, its weights a formula of their place. */
export async function kerasBackbone(name: string, imageSize: number): Promise<Backbone> {
  const architecture = withoutTop(await readArchitecture(name));
  const layers = layersOf(architecture, null);
  const graph = importArchitecture(
    architecture,
    {
      read(path, wanted) {
        const number = layers.findIndex((layer) => layer.path.join("/") === path.join("/"));
        const className = layers[number]?.className ?? "";
        return wanted.map((one, i) => patterned(number * 8 + i, className, one.name, one.shape));
      },
    },
    null,
  );
  const { graph: cut } = await cutNetwork(graph, { file: name, imageSize });
  return backboneOf({ ...cut, name }, imageSize);
}
