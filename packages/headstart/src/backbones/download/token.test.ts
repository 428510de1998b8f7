import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../../../test/support/temporary.js";
import { hubToken } from "./token.js";

test("the environment goes before the file that the hub's tools leave", async () => {
  const HF_HOME = folderWith({ token: "hf_file\n" });
  expect(await hubToken({ HF_HOME })).toBe("hf_file");
  expect(await hubToken({ HF_HOME, HUGGING_FACE_HUB_TOKEN: "hf_old" })).toBe("hf_old");
  expect(await hubToken({ HF_HOME, HUGGING_FACE_HUB_TOKEN: "hf_old", HF_TOKEN: " hf_new " })).toBe("hf_new");
  const XDG_CACHE_HOME = folderWith({ "huggingface/token": "hf_xdg" });
  expect(await hubToken({ XDG_CACHE_HOME })).toBe("hf_xdg");
});

test("there may be none", async () => {
  const HF_HOME = folderWith({ token: " \n" });
  expect(await hubToken({ HF_HOME })).toBeUndefined();
  expect(await hubToken({ HF_HOME: join(HF_HOME, "none") })).toBeUndefined();
});

test("one that no header can hold is not sent, and not shown", async () => {
  const asked = hubToken({ HF_TOKEN: "hf_se\ncret" });
  await expect(asked).rejects.toThrow("The token in HF_TOKEN holds characters that no token has.");
});
