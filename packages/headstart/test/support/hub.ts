import { createHash } from "node:crypto";
import { serve, type TestServer } from "./server.js";

/**
 * A server that answers as the Hugging Face hub does for one model, for as long as a test runs.
 *
 * @param repository - `OWNER/NAME`
 * @param commit - what the branch `main` stands for
 * @param files - the files of the commit
 */
export async function hubServer(
  repository: string,
  commit: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<TestServer> {
  const api = `/api/models/${repository}`;
  const content = `/${repository}/resolve/${commit}/`;
  return await serve((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://hub");
    if (pathname === `${api}/revision/main`) return void response.end(JSON.stringify({ sha: commit }));
    if (pathname === `${api}/tree/${commit}`) return void response.end(JSON.stringify(listing(files)));
    const file = pathname.startsWith(content)
      ? files[decodeURIComponent(pathname.slice(content.length))]
      : undefined;
    if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });
}

function listing(files: Readonly<Record<string, string | Uint8Array>>): object[] {
  return Object.entries(files).map(([path, content]) => {
    const bytes = Buffer.from(content as Uint8Array);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { type: "file", path, size: bytes.length, lfs: { oid: sha256, size: bytes.length } };
  });
}
