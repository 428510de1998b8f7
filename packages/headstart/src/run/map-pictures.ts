import type { MapOptions } from "../explain/index.js";
import type { Graph } from "../onnx/index.js";
import { tilePng } from "../report/index.js";
import type { Runtime } from "../runtime/index.js";
import { PhotoExplainer, type PhotoToExplain } from "./explain-photos.js";

/** Choices for {@link drawMapPictures}. */
export interface MapPictureOptions extends MapOptions {
  /** Longest side of a picture in pixels. Default: 160. */
  readonly size?: number;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Small pictures of photos under their maps, for a report: those of the wrong answers and of the least sure ones, say. A photo can be given more
 * than once, with different classes.
 *
 * @param runtime - runs the classifier; stays open
 * @param classifier - a shipped classifier's graph
 * @param photos - the photos, and which class to explain
 * @param options - method, layer, size, interruption
 * @returns for each photo a PNG in the photo's shape; undefined where it cannot be decoded
 * @throws HeadstartError as `Mapper.load`; `INTERRUPTED`
 */
export async function drawMapPictures(
  runtime: Runtime,
  classifier: Graph,
  photos: readonly PhotoToExplain[],
  { size = 160, signal, ...options }: MapPictureOptions = {},
): Promise<(Buffer | undefined)[]> {
  const explainer = await PhotoExplainer.load(runtime, classifier, options);
  try {
    const pictures: (Buffer | undefined)[] = photos.map(() => undefined);
    for await (const answer of explainer.explain(photos, { signal })) {
      const path = photos[answer.index]?.path;
      if (path === undefined || "reason" in answer) continue;
      const { overlay } = await explainer.paint(path, answer, size);
      pictures[answer.index] = await tilePng(overlay);
    }
    return pictures;
  } finally {
    await explainer.close();
  }
}
