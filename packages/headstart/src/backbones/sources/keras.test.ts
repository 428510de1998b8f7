import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { folderWith } from "../../../test/support/temporary.js";
import { KERAS_APPLICATIONS } from "../keras/applications/index.js";
import { locateKeras, remoteFile } from "./keras.js";

afterEach(() => vi.unstubAllEnvs());

describe("remoteFile", () => {
  test("is the file without the last layers, or with them", () => {
    const { weights } = KERAS_APPLICATIONS.resnet50 ?? {};
    expect(remoteFile("keras:resnet50")).toBe(weights?.noTop);
    expect(remoteFile("keras:ResNet50")).toBe(weights?.noTop);
    expect(remoteFile("keras:resnet50:top")).toBe(weights?.top);
  });

  test.each([
    ["keras:resnet51", "There are: resnet50,"],
    ["keras:", "There are: resnet50,"],
    ["keras:toString", "There are: resnet50,"],
    ["keras:resnet50:bottom", "Write keras:resnet50, or keras:resnet50:top"],
    ["keras:resnet50:top:top", "Write keras:resnet50, or keras:resnet50:top"],
  ])("%s is none", (choice, hint) => {
    expect(() => remoteFile(choice)).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: `There is no Keras network ${choice}.`,
        hint: expect.stringContaining(hint),
      }),
    );
  });
});

test("a file that is not the published one is put aside and never used", async () => {
  const cache = folderWith({});
  const { host, pathname } = new URL(remoteFile("keras:vgg16").url);
  const mirror = folderWith({});
  const published = join(mirror, host, pathname);
  mkdirSync(dirname(published), { recursive: true });
  writeFileSync(published, "another file");
  vi.stubEnv("HEADSTART_CACHE", cache);
  vi.stubEnv("HEADSTART_MIRROR", mirror);
  await expect(locateKeras("keras:vgg16", { name: "keras:vgg16" })).rejects.toMatchObject({
    code: "CHECKSUM",
  });
  const place = join(cache, "weights", remoteFile("keras:vgg16").path);
  expect([existsSync(place), existsSync(`${place}.wrong-checksum`)]).toEqual([false, true]);
});

test("offline, a network that has not been downloaded says how to get it", async () => {
  vi.stubEnv("HEADSTART_CACHE", folderWith({}));
  await expect(locateKeras("keras:vgg16", { name: "keras:vgg16", offline: true })).rejects.toMatchObject({
    code: "NETWORK",
    hint: expect.stringContaining("headstart backbones fetch keras:vgg16"),
  });
});
