/** The orientation in EXIF metadata (CIPA DC-008, which uses the structure of TIFF 6.0). */
import type { FileBytes } from './file-bytes.js';
import type { Orientation } from './outline.js';

const ORIENTATION = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;
/** Cameras write some twenty into the first directory. */
const MAX_ENTRIES = 1000;

/** Reads the orientation from the bytes from `start` to `end`; 1 where it is missing or makes no sense, as in browsers. */
export async function orientationIn(bytes: FileBytes, start: number, end: number): Promise<Orientation> {
  const tiff = start + (await exifPrefix(bytes, start, end));
  if (tiff + 8 > end) return 1;
  const head = await bytes.at(tiff, 8);
  const isLittle = head.toString('latin1', 0, 4) === 'II*\0';
  if (!isLittle && head.toString('latin1', 0, 4) !== 'MM\0*') return 1;
  const read16 = (buffer: Buffer, at: number): number =>
    isLittle ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at);
  const directory = tiff + (isLittle ? head.readUInt32LE(4) : head.readUInt32BE(4));
  if (directory + 2 > end) return 1;
  const count = Math.min(read16(await bytes.at(directory, 2), 0), MAX_ENTRIES);
  for (let entry = directory + 2; entry < directory + 2 + count * ENTRY_BYTES; entry += ENTRY_BYTES) {
    if (entry + ENTRY_BYTES > end) return 1;
    const fields = await bytes.at(entry, ENTRY_BYTES);
    if (read16(fields, 0) !== ORIENTATION) continue;
    const value = read16(fields, 2) === SHORT ? read16(fields, 8) : 1;
    return value >= 1 && value <= 8 ? (value as Orientation) : 1;
  }
  return 1;
}

/** JPEG requires a prefix before the TIFF header; PNG and WebP do not, but some programs write it there too. */
async function exifPrefix(bytes: FileBytes, start: number, end: number): Promise<number> {
  if (start + 6 > end) return 0;
  return (await bytes.at(start, 4)).toString('latin1') === 'Exif' ? 6 : 0;
}
