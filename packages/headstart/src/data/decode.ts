import { readFile } from "node:fs/promises";
import type sharp from "sharp";
import { HeadstartError } from "../errors.js";
import { errorCode, storageError, withHandle } from "../files.js";
import { MAX_PHOTO_BYTES } from "./photo.js";
import { SNIFF_BYTES, sniff } from "./sniff.js";

/** A decoded photo: 8-bit sRGB, three channels, rows from the top, `height * width * 3` bytes. */
export interface Picture {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** Whether the file was cut off or damaged, so that a part of the picture is missing or wrong. */
  readonly truncated: boolean;
}

/** How {@link decodePhoto} decodes. */
export type DecodeOptions = (
  | {
      /** Squash the photo to `size` x `size`, whatever its shape, by bicubic interpolation that averages when it shrinks. */
      readonly resize: "bicubic";
      readonly size: number;
    }
  | {
      /** Keep every pixel. */
      readonly resize: "none";
      readonly size?: never;
    }
) & {
  /** Where the pixels go, exactly as long as they are; by default an array of their own. */
  readonly into?: Uint8Array<ArrayBuffer>;
  /** The most pixels that a photo may have before it is resized (default 268,402,689). */
  readonly pixelLimit?: number;
};

const PIXEL_LIMIT = 0x3fff ** 2;
const SECONDS = 30;

/**
 * Decodes a photo to 8-bit sRGB with three channels. JPEG, PNG, WebP, GIF, TIFF and AVIF are read, told apart by content. The
 * orientation that the camera noted is honoured, colour profiles are applied, transparency is laid on white, the first picture of an
 * animation is taken. A cut or damaged file is decoded as far as it goes, and `truncated` says so.
 *
 * A photo is refused before it is decoded if it has more than 256 MiB or too many pixels; and after 30 seconds.
 *
 * @param source - a path, or the content of a file
 * @throws HeadstartError `INVALID_PHOTO` if it is not a photo or cannot be decoded (the sentence does not repeat the path);
 *   `NOT_FOUND` if there is no such file; `STORAGE` if it may not be read
 */
export async function decodePhoto(
  source: string | Uint8Array | Blob,
  options: DecodeOptions,
): Promise<Picture> {
  const bytes = await photoContent(source);
  const found = sniff(bytes.subarray(0, SNIFF_BYTES));
  if ("reason" in found) throw refused(`The file cannot be used: ${found.reason}.`);
  try {
    return await render(bytes, options, false);
  } catch (error) {
    if (error instanceof HeadstartError) throw error;
    return renderDamaged(bytes, options);
  }
}

/**
 * The content of a photo's file.
 *
 * @param source - a path, or the content itself
 * @throws HeadstartError `INVALID_PHOTO` if it is no file or has more than 256 MiB; `NOT_FOUND` if there is no such file; `STORAGE` if it
 *   may not be read
 */
export async function photoContent(source: string | Uint8Array | Blob): Promise<Uint8Array> {
  if (typeof source !== "string") {
    const length = source instanceof Uint8Array ? source.byteLength : source.size;
    if (length > MAX_PHOTO_BYTES) throw tooLong(length);
    return source instanceof Uint8Array ? source : new Uint8Array(await source.arrayBuffer());
  }
  try {
    return await withHandle(source, "r", async (handle) => {
      const info = await handle.stat();
      if (!info.isFile()) throw refused("This is not a file.");
      if (info.size > MAX_PHOTO_BYTES) throw tooLong(info.size);
      return readFile(handle);
    });
  } catch (error) {
    throw errorCode(error) === "EISDIR" ? refused("This is not a file.") : storageError(error, source);
  }
}

/** The lenient way, for files that do not decode strictly: what is there is shown, the rest is what the decoder leaves. */
async function renderDamaged(bytes: Uint8Array, options: DecodeOptions): Promise<Picture> {
  let picture: Picture;
  try {
    picture = await render(bytes, options, true);
  } catch (error) {
    if (error instanceof HeadstartError) throw error;
    throw refused(`The photo cannot be decoded: ${decoderSentence(error)}.`, error);
  }
  // A decoder that finds a header and nothing else paints one colour, which is not a photo.
  const { pixels } = picture;
  if (pixels.every((value, i) => value === pixels[i % 3]))
    throw refused("The photo cannot be decoded: there is no picture data in the file.");
  return picture;
}

async function render(bytes: Uint8Array, options: DecodeOptions, lenient: boolean): Promise<Picture> {
  const open = await loadSharp();
  const limitInputPixels = options.pixelLimit ?? PIXEL_LIMIT;
  let pipeline = open(bytes, {
    failOn: lenient ? "none" : "warning",
    limitInputPixels,
    autoOrient: true,
    pages: 1,
    sequentialRead: true,
  }).flatten({ background: "#ffffff" });
  if (options.resize === "bicubic")
    pipeline = pipeline.resize(options.size, options.size, { fit: "fill", kernel: "cubic" });
  const { data, info } = await pipeline
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .timeout({ seconds: SECONDS })
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw limitSentence(error, limitInputPixels) ?? error;
    });
  if (info.channels !== 3) throw refused(`The photo cannot be decoded: it has ${info.channels} channels.`);
  return { pixels: owned(data, options.into), width: info.width, height: info.height, truncated: lenient };
}

/** The pixels in the array that was asked for, or in one that owns its buffer exactly. */
function owned(data: Buffer, into: Uint8Array<ArrayBuffer> | undefined): Uint8Array<ArrayBuffer> {
  if (into) {
    if (into.byteLength !== data.byteLength)
      throw new HeadstartError(
        "INVALID_OPTION",
        `The photo has ${data.byteLength} bytes of pixels; there is room for ${into.byteLength}.`,
      );
    into.set(data);
    return into;
  }
  const { buffer } = data;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength) return new Uint8Array(buffer);
  return Uint8Array.from(data);
}

let loading: Promise<typeof sharp> | undefined;

/**
 * sharp is loaded with the first photo, so that commands without photos start quickly. Photos are small and many: each is decoded on
 * one thread, several at once, and nothing is cached between them.
 */
function loadSharp(): Promise<typeof sharp> {
  loading ??= import("sharp").then(({ default: loaded }) => {
    loaded.cache(false);
    loaded.concurrency(1);
    return loaded;
  });
  return loading;
}

function limitSentence(error: unknown, limit: number): HeadstartError | undefined {
  const message = error instanceof Error ? error.message : "";
  if (message.includes("exceeds pixel limit"))
    return refused(`The photo has more than ${limit.toLocaleString("en-US")} pixels.`, error);
  if (message.startsWith("timeout"))
    return refused(`The photo took more than ${SECONDS} seconds to decode.`, error);
  return undefined;
}

/** The first thing that the decoder said, without the name of the module that said it. */
function decoderSentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .split("\n")
    .map((part) => part.replace(/^(Input buffer has corrupt header: )?(\w+: )?/, "").trim())
    .find((part) => part !== "");
  return (line ?? "the decoder gave no reason").replace(/\.$/, "");
}

function tooLong(length: number): HeadstartError {
  return refused(
    `The file has ${Math.ceil(length / 2 ** 20)} MiB; the most is ${MAX_PHOTO_BYTES / 2 ** 20}.`,
  );
}

function refused(sentence: string, cause?: unknown): HeadstartError {
  return new HeadstartError("INVALID_PHOTO", sentence, "", cause === undefined ? undefined : { cause });
}
