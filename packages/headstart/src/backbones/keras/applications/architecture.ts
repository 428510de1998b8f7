import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { z } from "zod";
import { applicationNamed } from "./registry.js";

const layerSchema = z.object({
  class_name: z.string(),
  name: z.string(),
  config: z.record(z.string(), z.unknown()),
  inbound_nodes: z.array(z.unknown()),
});

const configSchema = z.object({
  class_name: z.literal("Functional"),
  config: z.object({
    name: z.string(),
    layers: z.array(layerSchema),
    input_layers: z.array(z.unknown()),
    output_layers: z.array(z.unknown()),
  }),
});

const architectureSchema = z.object({
  trunk: z.string(),
  pool: z.boolean(),
  paddingFollowsSize: z.boolean(),
  config: configSchema,
});

/**
 * A network's configuration in the dialect of Keras 2, with only what inference needs: initialisers,
 * regularisers and data types are left out, and so are layers that do nothing at inference.
 */
export type ArchitectureConfig = z.infer<typeof configSchema>;

/** A network of Keras's library, without weights. */
export interface Architecture {
  /** The whole network, from the photo to the probabilities of ImageNet's classes. */
  readonly config: ArchitectureConfig;
  /** The layer with which the network without its top ends. */
  readonly trunk: string;
  /** Whether the mean over the feature map follows that layer, as with Keras's `pooling="avg"`. */
  readonly pool: boolean;
  /**
   * Whether the zero paddings were written for photos of even size and are others at odd ones, as in NASNet.
   */
  readonly paddingFollowsSize: boolean;
}

/**
 * Reads the architecture of a network. It comes with the package, in its folder `architectures`.
 *
 * @param name - a name of `KERAS_APPLICATIONS`
 * @throws HeadstartError `INVALID_OPTION` if there is no network of that name
 */
export async function readArchitecture(name: string): Promise<Architecture> {
  applicationNamed(name);
  const file = new URL(`../../../../architectures/${name}.json.gz`, import.meta.url);
  const json = await promisify(gunzip)(await readFile(file));
  return architectureSchema.parse(JSON.parse(json.toString("utf8")));
}

/**
 * The network that Keras makes with `include_top=False, pooling="avg"`: its output is the photo's features, a
 * mean over the last feature map.
 *
 * @param whole - the network with its top
 */
export function withoutTop(whole: Architecture): Architecture {
  const { trunk, pool } = whole;
  const model = whole.config.config;
  const layers = model.layers.slice(0, model.layers.findIndex(({ name }) => name === trunk) + 1);
  const mean = {
    class_name: "GlobalAveragePooling2D",
    name: "features",
    config: { name: "features" },
    inbound_nodes: [[[trunk, 0, 0, {}]]],
  };
  const config = pool
    ? { ...model, layers: [...layers, mean], output_layers: [[mean.name, 0, 0]] }
    : { ...model, layers, output_layers: [[trunk, 0, 0]] };
  return { ...whole, config: { ...whole.config, config } };
}
