import { expect, test, vi } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { KERAS_APPLICATIONS } from "./keras/applications/index.js";
import { listNetworks } from "./registry.js";
import { isNamed } from "./sources/index.js";

test("the networks that have names, with their facts", async () => {
  vi.stubEnv("HEADSTART_CACHE", folderWith({}));
  const networks = await listNetworks();
  vi.unstubAllEnvs();
  expect(networks).toHaveLength(1 + Object.keys(KERAS_APPLICATIONS).length);
  for (const { name, imageSize, parameters, features, licence, source } of networks) {
    expect(isNamed(name)).toBe(true);
    for (const number of [imageSize, parameters, features]) expect(number).toBeGreaterThan(0);
    for (const text of [licence, source]) expect(text).not.toBe("");
  }
  expect(networks[0]).toMatchObject({ name: "efficientnet-lite0", top1: 75.1, isHere: true });
  expect(networks.find(({ name }) => name === "keras:resnet50")).toMatchObject({
    imageSize: 224,
    features: 2048,
    parameters: 25_636_712,
    top1: 74.9,
    isHere: false,
  });
  expect(networks.filter(({ isHere }) => isHere)).toHaveLength(1);
});
