// Removes what an older build left in the dist folders: files whose source is gone, which tsc itself never removes.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

for (const workspace of ["packages/headstart", "bench"]) {
  const folder = fileURLToPath(new URL(`../${workspace}`, import.meta.url));
  const dist = join(folder, "dist");
  if (!existsSync(dist)) continue;
  for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const source = file.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
    if (source !== file && !existsSync(join(folder, "src", source))) rmSync(join(dist, file));
  }
}
