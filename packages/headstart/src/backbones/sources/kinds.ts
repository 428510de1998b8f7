/** The backbones that come as packages, which hold their weights: name to package. */
export const PACKAGES: Readonly<Record<string, string>> = {
  "efficientnet-lite0": "@headstart/efficientnet-lite0",
};

/** How a choice of a Keras architecture begins. */
export const KERAS = "keras:";

/** How a choice of a network on the Hugging Face hub begins. */
export const HUB = "hf:";

/** How the name of a network's file ends. */
const FILE_ENDINGS = [".onnx", ".h5", ".hdf5", ".keras"];

/** What a choice of a network is. */
export type Kind = "package" | "keras" | "hub" | "url" | "file";

/** What a choice is by its form, whether there is such a network or not; undefined for one that is nothing. */
export function kindOf(choice: string): Kind | undefined {
  if (Object.hasOwn(PACKAGES, choice)) return "package";
  if (choice.startsWith(KERAS)) return "keras";
  if (choice.startsWith(HUB)) return "hub";
  if (/^https?:\/\//i.test(choice)) return "url";
  return FILE_ENDINGS.some((ending) => choice.toLowerCase().endsWith(ending)) ? "file" : undefined;
}

/** Whether a choice stands for a network without being a path: such a choice is kept as it is. */
export function isNamed(choice: string): boolean {
  const kind = kindOf(choice);
  return kind !== undefined && kind !== "file";
}
