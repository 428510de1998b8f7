import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { folderWith } from "../../../test/support/temporary.js";
import { downloadPath, isNamed, locate } from "./index.js";

const HUB = "hf:owner/name@v1:onnx/model.onnx";
const ADDRESS = "https://example.org/net.onnx";

describe("isNamed", () => {
  test("of names and addresses, not of paths", () => {
    for (const choice of ["efficientnet-lite0", "keras:resnet50", "keras:vgg16:top", HUB, ADDRESS])
      expect(isNamed(choice)).toBe(true);
    for (const choice of ["runs/1", "net.onnx", "/a/b.h5", "resnet50", "toString", ""])
      expect(isNamed(choice)).toBe(false);
  });
});

describe("downloadPath", () => {
  test("is where a download is kept, and none for what is not downloaded", async () => {
    expect(await downloadPath("keras:resnet50")).toMatch(/^keras\/.*notop.*\.h5$/);
    expect(await downloadPath("keras:resnet50:top")).toMatch(/^keras\/(?!.*notop).*\.h5$/);
    expect(await downloadPath(HUB)).toBe("hub/owner/name");
    expect(await downloadPath(ADDRESS)).toMatch(/^url\/[0-9a-f]{16}\/net\.onnx$/);
    for (const choice of ["efficientnet-lite0", "net.onnx"])
      expect(await downloadPath(choice)).toBeUndefined();
    await expect(downloadPath("keras:fly")).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("locate", () => {
  test("knows each kind of choice", async () => {
    const folder = folderWith({ "a.onnx": "", "b.H5": "", "c.keras": "", "d.hdf5": "" });
    expect((await locate("efficientnet-lite0", {})).name).toBe("efficientnet-lite0");
    for (const name of ["a.onnx", "b.H5", "c.keras", "d.hdf5"])
      expect((await locate(join(folder, name), {})).name).toBe(name.slice(0, 1));
    vi.stubEnv("HEADSTART_CACHE", folder);
    for (const choice of ["keras:resnet50", "hf:o/n", ADDRESS])
      await expect(locate(choice, { offline: true })).rejects.toMatchObject({
        code: "NETWORK",
        hint: expect.stringContaining(choice),
      });
    vi.unstubAllEnvs();
  });

  test.each([
    ["resnet50", "There is no network resnet50."],
    ["toString", "There is no network toString."],
    ["model.pt", "There is no network model.pt."],
    ["", "There is no network ."],
    ["keras:fly", "There is no Keras network keras:fly."],
    ["hf:fly", "names no model on the hub"],
    ["http://example.org/net.onnx", "does not protect a file on its way"],
  ])("%s is none", async (choice, sentence) => {
    await expect(locate(choice, {})).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(sentence),
    });
  });
});
