import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { HeadstartError } from "../errors.js";
import { ifThere, storageError } from "../files.js";
import { readModel } from "../onnx/index.js";
import { galleryPhotos, type ReportData, type ReportPhoto } from "../report/html/index.js";
import { Runtime } from "../runtime/index.js";
import { RUN_FILES, type RunChoices } from "./folder.js";
import { drawMapPictures } from "./map-pictures.js";

/** Longest side of a map in pixels: that of the photo beside it. */
const SIZE = 176;

/**
 * Draws where the network looked, for the photos that stand in a report's galleries: what spoke for the class that each is taken for. Photos that are
 * gone have no map, and none has one where the network allows none.
 *
 * @param folder - a finished run's folder
 * @throws HeadstartError as `drawMapPictures`
 */
export async function withMaps(
  data: ReportData,
  folder: string,
  { device, threads }: Pick<RunChoices, "device" | "threads">,
  signal: AbortSignal | undefined,
): Promise<ReportData> {
  const shown: { readonly index: number; readonly photo: ReportPhoto }[] = [];
  for (const index of galleryPhotos(data)) {
    const photo = data.photos[index];
    if (photo !== undefined && (await ifThere(stat(photo.path))) !== undefined) shown.push({ index, photo });
  }
  if (shown.length === 0) return data;
  const path = join(folder, RUN_FILES.model);
  const bytes = await readFile(path).catch((error: unknown) => {
    throw storageError(error, path);
  });
  const runtime = Runtime.start({ device, threads });
  try {
    const wanted = shown.map(({ photo }) => ({ path: photo.path, classIndex: photo.answers[0]?.[0] }));
    const pictures = await drawMapPictures(runtime, readModel(bytes), wanted, { size: SIZE, signal });
    const photos = [...data.photos];
    for (const [row, { index, photo }] of shown.entries()) {
      const overlay = pictures[row];
      if (overlay !== undefined) photos[index] = { ...photo, overlay };
    }
    return { ...data, photos };
  } catch (error) {
    if (error instanceof HeadstartError && error.code === "UNSUPPORTED") return data;
    throw error;
  } finally {
    await runtime.close();
  }
}
