import { crc32, deflateRawSync } from "node:zlib";

/** An entry of {@link zip}; what it says of itself may be wrong on purpose. */
export interface ZipEntry {
  readonly name: string;
  readonly content: Uint8Array | string;
  readonly compress?: boolean;
  readonly declaredSize?: number;
  readonly declaredChecksum?: number;
}

/** A zip archive with these entries, as bytes. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content as Uint8Array);
    const data = entry.compress ? deflateRawSync(content) : content;
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt16LE(entry.compress ? 8 : 0, 4);
    about.writeUInt32LE(entry.declaredChecksum ?? crc32(content), 10);
    about.writeUInt32LE(data.length, 14);
    about.writeUInt32LE(entry.declaredSize ?? content.length, 18);
    about.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), about, name, data]);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), about, place, name);
    parts.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, list, Buffer.from("PK\x05\x06"), end]);
}
