/** Reads the chunks of a PNG (W3C PNG, third edition). */
import { crc32 } from 'node:zlib';
import { orientationIn } from './exif.js';
import type { FileBytes } from './file-bytes.js';
import { checkSize, type Orientation, PartCount, type PictureOutline, within } from './outline.js';
import { broken, unsupported } from './picture-fault.js';
import { Pieces } from './pieces.js';

const SIGNATURE_BYTES = 8;
/** Length and type, and the checksum. */
const HEAD_BYTES = 8;
const CRC_BYTES = 4;
const IHDR_BYTES = 13;

/** What decoders need to show the picture, in the right colours and shape. */
const NEEDED: ReadonlySet<string> = new Set([
  ...['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'iCCP', 'cICP', 'mDCV', 'cLLI'],
  ...['sBIT', 'bKGD', 'pHYs'],
]);
/** By colour type. A palette is decoded to colours, possibly with alpha. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 4, 4: 2, 6: 4 };
const isGrey = (colourType: number): boolean => colourType === 0 || colourType === 4;
/** Decoders must not ignore a chunk that they don't know if its name begins with a capital letter. */
const isCritical = (type: string): boolean => /^[A-Z]/.test(type);

interface Header {
  readonly width: number;
  readonly height: number;
  readonly bitDepth: number;
  readonly colourType: number;
  readonly isInterlaced: boolean;
}

export async function outlineOfPng(bytes: FileBytes, maxPixels: number): Promise<PictureOutline> {
  const bare = new Pieces();
  bare.keep(0, SIGNATURE_BYTES);
  const count = new PartCount();
  let header: Header | null = null;
  let orientation: Orientation | null = null;
  let hasData = false;
  for (let at = SIGNATURE_BYTES; ; ) {
    count.next();
    const head = await bytes.at(at, HEAD_BYTES);
    const type = head.toString('latin1', 4);
    const [start, content] = [at, at + HEAD_BYTES];
    const end = content + head.readUInt32BE();
    if (type === 'CgBI')
      throw unsupported(
        'This is a PNG in a format of Apple’s own, taken from an app. Save it as an ordinary one.',
      );
    if ((type === 'IHDR') !== (header === null))
      throw broken('The PNG is damaged: its header is missing or doubled.');
    if (type === 'IHDR') {
      header = await headerIn(bytes, content, end);
      checkSize(header.width, header.height, maxPixels);
    }
    at = within(end + CRC_BYTES, bytes.size);
    const isIntact = await hasRightChecksum(bytes, start, end);
    if (!isIntact && isCritical(type)) throw broken('The PNG is damaged: a checksum does not match.');
    if (isCritical(type) && !NEEDED.has(type)) throw broken('The PNG has a part that decoders do not know.');
    if (type === 'eXIf') orientation ??= await orientationIn(bytes, content, end);
    // An animation's frames (fdAT) are dropped too: what remains is the picture for programs that show no animations.
    if (isIntact && NEEDED.has(type)) bare.keep(start, at);
    hasData ||= type === 'IDAT';
    if (type === 'IEND' && header !== null) {
      if (!hasData) throw broken('The PNG ends without a picture.');
      return outline(header, orientation ?? 1, bare);
    }
  }
}

async function headerIn(bytes: FileBytes, content: number, end: number): Promise<Header> {
  if (end - content !== IHDR_BYTES) throw broken('The PNG is damaged: its header has a wrong length.');
  const fields = await bytes.at(content, IHDR_BYTES);
  const [bitDepth = 0, colourType = 0, , , interlace = 0] = fields.subarray(8);
  return {
    width: fields.readUInt32BE(0),
    height: fields.readUInt32BE(4),
    bitDepth,
    colourType,
    isInterlaced: interlace !== 0,
  };
}

/** The checksum is that of type and content. */
async function hasRightChecksum(bytes: FileBytes, start: number, end: number): Promise<boolean> {
  let sum = 0;
  for (let at = start + 4; at < end; ) {
    const part = await bytes.from(at, end);
    sum = crc32(part, sum);
    at += part.length;
  }
  return (await bytes.at(end, CRC_BYTES)).readUInt32BE() === sum;
}

function outline(header: Header, orientation: Orientation, bare: Pieces): PictureOutline {
  const { width, height, bitDepth, colourType, isInterlaced } = header;
  const bytesPerPixel = (CHANNELS[colourType] ?? 4) * (bitDepth === 16 ? 2 : 1);
  return {
    shape: { width, height, orientation, colours: isGrey(colourType) ? 'grey' : 'rgb', chroma: '4:4:4' },
    bare,
    decoderBytes: isInterlaced ? width * height * bytesPerPixel : 0,
  };
}
