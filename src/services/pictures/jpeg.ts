/** Reads the segments of a JPEG (ITU-T T.81, annex B). */
import { orientationIn } from './exif.js';
import type { FileBytes } from './file-bytes.js';
import { checkSize, type Orientation, PartCount, type PictureOutline, within } from './outline.js';
import { broken, unsupported } from './picture-fault.js';
import { Pieces } from './pieces.js';

/** Programs write at most some fifteen; each may take as long as the whole picture. */
const MAX_SCANS = 32;

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const COM = 0xfe;
/** Start of frame, for each kind of JPEG; not C4, C8 and CC. */
const FRAMES: ReadonlySet<number> = new Set([
  ...[0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf],
]);
const PROGRESSIVE = 0xc2;
/** Tables: DHT, DQT, DNL, DRI. */
const TABLES: ReadonlySet<number> = new Set([0xc4, 0xdb, 0xdc, 0xdd]);
const ARITHMETIC_TABLE = 0xcc;
const isStandalone = (marker: number): boolean => marker === 0x01 || isRestart(marker);
const isRestart = (byte: number): boolean => byte >= 0xd0 && byte <= 0xd7;
const isMetadata = (marker: number): boolean => (marker >= 0xe0 && marker <= 0xef) || marker === COM;

/** Between these, the markers of a JPEG are all the same. */
interface Segment {
  readonly marker: number;
  /** Of its marker, including fill bytes before it. */
  readonly start: number;
  /** Of what follows the marker, and the length if there is one. */
  readonly content: number;
  readonly end: number;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly isProgressive: boolean;
  /** Sampling factors of each component. */
  readonly components: readonly { readonly across: number; readonly down: number }[];
}

export async function outlineOfJpeg(bytes: FileBytes, maxPixels: number): Promise<PictureOutline> {
  const bare = new Pieces();
  bare.keep(0, 2);
  const count = new PartCount();
  let frame: Frame | null = null;
  let orientation: Orientation | null = null;
  let scans = 0;
  let isWhollyKept = false;
  for (let at = 2; ; ) {
    count.next();
    const segment = await segmentAt(bytes, at);
    const { marker, start, end } = segment;
    at = end;
    if (marker === EOI) {
      if (frame === null || scans === 0) throw broken('The JPEG ends without a picture.');
      bare.keep(start, end);
      return outline(frame, orientation ?? 1, bare, isWhollyKept);
    }
    if (FRAMES.has(marker)) {
      if (frame !== null) throw broken('The JPEG describes its picture twice.');
      frame = await frameIn(bytes, segment);
      checkSize(frame.width, frame.height, maxPixels);
      bare.keep(start, end);
    } else if (marker === SOS) {
      if (frame === null) throw broken('The JPEG does not say how large its picture is.');
      scans += 1;
      if (scans > MAX_SCANS) throw broken('The JPEG has too many scans. Save it again.');
      const [components = 0] = await bytes.at(segment.content, 1);
      isWhollyKept ||= frame.isProgressive || components < frame.components.length;
      at = await endOfScan(bytes, end);
      bare.keep(start, at);
    } else if (TABLES.has(marker)) {
      bare.keep(start, end);
    } else if (isMetadata(marker)) {
      orientation ??= await orientationOf(bytes, segment);
      await keepNeeded(bytes, segment, bare);
    } else if (marker === ARITHMETIC_TABLE) {
      throw unusual();
    } else if (!isStandalone(marker)) {
      throw broken('The JPEG is damaged: it has a marker that does not exist.');
    }
  }
}

function unusual(): Error {
  return unsupported(
    'This is a JPEG of a kind that browsers cannot show (lossless, hierarchical, arithmetic or 12 bits). Save it as an ordinary one.',
  );
}

/** Finds the next segment. Some cameras leave a few bytes between segments; decoders skip them too. */
async function segmentAt(bytes: FileBytes, from: number): Promise<Segment> {
  for (let start = from; ; ) {
    const part = await bytes.from(start);
    const found = part.indexOf(0xff);
    if (found !== 0) {
      start += found === -1 ? part.length : found;
      continue;
    }
    let code = start + 1;
    let [marker = 0] = await bytes.at(code, 1);
    while (marker === 0xff) {
      code += 1;
      [marker = 0] = await bytes.at(code, 1);
    }
    const content = code + 1;
    if (marker === 0) {
      start = content;
      continue;
    }
    if (marker === SOI) throw broken('The JPEG is damaged: another one begins within it.');
    if (marker === EOI || isStandalone(marker)) return { marker, start, content, end: content };
    const length = (await bytes.at(content, 2)).readUInt16BE();
    if (length < 2) throw broken('The JPEG is damaged: a segment has no length.');
    return { marker, start, content: content + 2, end: within(content + length, bytes.size) };
  }
}

/** Finds the marker after compressed data, in which FF is followed by 00 or a restart marker. */
async function endOfScan(bytes: FileBytes, from: number): Promise<number> {
  for (let at = from; ; ) {
    const part = await bytes.from(at);
    let found = part.indexOf(0xff);
    for (; found !== -1 && found + 1 < part.length; found = part.indexOf(0xff, found + 1)) {
      const next = part[found + 1] as number;
      if (next !== 0 && next !== 0xff && !isRestart(next)) return at + found;
    }
    at += found === -1 ? part.length : found;
    // The byte after the last one here decides.
    if (found !== -1) await bytes.at(at, 2);
  }
}

async function frameIn(bytes: FileBytes, { marker, content, end }: Segment): Promise<Frame> {
  const isUsual = marker === 0xc0 || marker === 0xc1 || marker === PROGRESSIVE;
  const head = await bytes.at(content, Math.min(6, end - content));
  const [precision = 0, components = 0] = [head[0], head[5]];
  if (!isUsual || precision !== 8) throw unusual();
  if (end - content !== 6 + 3 * components || ![1, 3, 4].includes(components))
    throw broken('The JPEG is damaged: its frame makes no sense.');
  const [height, width] = [head.readUInt16BE(1), head.readUInt16BE(3)];
  const table = await bytes.at(content + 6, 3 * components);
  return {
    width,
    height,
    isProgressive: marker === PROGRESSIVE,
    components: Array.from({ length: components }, (_, index) => {
      const factors = table[3 * index + 1] as number;
      return { across: factors >> 4, down: factors & 15 };
    }),
  };
}

async function orientationOf(
  bytes: FileBytes,
  { marker, content, end }: Segment,
): Promise<Orientation | null> {
  if (marker !== 0xe1 || end - content < 6) return null;
  const isExif = (await bytes.at(content, 5)).toString('latin1') === 'Exif\0';
  return isExif ? await orientationIn(bytes, content, end) : null;
}

/**
 * Keeps what decoders need to get the colours right: the ICC profile, and which colour model the components are in
 * (JFIF, Adobe). All other application segments and comments are metadata.
 */
async function keepNeeded(bytes: FileBytes, segment: Segment, bare: Pieces): Promise<void> {
  const { marker, start, content, end } = segment;
  const text = (await bytes.at(content, Math.min(14, end - content))).toString('latin1');
  if (marker === 0xe2 && text.startsWith('ICC_PROFILE\0')) bare.keep(start, end);
  // Both have a fixed length. JFIF may be followed by a thumbnail, whose size is in its last two bytes.
  if (marker === 0xe0 && text.startsWith('JFIF\0') && text.length === 14) {
    if (end - content === 14 && text.endsWith('\0\0')) bare.keep(start, end);
    else bare.put(Buffer.from(`\xff\xe0\0\x10${text.slice(0, 12)}\0\0`, 'latin1'));
  }
  if (marker === 0xee && text.startsWith('Adobe') && text.length >= 12) {
    if (end - content === 12) bare.keep(start, end);
    else bare.put(Buffer.from(`\xff\xee\0\x0e${text.slice(0, 12)}`, 'latin1'));
  }
}

function outline(
  frame: Frame,
  orientation: Orientation,
  bare: Pieces,
  isWhollyKept: boolean,
): PictureOutline {
  const { width, height, components } = frame;
  const across = Math.max(...components.map((component) => component.across));
  const down = Math.max(...components.map((component) => component.down));
  const [, colour = { across: 1, down: 1 }] = components;
  // A coefficient has two bytes.
  const decoderBytes = components.reduce(
    (sum, component) =>
      sum + 2 * width * height * ((component.across * component.down) / Math.max(across * down, 1)),
    0,
  );
  return {
    shape: {
      width,
      height,
      orientation,
      colours: components.length === 1 ? 'grey' : components.length === 3 ? 'rgb' : 'cmyk',
      chroma: across >= 2 * colour.across && down >= 2 * colour.down ? '4:2:0' : '4:4:4',
    },
    bare,
    decoderBytes: isWhollyKept ? decoderBytes : 0,
  };
}
