/** What becomes of pictures: the same bytes, the same picture without metadata, or one that was turned. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, describe, expect, it, test } from 'vitest';
import { build } from '../../support/gateway-process.js';
import {
  canvas,
  chunk,
  exif,
  exifSegment,
  Files,
  latin,
  riff,
  riffBody,
  riffChunk,
  scene,
  segment,
  smallJpeg,
  withChunks,
  withSegments,
} from './files.js';

await build();
const files = new Files();
afterAll(() => files.remove());

const EXIFTOOL = '/usr/bin/exiftool';
const hasExiftool = existsSync(EXIFTOOL);
if (process.env['CI'] && !hasExiftool) {
  test('exiftool is there in CI', () => {
    expect.fail(`No ${EXIFTOOL}: install libimage-exiftool-perl`);
  });
}

const jpeg = await scene().jpeg().toBuffer();
const png = await scene().png().toBuffer();
const deep = await scene().toColourspace('rgb16').png({ progressive: true }).toBuffer();
const webp = await scene().webp().toBuffer();
const lossless = await scene().webp({ lossless: true }).toBuffer();
const profile = (await sharp(await scene().jpeg().withIccProfile('p3').toBuffer()).metadata()).icc as Buffer;

/** Upright and without metadata, of 64 × 48 pixels. */
const PASSING: readonly (readonly [string, string, Buffer])[] = [
  ['a JPEG', 'image/jpeg', jpeg],
  ['a progressive JPEG', 'image/jpeg', await scene().jpeg({ progressive: true }).toBuffer()],
  ['a JPEG in 4:4:4', 'image/jpeg', await scene().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer()],
  ['a greyscale JPEG', 'image/jpeg', await scene().toColourspace('b-w').jpeg().toBuffer()],
  ['a CMYK JPEG', 'image/jpeg', await scene().toColourspace('cmyk').jpeg().toBuffer()],
  ['a JPEG with an ICC profile', 'image/jpeg', await scene().jpeg().withIccProfile('p3').toBuffer()],
  ['a JPEG with fill bytes', 'image/jpeg', withSegments(jpeg, latin('\xff\xff\xff'))],
  ['a PNG', 'image/png', png],
  ['an interlaced PNG', 'image/png', await scene().png({ progressive: true }).toBuffer()],
  ['a PNG of 16 bits', 'image/png', await scene().toColourspace('rgb16').png().toBuffer()],
  ['a PNG with a palette', 'image/png', await scene().png({ palette: true }).toBuffer()],
  ['a transparent PNG', 'image/png', await scene().ensureAlpha(0.5).png().toBuffer()],
  ['a PNG with an ICC profile', 'image/png', await scene().png().withIccProfile('p3').toBuffer()],
  ['a lossy WebP', 'image/webp', webp],
  ['a lossless WebP', 'image/webp', lossless],
  ['a transparent WebP', 'image/webp', await scene().ensureAlpha(0.5).webp().toBuffer()],
  ['a WebP with an ICC profile', 'image/webp', await scene().webp().withIccProfile('p3').toBuffer()],
];
/** The segments that a phone writes, with a thumbnail and a place, and some that others write. */
const JPEG_METADATA = [
  segment(0xe0, Buffer.concat([latin('JFXX\0\x13\x01\x01'), Buffer.alloc(3)])),
  exifSegment(1),
  segment(0xe1, latin('http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>52.5 N</x:xmpmeta>')),
  segment(0xe2, latin('MPF\0MM\0*\0\0\0\x08\0\0')),
  segment(0xed, latin('Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0')),
  segment(0xe5, latin('anything')),
  segment(0xfe, latin('written by <script>')),
];
const PNG_METADATA = [
  chunk('tEXt', latin('Comment\0here')),
  chunk('iTXt', latin('XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>')),
  chunk('eXIf', exif(1)),
  chunk('tIME', Buffer.from([7, 234, 1, 31, 12, 0, 0])),
  chunk('prVt', latin('private')),
];

async function pixelsOf(file: Buffer | string, { isTurned = false } = {}): Promise<Buffer> {
  const picture = sharp(file, { failOn: 'error' });
  return (isTurned ? picture.autoOrient() : picture)
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer();
}

/** The mean difference of two pictures' values, from 0 to 255. */
function difference(some: Buffer, others: Buffer): number {
  expect(some.length).toBe(others.length);
  return (
    some.reduce((sum, value, index) => sum + Math.abs(value - (others[index] as number)), 0) / some.length
  );
}

describe('a picture that is upright and holds no metadata', () => {
  it.each(PASSING)('passes byte for byte: %s', async (_, contentType, content) => {
    const path = files.write(content);
    const fit = await files.fitAt(path);
    expect(fit).toEqual({ path, contentType, width: 64, height: 48, durationSeconds: null });
    expect(readFileSync(path)).toEqual(content);
  });
});

test('a JPEG with restart markers passes too', async () => {
  const path = files.write(smallJpeg());
  expect(await files.fitAt(path)).toMatchObject({ path, width: 16, height: 8 });
});

describe('a picture that is upright', () => {
  it.each<[string, Buffer, Buffer]>([
    ['segments of a JPEG', withSegments(jpeg, ...JPEG_METADATA), jpeg],
    ['what follows a JPEG', Buffer.concat([jpeg, latin('PK\x03\x04'), jpeg]), jpeg],
    ['zeros between the segments of a JPEG', withSegments(jpeg, exifSegment(1), Buffer.alloc(3)), jpeg],
    [
      'the thumbnail in a JFIF segment',
      withSegments(jpeg.subarray(0), segment(0xe0, latin('JFIF\0\x01\x02\x01\0\x48\0\x48\x01\x01abc'))),
      withSegments(jpeg, segment(0xe0, latin('JFIF\0\x01\x02\x01\0\x48\0\x48\0\0'))),
    ],
    [
      'what follows the values in an Adobe segment',
      withSegments(jpeg, segment(0xee, latin('Adobe\0\x64\0\0\0\0\x01and more'))),
      withSegments(jpeg, segment(0xee, latin('Adobe\0\x64\0\0\0\0\x01'))),
    ],
    ['chunks of a PNG', withChunks(png, ...PNG_METADATA), png],
    ['what follows a PNG', Buffer.concat([png, png]), png],
    [
      'the animation in a PNG',
      withChunks(png, chunk('acTL', Buffer.alloc(8)), chunk('fdAT', Buffer.alloc(9))),
      png,
    ],
    [
      'chunks of a WebP',
      riff(
        'WEBP',
        canvas(64, 48, 0x0c),
        riffBody(webp),
        ...[riffChunk('EXIF', exif(1)), riffChunk('XMP ', latin('<x/>')), riffChunk('more', latin('abc'))],
      ),
      riff('WEBP', canvas(64, 48, 0), riffBody(webp)),
    ],
    ['what follows a WebP', Buffer.concat([webp, latin('<html>')]), webp],
    [
      'a chunk after the only one that a simple WebP has',
      riff('WEBP', riffBody(webp), riffChunk('EXIF', exif(6))),
      webp,
    ],
  ])('loses %s, and not a bit of the picture', async (_, content, bare) => {
    const path = files.write(content);
    const fit = await files.fitAt(path);
    expect(fit).toMatchObject({ path: `${path}.fit`, width: 64, height: 48 });
    expect(readFileSync(fit.path)).toEqual(bare);
    expect(await pixelsOf(fit.path)).toEqual(await pixelsOf(content));
  });

  it('keeps its profile where metadata around it is removed', async () => {
    for (const content of [
      withSegments(await scene().jpeg().withIccProfile('p3').toBuffer(), ...JPEG_METADATA),
      withChunks(await scene().png().withIccProfile('p3').toBuffer(), ...PNG_METADATA),
      await scene()
        .webp()
        .withIccProfile('p3')
        .withExif({ IFD0: { Make: 'Camera' } })
        .toBuffer(),
    ]) {
      const { exif: left, icc } = await sharp((await files.fit(content)).path).metadata();
      expect(left).toBeUndefined();
      expect(icc).toEqual(profile);
    }
  });

  it('is the first frame of an animation', async () => {
    const frames = await scene(64, 96).raw().toBuffer();
    const animated = await sharp(frames, { raw: { width: 64, height: 96, channels: 3, pageHeight: 48 } })
      .webp({ lossless: true })
      .toBuffer();
    expect((await sharp(animated).metadata()).pages).toBe(2);
    const fit = await files.fit(animated);
    expect(fit).toMatchObject({ contentType: 'image/webp', width: 64, height: 48 });
    expect((await sharp(fit.path).metadata()).pages ?? 1).toBe(1);
    expect(await pixelsOf(fit.path)).toEqual(frames.subarray(0, 64 * 48 * 3));
  });

  it('is the first frame of an animation, on white where that covers a part of the canvas', async () => {
    const small = await scene(32, 24).webp({ lossless: true }).toBuffer();
    const place = Buffer.from([4, 0, 0, 4, 0, 0, 31, 0, 0, 23, 0, 0, 100, 0, 0, 0]);
    const frame = riffChunk('ANMF', Buffer.concat([place, riffBody(small)]));
    const animated = riff('WEBP', canvas(64, 48, 0x12), riffChunk('ANIM', Buffer.alloc(6)), frame, frame);
    const fit = await files.fit(animated);
    expect(fit).toMatchObject({ contentType: 'image/jpeg', width: 64, height: 48 });
    const pixels = await pixelsOf(fit.path);
    expect([...pixels.subarray(0, 3)]).toEqual([255, 255, 255]);
    const [red = 0, , blue = 0] = pixels.subarray(3 * (64 * 12 + 12));
    expect(red).toBeGreaterThan(blue + 100);
  });
});

describe('a picture that has to be turned', () => {
  const kinds: readonly (readonly [string, (orientation: number) => Promise<Buffer> | Buffer])[] = [
    ['a JPEG', (orientation) => withSegments(jpeg, exifSegment(orientation))],
    ['a JPEG with little-endian EXIF', (orientation) => withSegments(jpeg, exifSegment(orientation, true))],
    [
      'a progressive JPEG',
      (orientation) => scene().jpeg({ progressive: true }).withMetadata({ orientation }).toBuffer(),
    ],
    ['a PNG', (orientation) => withChunks(png, chunk('eXIf', exif(orientation)))],
    ['an interlaced PNG of 16 bits', (orientation) => withChunks(deep, chunk('eXIf', exif(orientation)))],
    [
      'a WebP',
      (orientation) =>
        riff('WEBP', canvas(64, 48, 8), riffBody(lossless), riffChunk('EXIF', exif(orientation))),
    ],
    [
      'a transparent WebP',
      (orientation) => scene().ensureAlpha(0.5).webp().withMetadata({ orientation }).toBuffer(),
    ],
  ];
  it.each(kinds)('becomes an upright JPEG: %s', async (_, make) => {
    for (const orientation of [2, 3, 4, 5, 6, 7, 8]) {
      const content = await make(orientation);
      const path = files.write(content);
      const fit = await files.fitAt(path);
      const [width, height] = orientation >= 5 ? [48, 64] : [64, 48];
      expect(fit).toEqual({
        path: `${path}.fit`,
        contentType: 'image/jpeg',
        width,
        height,
        durationSeconds: null,
      });
      const made = readFileSync(fit.path);
      expect(await sharp(made).metadata()).toMatchObject({ format: 'jpeg', width, height });
      expect((await sharp(made).metadata()).orientation).toBeUndefined();
      expect(difference(await pixelsOf(made), await pixelsOf(content, { isTurned: true }))).toBeLessThan(3);
    }
  });

  it.each([
    ['4:2:0', '4:2:0', () => scene().jpeg({ chromaSubsampling: '4:2:0' })],
    ['4:4:4', '4:4:4', () => scene().jpeg({ chromaSubsampling: '4:4:4' })],
    ['no subsampling in a PNG', '4:4:4', () => scene().png()],
    ['no subsampling in a WebP', '4:4:4', () => scene().webp({ lossless: true })],
  ])('keeps the resolution of its colours: %s', async (_, chromaSubsampling, make) => {
    const { path } = await files.fit(await make().withMetadata({ orientation: 6 }).toBuffer());
    expect(await sharp(path).metadata()).toMatchObject({ chromaSubsampling });
  });

  it('keeps its profile and, with it, its values', async () => {
    for (const kind of ['jpeg', 'png', 'webp'] as const) {
      const content = await scene()
        .toFormat(kind, { quality: 100 })
        .withIccProfile('p3')
        .withMetadata({ orientation: 3 })
        .toBuffer();
      const { path } = await files.fit(content);
      expect((await sharp(path).metadata()).icc).toEqual((await sharp(content).metadata()).icc);
      const values = (file: Buffer | string): Promise<Buffer> =>
        sharp(file, { ignoreIcc: true }).raw().toBuffer();
      const turned = await sharp(await values(content), { raw: { width: 64, height: 48, channels: 3 } })
        .rotate(180)
        .raw()
        .toBuffer();
      expect(difference(await values(path), turned)).toBeLessThan(3);
    }
  });

  it('stays grey, and becomes RGB from CMYK', async () => {
    const grey = await files.fit(
      withSegments(await scene().toColourspace('b-w').jpeg().toBuffer(), exifSegment(6)),
    );
    expect(await sharp(grey.path).metadata()).toMatchObject({ space: 'b-w', channels: 1 });
    const cmyk = withSegments(await scene().toColourspace('cmyk').jpeg().toBuffer(), exifSegment(3));
    const { path } = await files.fit(cmyk);
    expect(await sharp(path).metadata()).toMatchObject({ space: 'srgb', channels: 3 });
    expect(difference(await pixelsOf(path), await pixelsOf(cmyk, { isTurned: true }))).toBeLessThan(3);
  });

  it('is white where it was transparent', async () => {
    const clear = await scene().ensureAlpha(0).png().withMetadata({ orientation: 6 }).toBuffer();
    const pixels = await pixelsOf((await files.fit(clear)).path);
    expect(Math.min(...pixels)).toBeGreaterThan(250);
  });

  it('is turned as its first EXIF says, whatever others say', async () => {
    const twice = withSegments(jpeg, exifSegment(1), exifSegment(6));
    expect(readFileSync((await files.fit(twice)).path)).toEqual(jpeg);
  });

  it.each([0, 9, 0xffff])('is not turned by an orientation of %i', async (orientation) => {
    expect(readFileSync((await files.fit(withSegments(jpeg, exifSegment(orientation)))).path)).toEqual(jpeg);
  });
});

describe('a picture with an edge of more than 4096 pixels', () => {
  it.each([1, 6])('is scaled down, also with orientation %i', async (orientation) => {
    for (const kind of ['jpeg', 'png', 'webp'] as const) {
      const content = await scene(5000, 100).toFormat(kind).withMetadata({ orientation }).toBuffer();
      const fit = await files.fit(content);
      const [width, height] = orientation === 6 ? [82, 4096] : [4096, 82];
      expect(fit).toMatchObject({ contentType: 'image/jpeg', width, height });
      expect(await sharp(fit.path).metadata()).toMatchObject({ width, height });
    }
  });
});

test('a picture that cannot be used leaves no file, and one that was changed keeps its original', async () => {
  const path = files.write(withSegments(jpeg, exifSegment(6)));
  const original = readFileSync(path);
  await files.fitAt(path);
  expect(readFileSync(path)).toEqual(original);
  const before = readdirSync(files.folder).length;
  await expect(files.fit(withSegments(jpeg.subarray(0, -200), exifSegment(6)))).rejects.toThrow();
  expect(readdirSync(files.folder).length).toBe(before + 1);
});

test('reading ends with the signal', async () => {
  const reason = new Error('gone');
  await expect(files.fit(jpeg, AbortSignal.abort(reason))).rejects.toBe(reason);
});

const word = hasExiftool ? '' : ' (skipped: no exiftool, install libimage-exiftool-perl)';
describe.skipIf(!hasExiftool)(`exiftool${word}`, () => {
  /** What it finds, in groups: of the file system, of the format itself, and computed from these. */
  const HARMLESS =
    /^(SourceFile|(ExifTool|System|Composite|ICC.*|JFIF|Adobe|APP14|PNG|PNG-pHYs|RIFF|File):.*)$/;

  it('finds no metadata in what was made fit, and did find some before', async () => {
    const pictures = [
      ...[1, 6].map((orientation) => withSegments(jpeg, exifSegment(orientation), ...JPEG_METADATA.slice(2))),
      ...[1, 6].map((orientation) =>
        withChunks(png, chunk('eXIf', exif(orientation)), ...PNG_METADATA.slice(0, 2)),
      ),
      await scene()
        .webp()
        .withExif({ IFD0: { Make: 'Camera' }, IFD3: { GPSLatitudeRef: 'N' } })
        .toBuffer(),
      await scene()
        .jpeg()
        .withExif({ IFD0: { Make: 'Camera' }, IFD3: { GPSLatitudeRef: 'N' } })
        .withMetadata({ orientation: 8 })
        .toBuffer(),
    ];
    const paths = pictures.map((content) => files.write(content));
    const made: string[] = [];
    for (const path of paths) made.push((await files.fitAt(path)).path);
    for (const found of groupsIn(paths)) expect(found).not.toEqual([]);
    for (const found of groupsIn(made)) expect(found).toEqual([]);
  });

  function groupsIn(paths: readonly string[]): readonly string[][] {
    const json = execFileSync(EXIFTOOL, ['-json', '-a', '-u', '-G1', ...paths], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return (JSON.parse(json) as object[]).map((tags) =>
      Object.keys(tags).filter(
        (tag) => !HARMLESS.test(tag) || tag === 'File:Comment' || tag.endsWith(':Comment'),
      ),
    );
  }
});
