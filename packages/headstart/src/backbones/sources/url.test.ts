import { existsSync, readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { sendFile, serve } from "../../../test/support/server.js";
import { folderWith } from "../../../test/support/temporary.js";
import { locateUrl } from "./url.js";

test("a file on a web server is downloaded once, and says nothing of itself", async () => {
  vi.stubEnv("HEADSTART_CACHE", folderWith({}));
  const server = await serve((request, response) => sendFile(request, response, Buffer.from("network")));
  const choice = `${server.origin}/nets/my%20net.onnx?v=1`;
  const first = await locateUrl(choice, {});
  expect(first).toEqual({
    choice,
    name: "my net",
    file: expect.stringMatching(/my net\.onnx$/),
    source: choice,
    preparation: "an address says nothing about it",
  });
  expect(readFileSync(first.file, "utf8")).toBe("network");
  const asked = server.requests.length;
  expect(await locateUrl(choice, { offline: true })).toEqual(first);
  expect(server.requests).toHaveLength(asked);
  expect(existsSync(first.file)).toBe(true);
  vi.unstubAllEnvs();
});
