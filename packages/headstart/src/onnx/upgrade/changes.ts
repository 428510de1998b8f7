import { HeadstartError } from "../../errors.js";
import {
  type Attribute,
  floatAttribute,
  intAttribute,
  intsAttribute,
  type Node,
  stringAttribute,
} from "../graph.js";
import { scalarOf } from "../scalars.js";
import { float32, floats } from "../tensor.js";
import { type Emitter, withoutAttributes } from "./emitter.js";

/** How an operator of older versions is written in version 20. */
export interface Change {
  /** Nodes from this version on are as in version 20. */
  readonly below: number;
  /** Writes a node anew. */
  readonly convert: (node: Node, emit: Emitter, opset: number) => void;
}

/** Lists that became inputs: the attribute's values as an input at a place. */
function listToInput(attribute: string, input: number): Change["convert"] {
  return (node, emit) => {
    const values = intsAttribute(node, attribute);
    const attributes = withoutAttributes(node, attribute);
    if (values === undefined) return emit.node(node, { attributes });
    const inputs = padded(node.inputs, input);
    emit.node(node, { attributes, inputs: [...inputs, emit.integers(`${node.name}.${attribute}`, values)] });
  };
}

/** Inputs filled up with absent ones, or shortened, to a length. */
function padded(inputs: readonly string[], length: number): string[] {
  return Array.from({ length }, (_, i) => inputs[i] ?? "");
}

const clip: Change["convert"] = (node, emit) => {
  const bound = (name: string): string => {
    const attribute = node.attributes.get(name);
    if (attribute?.kind !== "float") return "";
    return scalar(node, emit, name, attribute.value);
  };
  emit.node(node, {
    inputs: [...padded(node.inputs, 1), bound("min"), bound("max")],
    attributes: withoutAttributes(node, "min", "max"),
  });
};

/** A scalar of the element type of a node's first input. */
function scalar(node: Node, emit: Emitter, name: string, value: number): string {
  return emit.constant(`${node.name}.${name}`, scalarOf(emit.type(node.inputs[0] ?? "") ?? "float32", value));
}

const pad: Change["convert"] = (node, emit) => {
  const pads = intsAttribute(node, "pads");
  if (pads === undefined) throw refused(node, "it has no pads");
  const constant = stringAttribute(node, "mode", "constant") === "constant";
  emit.node(node, {
    inputs: [
      ...padded(node.inputs, 1),
      emit.integers(`${node.name}.pads`, pads),
      ...(constant ? [scalar(node, emit, "value", floatAttribute(node, "value", 0))] : []),
    ],
    attributes: withoutAttributes(node, "pads", "value"),
  });
};

const slice: Change["convert"] = (node, emit) => {
  const [starts, ends] = [intsAttribute(node, "starts"), intsAttribute(node, "ends")];
  if (starts === undefined || ends === undefined) throw refused(node, "it has no starts or ends");
  const axes = intsAttribute(node, "axes") ?? starts.map((_, axis) => axis);
  const inputs = Object.entries({ starts, ends, axes }).map(([name, list]) =>
    emit.integers(`${node.name}.${name}`, list),
  );
  emit.node(node, {
    inputs: [...padded(node.inputs, 1), ...inputs],
    attributes: withoutAttributes(node, "starts", "ends", "axes"),
  });
};

const split: Change["convert"] = (node, emit) => {
  const sizes = intsAttribute(node, "split");
  const attributes = withoutAttributes(node, "split");
  if (sizes !== undefined)
    emit.node(node, {
      inputs: [...padded(node.inputs, 1), emit.integers(`${node.name}.split`, sizes)],
      attributes,
    });
  else {
    if ((node.inputs[1] ?? "") === "")
      attributes.set("num_outputs", { kind: "int", value: node.outputs.length });
    emit.node(node, { attributes });
  }
};

const dropout: Change["convert"] = (node, emit, opset) => {
  if (opset < 10 && emit.isRead(node.outputs[1])) throw refused(node, "its mask is used");
  const ratio = emit.constant(`${node.name}.ratio`, float32([], [floatAttribute(node, "ratio", 0.5)]));
  emit.node(node, {
    inputs: [...padded(node.inputs, 1), ratio],
    attributes: withoutAttributes(node, "ratio"),
  });
};

const batchNormalization: Change["convert"] = (node, emit, opset) => {
  if (opset < 9 && intAttribute(node, "spatial", 1) !== 1)
    throw refused(node, "it normalises each place by itself");
  if (node.outputs.slice(1).some((name) => emit.isRead(name))) throw refused(node, "it is in training form");
  emit.node(node, { outputs: node.outputs.slice(0, 1), attributes: withoutAttributes(node, "spatial") });
};

/** Until version 13 these worked on the input seen as a matrix, split in two at `axis`. */
const softmax: Change["convert"] = (node, emit) => {
  const [x = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const shape = emit.shape(x);
  const given = intAttribute(node, "axis", 1);
  const axis = shape !== undefined && given < 0 ? given + shape.length : given;
  const along = (value: number): Map<string, Attribute> =>
    new Map(node.attributes).set("axis", { kind: "int", value });
  if (
    shape !== undefined &&
    axis >= 0 &&
    shape.slice(axis + 1).every((dim) => dim === 1) &&
    axis < shape.length
  )
    return emit.node(node, { attributes: along(axis) });
  const [flat, made, size] = ["flat", "scores", "shape"].map((part) => emit.name(`${node.name}.${part}`));
  if (flat === undefined || made === undefined || size === undefined) return;
  const plain = { domain: "", attributes: new Map<string, Attribute>() };
  emit.nodes.push(
    { ...plain, op: "Shape", name: size, inputs: [x], outputs: [size] },
    {
      ...plain,
      op: "Flatten",
      name: flat,
      inputs: [x],
      outputs: [flat],
      attributes: new Map([["axis", { kind: "int", value: given }]]),
    },
  );
  emit.node(node, { inputs: [flat], outputs: [made], attributes: along(-1) });
  emit.nodes.push({
    ...plain,
    op: "Reshape",
    name: emit.name(`${node.name}.restored`),
    inputs: [made, size],
    outputs: [y],
  });
};

const topK: Change["convert"] = (node, emit) => {
  const k = emit.integers(`${node.name}.k`, [intAttribute(node, "k", 1)]);
  emit.node(node, { inputs: [...padded(node.inputs, 1), k], attributes: withoutAttributes(node, "k") });
};

/** `Upsample` and the first `Resize`: place `i` of the result shows place `i / scale`, without half-pixel centres. */
const resize: Change["convert"] = (node, emit) => {
  const attribute = node.attributes.get("scales");
  const scales =
    attribute?.kind === "floats"
      ? emit.constant(`${node.name}.scales`, float32([attribute.value.length], attribute.value))
      : (node.inputs[1] ?? "");
  const mode = stringAttribute(node, "mode", "nearest");
  const known = emit.initializers.get(scales);
  const factors = known?.type === "float32" ? [...floats(known)] : [];
  const shrinks = factors.some((factor) => factor < 1);
  if (mode === "nearest" && shrinks && factors.some((factor) => factor > 1))
    throw refused(node, "it enlarges one side and shrinks another");
  const attributes = withoutAttributes(node, "scales")
    .set("mode", { kind: "string", value: mode === "bilinear" ? "linear" : mode })
    .set("coordinate_transformation_mode", { kind: "string", value: "asymmetric" });
  // ONNX Runtime rounds up where the first Resize shrinks, and down elsewhere.
  if (mode === "nearest")
    attributes.set("nearest_mode", { kind: "string", value: shrinks ? "ceil" : "floor" });
  emit.node(node, { op: "Resize", inputs: [...padded(node.inputs, 1), "", scales], attributes });
};

const resize11: Change["convert"] = (node, emit) => {
  if (stringAttribute(node, "coordinate_transformation_mode", "half_pixel") === "tf_half_pixel_for_nn")
    throw refused(node, "it uses tf_half_pixel_for_nn, which version 13 dropped");
  emit.node(node, {});
};

const gridSample: Change["convert"] = (node, emit) => {
  const mode = stringAttribute(node, "mode", "bilinear");
  const value = mode === "bilinear" ? "linear" : mode === "bicubic" ? "cubic" : mode;
  emit.node(node, { attributes: new Map(node.attributes).set("mode", { kind: "string", value }) });
};

const roiAlign: Change["convert"] = (node, emit) => {
  const attributes = new Map(node.attributes);
  attributes.set("coordinate_transformation_mode", { kind: "string", value: "output_half_pixel" });
  emit.node(node, { attributes });
};

function refuse(why: string): Change["convert"] {
  return (node) => {
    throw refused(node, why);
  };
}

/** The error of a node that cannot be written in version 20. */
export function refused(node: Node, why: string): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    `The node ${node.name} (${node.op}) cannot be brought to operators of a newer version: ${why}.`,
    "Export the model anew with a newer opset.",
  );
}

const reduceAxes = { below: 18, convert: listToInput("axes", 1) };

/** What changed, by operator; of several entries the first that applies is taken. */
export const CHANGES: ReadonlyMap<string, readonly Change[]> = new Map<string, readonly Change[]>([
  ["BatchNormalization", [{ below: 14, convert: batchNormalization }]],
  ["Clip", [{ below: 11, convert: clip }]],
  ["DFT", [{ below: 20, convert: refuse("its axis became an input") }]],
  ["Dropout", [{ below: 12, convert: dropout }]],
  ["GridSample", [{ below: 20, convert: gridSample }]],
  ["Hardmax", [{ below: 13, convert: softmax }]],
  ["LogSoftmax", [{ below: 13, convert: softmax }]],
  ["OneHot", [{ below: 11, convert: refuse("negative indices meant something else") }]],
  ["Pad", [{ below: 11, convert: pad }]],
  ...["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"].map(
    (name): [string, readonly Change[]] => [`Reduce${name}`, [reduceAxes]],
  ),
  ["ReduceSum", [{ below: 13, convert: listToInput("axes", 1) }]],
  [
    "Resize",
    [
      { below: 11, convert: resize },
      { below: 13, convert: resize11 },
    ],
  ],
  ["RoiAlign", [{ below: 16, convert: roiAlign }]],
  ["Scan", [{ below: 9, convert: refuse("its sequences lost their batch dimension") }]],
  ["Scatter", [{ below: 21, convert: (node, emit) => emit.node(node, { op: "ScatterElements" }) }]],
  ["Slice", [{ below: 10, convert: slice }]],
  ["Softmax", [{ below: 13, convert: softmax }]],
  ["Split", [{ below: 18, convert: split }]],
  ["Squeeze", [{ below: 13, convert: listToInput("axes", 1) }]],
  ["TopK", [{ below: 10, convert: topK }]],
  ["Unsqueeze", [{ below: 13, convert: listToInput("axes", 1) }]],
  ["Upsample", [{ below: 21, convert: resize }]],
]);
