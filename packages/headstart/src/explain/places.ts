import type { GraphBuilder } from "../onnx/index.js";
import type { MapLayer } from "./layer.js";

/**
 * A layer's value, or its gradient, as [N, C, P]: for each channel a row of the places, from the upper left one row after another.
 * Tokens that stand for no place are left out.
 *
 * @param b - the graph that nodes are added to
 * @param value - the value, of the layer's shape
 * @param layer - the layer
 */
export function addPlaces(b: GraphBuilder, value: string, layer: MapLayer): string {
  const { rank, channelAxis, channels, prefix } = layer;
  const isFirst = channelAxis === 1;
  const tokens =
    prefix === 0
      ? value
      : b.node("Slice", [
          value,
          b.integers([prefix]),
          b.integers([prefix + layer.height * layer.width]),
          b.integers([isFirst ? 2 : 1]),
        ]);
  const rows =
    rank === 3
      ? tokens
      : b.node("Reshape", [tokens, b.integers(isFirst ? [0, channels, -1] : [0, -1, channels])]);
  return isFirst ? rows : b.node("Transpose", [rows], { perm: [0, 2, 1] });
}

/**
 * A map [N, H, W]: at each place the sum over the channels of weight times value.
 *
 * @param b - the graph that nodes are added to
 * @param weights - float [N, 1, C]
 * @param places - float [N, C, P], as {@link addPlaces} makes it
 * @param layer - the layer
 */
export function addWeightedSum(
  b: GraphBuilder,
  weights: string,
  places: string,
  { height, width }: MapLayer,
): string {
  return b.node("Reshape", [b.node("MatMul", [weights, places]), b.integers([-1, height, width])]);
}
