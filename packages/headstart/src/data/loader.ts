import { HeadstartError } from "../errors.js";
import { type Graph, GraphBuilder } from "../onnx/index.js";
import type { Runtime, Session } from "../runtime/index.js";
import { decodePhoto } from "./decode.js";
import { type Resize, resizeStage } from "./resize.js";

/**
 * Brings photos to the image size. Bicubic resizing is done while decoding, which is fastest; nearest-neighbour by the same graph that a
 * shipped model holds, so that it is the same to the last bit.
 */
export class PhotoLoader {
  readonly size: number;
  readonly resize: Resize;
  readonly #session: Session | undefined;

  private constructor(size: number, resize: Resize, session: Session | undefined) {
    this.size = size;
    this.resize = resize;
    this.#session = session;
  }

  /**
   * Makes ready what the loader needs.
   *
   * @param runtime - runs the graph of nearest-neighbour resizing
   * @param size - the image size, in pixels
   * @param resize - how photos are brought to it
   */
  static async create(runtime: Runtime, size: number, resize: Resize): Promise<PhotoLoader> {
    const session = resize === "nearest" ? await runtime.load(composeNearest(size)) : undefined;
    return new PhotoLoader(size, resize, session);
  }

  /**
   * Decodes one photo.
   *
   * @param source - a path, or the content of a file
   * @param into - where the pixels go, `size * size * 3` bytes
   * @returns whether the file was cut off or damaged
   * @throws HeadstartError as `decodePhoto`, also where `into` is of another length
   */
  async load(
    source: string | Uint8Array | Blob,
    into: Uint8Array<ArrayBuffer>,
  ): Promise<{ readonly truncated: boolean }> {
    if (this.#session === undefined)
      return await decodePhoto(source, { size: this.size, resize: "bicubic", into });
    const { pixels, width, height, truncated } = await decodePhoto(source, { resize: "none" });
    const image = { type: "uint8", dims: [1, height, width, 3], data: pixels } as const;
    const { resized } = await this.#session.run<"resized">({ image });
    if (resized.data.byteLength !== into.byteLength)
      throw new HeadstartError(
        "INVALID_OPTION",
        `The photo has ${resized.data.byteLength} bytes of pixels; there is room for ${into.byteLength}.`,
      );
    into.set(resized.data);
    return { truncated };
  }

  /** Frees the graph. */
  async close(): Promise<void> {
    await this.#session?.close();
  }
}

function composeNearest(size: number): Graph {
  const b = new GraphBuilder("nearest-neighbour resizing");
  const image = b.input("image", "uint8", [1, "H", "W", 3]);
  const planes = b.node("Transpose", [image], { perm: [0, 3, 1, 2] });
  const resized = resizeStage(size, "nearest")(b, planes);
  b.output("resized", "uint8", [1, size, size, 3], b.node("Transpose", [resized], { perm: [0, 2, 3, 1] }));
  return b.build();
}
