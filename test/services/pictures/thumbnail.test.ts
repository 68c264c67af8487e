/** Thumbnails of pictures that come as files or as streams. */
import { createReadStream } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { PictureFault } from '../../../src/services/pictures/fit.js';
import { thumbnailOf } from '../../../src/services/pictures/thumbnail.js';
import { build } from '../../support/gateway-process.js';
import { exifSegment, Files, flatPng, latin, MAX_PIXELS, scene, withSegments } from './files.js';

await build();
const files = new Files();
afterAll(() => files.remove());

const half = (await scene().png().toBuffer()).subarray(0, 200);
const limits = { maxPixels: MAX_PIXELS, signal: new AbortController().signal };

it.each(['jpeg', 'png', 'webp'] as const)(
  'a thumbnail of a %s is a WebP of the given width',
  async (kind) => {
    const content = await scene(200, 100).toFormat(kind).withIccProfile('p3').toBuffer();
    const path = files.write(content);
    for (const source of [path, createReadStream(path)]) {
      const metadata = await sharp(await thumbnailOf(source, 64, limits)).metadata();
      expect(metadata).toMatchObject({ format: 'webp', width: 64, height: 32 });
      expect(metadata.icc).toBeUndefined();
      if (typeof source !== 'string') expect(source.destroyed).toBe(true);
    }
  },
);

it('a thumbnail is upright, and its width is that of the upright picture', async () => {
  const turned = files.write(withSegments(await scene(200, 100).jpeg().toBuffer(), exifSegment(6)));
  const { width, height } = await sharp(await thumbnailOf(turned, 50, limits)).metadata();
  expect({ width, height }).toEqual({ width: 50, height: 100 });
});

it('a thumbnail is transparent where the picture is', async () => {
  const clear = files.write(await scene().ensureAlpha(0).png().toBuffer());
  expect((await sharp(await thumbnailOf(clear, 32, limits)).stats()).isOpaque).toBe(false);
});

it('a picture is never enlarged', async () => {
  const small = files.write(await scene().jpeg().toBuffer());
  const { width, height } = await sharp(await thumbnailOf(small, 1024, limits)).metadata();
  expect({ width, height }).toEqual({ width: 64, height: 48 });
});

it('a column of pixels makes a thumbnail that is not too high', async () => {
  const column = files.write(flatPng(1, 60_000));
  const { width, height } = await sharp(await thumbnailOf(column, 64, limits)).metadata();
  expect({ width, height }).toEqual({ width: 1, height: 4096 });
});

it.each([
  ['a video', latin('\0\0\0\x10ftypisom\0\0\0\0'), 'MEDIA_UNSUPPORTED'],
  ['an SVG', latin('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'MEDIA_UNSUPPORTED'],
  ['a bomb', flatPng(60_000, 60_000, { data: Buffer.alloc(10) }), 'MEDIA_BROKEN'],
  ['half a picture', half, 'MEDIA_BROKEN'],
  ['nothing', Buffer.alloc(0), 'MEDIA_UNSUPPORTED'],
])('there is none of %s', async (_, content, code) => {
  for (const source of [files.write(content), Readable.from([content])]) {
    const fault = await thumbnailOf(source, 64, limits).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(PictureFault);
    expect(fault).toMatchObject({ code });
  }
});

it('a stream is read up to 64 MiB', async () => {
  const piece = Buffer.alloc(1024 * 1024);
  const endless = Readable.from(
    (function* () {
      for (;;) yield piece;
    })(),
  );
  await expect(thumbnailOf(endless, 64, limits)).rejects.toMatchObject({ code: 'MEDIA_BROKEN' });
  expect(endless.destroyed).toBe(true);
});

it('a stream that fails, silently waits or is no longer wanted says so, and holds up no other', async () => {
  const failing = new PassThrough();
  const failed = thumbnailOf(failing, 64, limits);
  failing.destroy(new Error('the disk'));
  await expect(failed).rejects.toThrow('the disk');

  const [first, second] = [new AbortController(), new AbortController()];
  const silent = new PassThrough();
  const waiting = new PassThrough();
  const slow = thumbnailOf(silent, 64, { ...limits, signal: first.signal });
  const behind = thumbnailOf(waiting, 64, { ...limits, signal: second.signal });
  // Files do not wait for streams.
  await thumbnailOf(files.write(flatPng(10, 10)), 64, limits);
  second.abort(new Error('left'));
  await expect(behind).rejects.toThrow('left');
  expect(waiting.destroyed).toBe(true);
  first.abort(new Error('left too'));
  await expect(slow).rejects.toThrow();
  expect(silent.destroyed).toBe(true);
});
