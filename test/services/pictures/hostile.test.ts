/** Files that are broken, of another kind, or made to do harm: each is refused for what it is. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { PictureFault } from '../../../src/services/pictures/fit.js';
import { build } from '../../support/gateway-process.js';
import { PNG, put, type UploadStage, uploadsOnFiles } from '../../support/uploads.js';
import {
  box,
  canvas,
  chunk,
  exif,
  Files,
  flatPng,
  header,
  latin,
  PNG_SIGNATURE,
  riff,
  riffBody,
  riffChunk,
  scene,
  segment,
  smallJpeg,
  uint16,
  uint32,
  uint32LE,
  withChunks,
  withSegments,
} from './files.js';

await build();
const files = new Files();
afterAll(() => files.remove());

const jpeg = await scene().jpeg().toBuffer();
const progressive = await scene().jpeg({ progressive: true }).toBuffer();
const png = await scene().png().toBuffer();
const webp = await scene().webp().toBuffer();
const gif = latin('GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01D\0;');
const lossless = (width: number, height: number): Buffer =>
  riffChunk(
    'VP8L',
    Buffer.concat([latin('/'), uint32LE((width - 1) | ((height - 1) << 14)), Buffer.alloc(20)]),
  );
const ftyp = (brand: string, ...more: readonly string[]): Buffer =>
  box('ftyp', latin(brand), uint32(0), latin(more.join('')));
const ebml = (docType: string): Buffer =>
  Buffer.concat([
    latin('\x1aE\xdf\xa3'),
    Buffer.from([0x80 | (docType.length + 3)]),
    latin('\x42\x82'),
    Buffer.from([0x80 | docType.length]),
    latin(docType),
  ]);
const noise = Buffer.from(
  Array.from({ length: 5000 }, (_, index) => (index * 7919 + (index >> 3) * 104_729) & 0xff),
);
const NOWHERE = latin('MM\0*\xff\xff\xff\xf0');

const UNSUPPORTED: readonly (readonly [string, Buffer, RegExp])[] = [
  ['nothing', Buffer.alloc(0), /empty/],
  ['text', latin('hello'), /This is text/],
  ['UTF-8 text that is cut amid a letter', Buffer.from('é'.repeat(3000)).subarray(0, 4101), /This is text/],
  ['an HTML page', latin('\n<!DOCTYPE html><html><body>404</body></html>'), /HTML/],
  ['an SVG drawing', latin('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), /SVG/],
  [
    'an SVG that asks for a file and for much memory',
    latin(
      '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;&a;&a;">]><svg>&b;</svg>',
    ),
    /SVG/,
  ],
  ['another XML document', latin('<?xml version="1.0"?><feed/>'), /type XML/],
  ['a PDF', latin('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n'), /type PDF/],
  ['a GIF', gif, /type GIF/],
  ['a GIF that is JavaScript too', latin('GIF89a/*\0\0*/=1;alert(1)'), /type GIF/],
  ['a GIF with a JPEG at its end', Buffer.concat([gif, jpeg]), /type GIF/],
  [
    'a TIFF',
    Buffer.concat([latin('II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x01\0\0\0'), Buffer.alloc(200)]),
    /type TIF/,
  ],
  ['a BMP', Buffer.concat([latin('BM'), Buffer.alloc(100)]), /BMP.*PNG or JPEG/],
  ['a HEIC', ftyp('heic', 'mif1', 'heic'), /HEIC.*JPEG.*accept=/],
  ['a HEIC by its other name', ftyp('mif1', 'heic'), /HEIC/],
  ['an AVIF', ftyp('avif', 'mif1'), /AVIF.*JPEG or PNG/],
  ['a JPEG XL', latin('\xff\x0a\xfa\x1f\x01\x90\x08\x10\0'), /type JXL/],
  ['an icon', Buffer.concat([latin('\0\0\x01\0\x01\0'), Buffer.alloc(50)]), /type ICO/],
  ['a ZIP archive', Buffer.concat([latin('PK\x03\x04'), Buffer.alloc(40)]), /type ZIP/],
  ['a program', Buffer.concat([latin('MZ'), Buffer.alloc(100)]), /type EXE/],
  ['a Matroska video', ebml('matroska'), /type MKV/],
  ['a video of an old phone', ftyp('3gp4'), /type 3GP/],
  ['sound in an MP4', ftyp('M4A '), /type M4A/],
  ['zeros', Buffer.alloc(10_000), /neither a picture nor a video/],
  ['noise', noise, /neither a picture nor a video/],
  ['a lossless JPEG', smallJpeg({ frame: 0xc3 }), /kind that browsers cannot show/],
  ['a JPEG with arithmetic coding', smallJpeg({ frame: 0xc9 }), /kind that browsers cannot show/],
  [
    'a JPEG with a table for arithmetic coding',
    withSegments(jpeg, segment(0xcc, Buffer.alloc(2))),
    /browsers/,
  ],
  ['a JPEG of 12 bits', smallJpeg({ frame: 0xc1, precision: 12 }), /kind that browsers cannot show/],
  [
    'a PNG from an iPhone app',
    Buffer.concat([PNG_SIGNATURE, chunk('CgBI', Buffer.alloc(4)), png.subarray(8)]),
    /Apple/,
  ],
];

const BROKEN: readonly (readonly [string, Buffer, RegExp])[] = [
  [
    'a PNG of 60000 × 60000 pixels',
    flatPng(60_000, 60_000, { data: Buffer.alloc(10) }),
    /60,000 × 60,000.*50,000,000/,
  ],
  [
    'the header of such a PNG',
    Buffer.concat([PNG_SIGNATURE, header(60_000, 60_000, [8, 6, 0])]),
    /at most 50,000,000 pixels/,
  ],
  [
    'a PNG of two billion pixels on a side',
    flatPng(0x7fff_ffff, 0x7fff_ffff, { data: Buffer.alloc(10) }),
    /at most/,
  ],
  ['a PNG of 100000 × 10 pixels', flatPng(100_000, 10), /65,535 on a side/],
  ['a PNG without pixels', flatPng(0, 10, { data: Buffer.alloc(10) }), /no pixels/],
  [
    'a JPEG of 60000 × 60000 pixels',
    smallJpeg({ width: 60_000, height: 60_000 }),
    /at most 50,000,000 pixels/,
  ],
  ['a JPEG without a height', smallJpeg({ height: 0 }), /no pixels/],
  [
    'a WebP of sixteen million pixels on a side',
    riff('WEBP', canvas(1 << 24, 1 << 24, 0), lossless(1, 1)),
    /at most/,
  ],
  ['a WebP larger than its canvas', riff('WEBP', canvas(10, 10, 0), lossless(16_384, 16_384)), /at most/],
  [
    'an animation with a frame like that',
    riff(
      'WEBP',
      canvas(10, 10, 2),
      riffChunk('ANMF', Buffer.concat([Buffer.alloc(16), lossless(16_384, 16_384)])),
    ),
    /at most/,
  ],
  [
    'a PNG that needs much memory',
    flatPng(7000, 7000, { kind: [16, 6, 1], data: Buffer.alloc(10) }),
    /memory/,
  ],
  ['a JPEG that needs much memory', hugeProgressive(), /memory/],

  ['a JPEG that ends in its head', jpeg.subarray(0, 100), /ends too early/],
  ['a JPEG that ends in its data', jpeg.subarray(0, -100), /ends too early/],
  ['a JPEG without its last byte', jpeg.subarray(0, -1), /ends too early/],
  ['a progressive JPEG that ends in its data', progressive.subarray(0, -100), /ends too early/],
  ['the first bytes of a JPEG', latin('\xff\xd8\xff'), /ends too early/],
  [
    'a JPEG of which half is zeros',
    Buffer.concat([jpeg.subarray(0, jpeg.length / 2), Buffer.alloc(700)]),
    /ends too early/,
  ],
  ['a PNG that ends in its data', png.subarray(0, -30), /ends too early/],
  ['a PNG without its last byte', png.subarray(0, -1), /ends too early/],
  ['a PNG of which the first bytes are there', png.subarray(0, 20), /ends too early/],
  ['a WebP that ends in its data', webp.subarray(0, -30), /ends too early/],
  ['the head of a WebP', latin('RIFF\x04\0\0\0WEBP'), /without a picture/],

  ['a JPEG without a picture', latin('\xff\xd8\xff\xe0\0\x02\xff\xd9'), /without a picture/],
  [
    'a JPEG whose data comes first',
    Buffer.concat([latin('\xff\xd8'), smallJpeg().subarray(-16)]),
    /how large/,
  ],
  [
    'a JPEG with two frames',
    smallJpeg({ between: [segment(0xc0, latin('\x08\0\x01\0\x01\x01\x01\x11\0'))] }),
    /twice/,
  ],
  ['a JPEG whose frame is too short', smallJpeg({ between: [segment(0xc0, latin('\x08\0\x01'))] }), /twice/],
  [
    'a JPEG with two components',
    withSegments(jpeg, segment(0xc0, latin('\x08\0\x01\0\x01\x02\x01\x11\0\x02\x11\0'))),
    /no sense/,
  ],
  [
    'a JPEG with a marker that does not exist',
    withSegments(jpeg, segment(0x42, latin('x'))),
    /does not exist/,
  ],
  ['a JPEG whose data has such a marker', smallJpeg({ data: latin('\x3f\xff\x42\0\x02') }), /does not exist/],
  ['a JPEG with a segment without length', withSegments(jpeg, latin('\xff\xe5\0\0')), /no length/],
  ['a JPEG in a JPEG', withSegments(jpeg, jpeg), /another one begins/],
  [
    'a JPEG with 33 scans',
    smallJpeg({
      end: Buffer.concat([
        ...Array.from({ length: 32 }, () => smallJpeg().subarray(-16, -2)),
        latin('\xff\xd9'),
      ]),
    }),
    /too many scans/,
  ],
  [
    'a JPEG with 100000 comments',
    withSegments(jpeg, Buffer.concat(Array.from({ length: 100_000 }, () => latin('\xff\xfe\0\x02')))),
    /too many parts/,
  ],
  [
    'a JPEG with 1000 comments between tables',
    withSegments(
      jpeg,
      Buffer.concat(Array.from({ length: 1000 }, () => latin('\xff\xfe\0\x02\xff\xdd\0\x04\0\0'))),
    ),
    /too many parts/,
  ],
  [
    'a JPEG whose table makes no sense',
    smallJpeg({ between: [segment(0xc4, Buffer.concat([Buffer.from([0]), Buffer.alloc(16, 255)]))] }),
    /cannot be decoded/,
  ],
  [
    'a JPEG without quantization tables',
    Buffer.concat([jpeg.subarray(0, 2), smallJpeg().subarray(2 + 69)]),
    /cannot be decoded/,
  ],

  ['a PNG whose header has a wrong checksum', flipped(png, 29), /checksum/],
  ['a PNG whose data has a wrong checksum', flipped(png, 60), /checksum/],
  ['a PNG whose data is no data', flatPng(64, 48, { data: noise }), /cannot be decoded/],
  ['a PNG whose data is too short', flatPng(64, 48, { data: Buffer.alloc(0) }), /cannot be decoded/],
  ['a PNG with a colour type that does not exist', flatPng(64, 48, { kind: [8, 7, 0] }), /cannot be decoded/],
  ['a PNG with a palette but without one', flatPng(64, 48, { kind: [8, 3, 0] }), /cannot be decoded/],
  ['a PNG without data', Buffer.concat([png.subarray(0, 33), png.subarray(-12)]), /without a picture/],
  ['a PNG without a header', Buffer.concat([PNG_SIGNATURE, png.subarray(33)]), /header/],
  ['a PNG with two headers', withChunks(png, header(1, 1, [8, 0, 0])), /header/],
  [
    'a PNG with a short header',
    Buffer.concat([PNG_SIGNATURE, chunk('IHDR', Buffer.alloc(12)), png.subarray(33)]),
    /header/,
  ],
  ['a PNG with a part that nobody knows', withChunks(png, chunk('ABCD', Buffer.alloc(1))), /do not know/],
  [
    'a PNG with a chunk of 4 GB',
    Buffer.concat([png.subarray(0, 33), latin('\xff\xff\xff\xfftEXt'), png.subarray(33)]),
    /ends too early/,
  ],

  [
    'a WebP that says it is longer',
    Buffer.concat([latin('RIFF\xff\xff\xff\xffWEBP'), riffBody(webp)]),
    /ends too early/,
  ],
  [
    'a WebP with a chunk of 4 GB',
    riff('WEBP', canvas(64, 48, 0), latin('ICCP\xff\xff\xff\xff'), riffBody(webp)),
    /ends too early/,
  ],
  ['a WebP with two sizes', riff('WEBP', canvas(65, 48, 0), riffBody(webp)), /two sizes/],
  ['a WebP without a header', riff('WEBP', riffChunk('VP8 ', noise)), /no header/],
  [
    'a WebP whose data is none',
    riff('WEBP', riffChunk('VP8 ', Buffer.concat([riffBody(webp).subarray(8, 18), noise.subarray(0, 30)]))),
    /cannot be decoded/,
  ],
  ['a lossless WebP whose data is none', riff('WEBP', lossless(64, 48)), /cannot be decoded/],
  [
    'an animation without a frame',
    riff('WEBP', canvas(64, 48, 2), riffChunk('ANIM', Buffer.alloc(6))),
    /without a picture/,
  ],

  ['an MP4 without an index', Buffer.concat([ftyp('isom'), box('mdat', Buffer.alloc(100))]), /moov/],
  [
    'an MP4 that ends in its data',
    Buffer.concat([ftyp('isom'), box('moov'), box('mdat', Buffer.alloc(100)).subarray(0, 50)]),
    /ends too early/,
  ],
  [
    'an MP4 with a box of no size',
    Buffer.concat([ftyp('isom'), latin('\0\0\0\x04free'), box('moov')]),
    /smaller than its own header/,
  ],
  [
    'an MP4 with a box of 16 exabytes',
    Buffer.concat([ftyp('isom'), latin('\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff')]),
    /ends too early/,
  ],
  [
    'an MP4 with a box that leaves its parent',
    Buffer.concat([ftyp('isom'), box('moov', latin('\0\0\xff\xfftrak')), box('mdat')]),
    /ends too early/,
  ],
  [
    'an MP4 with a short header',
    Buffer.concat([ftyp('isom'), box('moov', box('mvhd', Buffer.alloc(4)))]),
    /too short/,
  ],
  [
    'an MP4 with 100000 boxes',
    Buffer.concat([ftyp('isom'), ...Array.from({ length: 100_000 }, () => box('free'))]),
    /too many parts/,
  ],
  ['a WebM that is cut off', Buffer.concat([ebml('webm'), latin('\x18S\x80\x67\x88abc')]), /ends too early/],
  ['a WebM with a number that is too long', Buffer.concat([ebml('webm'), Buffer.alloc(100)]), /too long/],
  [
    'an AVI that is cut off',
    riff('AVI ', riffChunk('LIST', Buffer.alloc(100))).subarray(0, 60),
    /ends too early/,
  ],
];

const ALL = [
  ...UNSUPPORTED.map((row) => [...row, 'MEDIA_UNSUPPORTED'] as const),
  ...BROKEN.map((row) => [...row, 'MEDIA_BROKEN'] as const),
];

describe('refused, and nothing left behind', () => {
  it.each(ALL)('%s', async (_, content, message, code) => {
    const before = readdirSync(files.folder).length;
    const error = await files.fit(content).then(
      () => null,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(PictureFault);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(files.folder).length).toBe(before + 1);
  });
});

describe('sent to a gateway', { timeout: 120_000 }, () => {
  let stage: UploadStage;
  beforeAll(async () => {
    stage = await uploadsOnFiles();
  });
  afterAll(() => stage.stop());

  it('each is refused with its code, leaves nothing, and is the end of nothing', async () => {
    const STATUS: Readonly<Record<string, number>> = { MEDIA_UNSUPPORTED: 415, MEDIA_BROKEN: 422 };
    // What has no bytes cannot be announced.
    const sent = ALL.filter(([, content]) => content.length > 0);
    const answers = await Promise.all(
      sent.map(async ([name, content]) => {
        const { putUrl } = await stage.announce({ contentType: 'image/jpeg', byteSize: content.length });
        const { status, json } = await put(putUrl, content);
        return [name, status, json['code']];
      }),
    );
    expect(answers).toEqual(sent.map(([name, , , code]) => [name, STATUS[code], code]));
    await expect.poll(() => stage.unfinished()).toEqual([]);
    expect(stage.stored()).toEqual([]);
    const harmless = await stage.announce({});
    expect((await put(harmless.putUrl, PNG)).status).toBe(201);
  });
});

describe('harmless, because nobody reads it', () => {
  it.each([
    [
      'EXIF that points out of the file',
      withSegments(jpeg, segment(0xe1, Buffer.concat([latin('Exif\0\0'), NOWHERE]))),
      jpeg,
    ],
    [
      'EXIF with 65535 entries',
      withSegments(jpeg, segment(0xe1, latin('Exif\0\0MM\0*\0\0\0\x08\xff\xff'))),
      jpeg,
    ],
    ['EXIF that is cut off', withSegments(jpeg, segment(0xe1, latin('Exif\0\0MM'))), jpeg],
    [
      'EXIF that is no EXIF',
      withSegments(jpeg, segment(0xe1, latin('Exif\0\0<script>alert(1)</script>'))),
      jpeg,
    ],
    [
      'text in a PNG that would be a gigabyte',
      withChunks(png, chunk('zTXt', Buffer.concat([latin('a\0\0'), noise]))),
      png,
    ],
    ['a wrong checksum of text in a PNG', withChunks(png, flipped(chunk('tEXt', latin('a\0b')), 9)), png],
    [
      'EXIF in a PNG with a prefix',
      withChunks(png, chunk('eXIf', Buffer.concat([latin('Exif\0\0'), exif(1)]))),
      png,
    ],
  ])('%s', async (_, content, bare) => {
    expect(readFileSync((await files.fit(content)).path)).toEqual(bare);
  });
});

test('the table is long enough', () => {
  expect(ALL.length).toBeGreaterThanOrEqual(40);
});

function flipped(content: Buffer, at: number): Buffer {
  const copy = Buffer.from(content);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

/** Seven thousand pixels on a side, progressive, with three components in full resolution. */
function hugeProgressive(): Buffer {
  const frame = Buffer.concat([
    latin('\x08'),
    uint16(7000),
    uint16(7000),
    latin('\x03\x01\x11\0\x02\x11\0\x03\x11\0'),
  ]);
  return Buffer.concat([
    latin('\xff\xd8'),
    segment(0xc2, frame),
    segment(0xda, latin('\x03\x01\0\x02\0\x03\0\0\0\0')),
    latin('\0\xff\xd9'),
  ]);
}
