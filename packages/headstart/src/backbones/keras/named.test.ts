import { expect, test } from "vitest";
import { applicationName } from "./named.js";

/** A model as Keras writes it, with models nested in it. */
const model = (name: string, ...nested: readonly object[]) => ({
  class_name: "Functional",
  config: { name, layers: [{ class_name: "InputLayer", config: { name: "resnet50" } }, ...nested] },
});

test.each([
  ["resnet50", "resnet50"],
  ["ResNet50", "resnet50"],
  ["vgg16", "vgg16"],
  ["mobilenetv2_1.00_224", "mobilenetv2"],
  ["mobilenet_1.00_224", "mobilenet"],
  ["efficientnetb0", "efficientnetb0"],
  ["efficientnetv2-b0", "efficientnetv2b0"],
  ["inception_v3", "inceptionv3"],
  ["resnet50_1", "resnet50"],
  ["convnext_tiny", "convnexttiny"],
])("a model called %s is %s", (name, application) => {
  expect(applicationName(model(name))).toBe(application);
});

test("a model that is none of Keras's, though a layer of it is called like one", () => {
  for (const name of ["model", "resnet5000", "", "toString"])
    expect(applicationName(model(name))).toBeUndefined();
});

test("a model that begins with one of Keras's, however deep", () => {
  expect(applicationName(model("mine", model("other"), model("vgg16")))).toBe("vgg16");
  expect(applicationName(model("mine", model("other", model("xception"))))).toBe("xception");
  expect(applicationName(model("vgg19", model("vgg16")))).toBe("vgg19");
});

test("what is no configuration", () => {
  for (const config of [undefined, null, 3, "resnet50", [], {}, { config: { name: 3, layers: {} } }])
    expect(applicationName(config)).toBeUndefined();
});
