/** A format that photos are decoded from. */
export type PhotoFormat = "jpeg" | "png" | "webp" | "gif" | "tiff" | "avif";

/** How many bytes from the beginning of a file {@link sniff} looks at. */
export const SNIFF_BYTES = 4096;

/** What a file is: a photo that can be decoded, or why it is none. */
export type Sniffed = { readonly format: PhotoFormat } | { readonly reason: string };

/** The reason that an empty file is no photo, and how the reasons begin, or go on, that others are none. */
const EMPTY = "empty file";
const NO_PHOTO = "not a photo";
const UNREADABLE_PICTURE = "which cannot be read";

/** Formats by how their files begin; a letter stands for itself, `?` for any byte. */
const PHOTOS: readonly (readonly [PhotoFormat, string])[] = [
  ["jpeg", "\xff\xd8\xff"],
  ["png", "\x89PNG\r\n\x1a\n"],
  ["gif", "GIF87a"],
  ["gif", "GIF89a"],
  ["webp", "RIFF????WEBP"],
  ["tiff", "II*\0"],
  ["tiff", "MM\0*"],
  ["tiff", "II+\0"],
  ["tiff", "MM\0+"],
];

/** Pictures that the decoder cannot read. */
const UNREADABLE: readonly (readonly [string, string])[] = [
  ["JPEG XL", "\xff\x0a"],
  ["JPEG XL", "\0\0\0\x0cJXL \r\n\x87\n"],
  ["JPEG 2000", "\0\0\0\x0cjP  \r\n\x87\n"],
  ["JPEG 2000", "\xff\x4f\xff\x51"],
  ["Photoshop", "8BPS"],
  ["Windows icon", "\0\0\x01\0"],
  ["OpenEXR", "\x76\x2f\x31\x01"],
  ["QOI", "qoif"],
];

const OTHERS: readonly (readonly [string, string])[] = [
  ["PDF document", "%PDF-"],
  ["PostScript document", "%!PS"],
  ["ZIP archive or office document", "PK\x03\x04"],
  ["gzip archive", "\x1f\x8b"],
  ["7-Zip archive", "7z\xbc\xaf\x27\x1c"],
  ["RAR archive", "Rar!\x1a\x07"],
  ["AVI video", "RIFF????AVI "],
  ["WAV sound", "RIFF????WAVE"],
  ["Matroska or WebM video", "\x1a\x45\xdf\xa3"],
  ["MP3 sound", "ID3"],
  ["HDF5 file", "\x89HDF\r\n\x1a\n"],
  ["program", "\x7fELF"],
];

/**
 * Says from a file's first bytes whether it is a photo. Names and extensions do not count. Vector drawings (SVG), documents and text are
 * not photos.
 *
 * @param head - the first {@link SNIFF_BYTES} bytes, or the whole file where it is shorter
 */
export function sniff(head: Uint8Array): Sniffed {
  if (head.byteLength === 0) return { reason: EMPTY };
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, SNIFF_BYTES)).toString(
    "latin1",
  );
  for (const [format, start] of PHOTOS) if (begins(text, start)) return { format };
  if (text.slice(4, 8) === "ftyp") return sniffIsoMedia(text);
  if (isBitmap(head)) return unreadable("BMP");
  if (/^P[1-7][\s#]/.test(text)) return unreadable("PBM, PGM or PPM");
  for (const [name, start] of UNREADABLE) if (begins(text, start)) return unreadable(name);
  for (const [name, start] of OTHERS) if (begins(text, start)) return { reason: `${NO_PHOTO} (${name})` };
  return { reason: sniffText(head) };
}

/** Whether a reason of {@link sniff}'s is that the file is empty. */
export function isEmptyFile(reason: string): boolean {
  return reason === EMPTY;
}

/** Whether a reason of {@link sniff}'s is that the file is no photo, or a picture that cannot be read. */
export function isNoPhoto(reason: string): boolean {
  return reason.startsWith(NO_PHOTO) || reason.includes(UNREADABLE_PICTURE);
}

function begins(text: string, start: string): boolean {
  for (let i = 0; i < start.length; i++) if (start[i] !== "?" && text[i] !== start[i]) return false;
  return text.length >= start.length;
}

function unreadable(name: string): Sniffed {
  return { reason: `a ${name} picture, ${UNREADABLE_PICTURE}; save it as JPEG or PNG` };
}

/** MP4, HEIC and AVIF share a container (ISO/IEC 14496-12); its brands tell them apart. */
function sniffIsoMedia(text: string): Sniffed {
  const length =
    ((text.charCodeAt(0) << 24) |
      (text.charCodeAt(1) << 16) |
      (text.charCodeAt(2) << 8) |
      text.charCodeAt(3)) >>>
    0;
  const box = text.slice(8, Math.min(length, text.length));
  const brands = [box.slice(0, 4), ...(box.slice(8).match(/.{4}/gs) ?? [])];
  if (brands.some((brand) => brand === "avif" || brand === "avis")) return { format: "avif" };
  if (brands.some((brand) => /^(hei|hev|mif1|msf1)/.test(brand))) return unreadable("HEIC");
  return { reason: `${NO_PHOTO} (MP4 or QuickTime video)` };
}

/** `BM`, then the length of the file and two reserved zeros: text that begins with BM is not taken for a picture. */
function isBitmap(head: Uint8Array): boolean {
  return (
    head.byteLength >= 14 &&
    head[0] === 0x42 &&
    head[1] === 0x4d &&
    head.subarray(6, 10).every((byte) => byte === 0)
  );
}

function sniffText(head: Uint8Array): string {
  // The last character may be cut off, which `stream` lets pass.
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(head.subarray(0, SNIFF_BYTES), { stream: true });
  } catch {
    return `${NO_PHOTO} (unknown format)`;
  }
  if (text.includes("\0")) return `${NO_PHOTO} (unknown format)`;
  const start = text.trimStart().toLowerCase();
  if (start.startsWith("<")) {
    if (/<svg[\s>:/]/.test(start) || /<!doctype svg/.test(start)) return `${NO_PHOTO} (SVG drawing)`;
    if (/^<(!doctype html|html|head|body)/.test(start)) return `${NO_PHOTO} (HTML page)`;
    if (start.startsWith("<?xml")) return `${NO_PHOTO} (XML file)`;
  }
  return `${NO_PHOTO} (text)`;
}
