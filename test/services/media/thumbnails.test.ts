/** Making thumbnails when something else happens meanwhile. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BlobStore } from '../../../src/services/media/blob-store.js';
import { createFolderBlobStore } from '../../../src/services/media/folder-blob-store.js';
import { Thumbnails } from '../../../src/services/media/thumbnails.js';
import { Gate } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { picture, streamOf } from './blob-store.contract.js';

const COPY = 'copy.png';
const THUMBNAIL = 'copy.png.64.webp';
const png = { contentType: 'image/png' };
const { signal } = new AbortController();

let dir: string;
let archive: BlobStore;
let drawing: Gate;
let drawn: number[];
let thumbnails: Thumbnails;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'archive-'));
  archive = createFolderBlobStore(dir);
  await archive.start();
  await archive.write(COPY, streamOf(picture(1000)), png);
  [drawing, drawn] = [new Gate(), []];
  thumbnails = thumbnailsOf(archive);
});
afterEach(async () => {
  vi.useRealTimers();
  drawing.open();
  await thumbnails.stop();
  rmSync(dir, { recursive: true, force: true });
});

function thumbnailsOf(of: BlobStore): Thumbnails {
  const draw = async (source: Readable): Promise<Buffer> => {
    const { length } = await buffer(source);
    drawn.push(length);
    await drawing.pass();
    return picture(100);
  };
  return new Thumbnails({ archive: of, draw, log: pino({ level: 'silent' }) });
}

const kept = (): readonly string[] => readdirSync(dir).filter((name) => name !== '.unfinished');

it('keeps none of a copy that was replaced while it was drawn, and draws the new one when asked again', async () => {
  const found = thumbnails.find(THUMBNAIL, signal);
  await drawing.arrived();
  await archive.write(COPY, streamOf(picture(2000)), png);
  drawing.open();
  expect(await found).toBeNull();
  expect(kept()).toEqual([COPY]);
  expect(await thumbnails.find(THUMBNAIL, signal)).toMatchObject({ byteSize: 100 });
  expect(drawn).toEqual([1000, 2000]);
});

it('keeps none whose writing failed, though it was written', async () => {
  drawing.open();
  const losing = withMethods(archive, {
    write: async (...parameters) => {
      await archive.write(...parameters);
      throw new Error('the answer was lost');
    },
  });
  thumbnails = thumbnailsOf(losing);
  await expect(thumbnails.find(THUMBNAIL, signal)).rejects.toThrow('the answer was lost');
  expect(kept()).toEqual([COPY]);
});

it('keeps none if nobody can say whether the copy is still there', async () => {
  drawing.open();
  let isWritten = false;
  thumbnails = thumbnailsOf(
    withMethods(archive, {
      write: async (...parameters) => {
        await archive.write(...parameters);
        isWritten = true;
      },
      find: async (...parameters) => {
        if (isWritten) throw new Error('away');
        return archive.find(...parameters);
      },
    }),
  );
  await expect(thumbnails.find(THUMBNAIL, signal)).rejects.toThrow('away');
  expect(kept()).toEqual([COPY]);
});

it('tells those who wait too long to come again, and finishes what has been begun', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const found = thumbnails.find(THUMBNAIL, signal);
  const refused = expect(found).rejects.toMatchObject({
    code: 'ARCHIVE_UNAVAILABLE',
    extensions: { retryAfterSeconds: 5 },
  });
  await drawing.arrived();
  vi.advanceTimersByTime(20_000);
  await refused;
  drawing.open();
  vi.useRealTimers();
  await expect.poll(kept).toEqual([COPY, THUMBNAIL]);
});

it('draws the copies of a folder in turn, two at a time', async () => {
  const copies = Array.from({ length: 6 }, (_, i) => `${i}.png`);
  for (const [i, name] of copies.entries()) writeFileSync(join(dir, name), picture(100 + i));
  const found = copies.map((name) => thumbnails.find(`${name}.64.webp`, signal));
  await drawing.arrived(2);
  expect(drawn).toHaveLength(2);
  drawing.open();
  await Promise.all(found);
  expect([...drawn].sort()).toEqual([100, 101, 102, 103, 104, 105]);
});

it('leaves nothing behind when it is stopped, however often', async () => {
  const found = thumbnails.find(THUMBNAIL, signal);
  const refused = expect(found).rejects.toThrow();
  await drawing.arrived();
  const stopped = Promise.all([thumbnails.stop(), thumbnails.stop()]);
  drawing.open();
  await Promise.all([stopped, refused]);
  expect(kept()).toEqual([COPY]);
  await expect(thumbnails.find(THUMBNAIL, signal)).rejects.toThrow();
});

it.each(['copy.png', 'copy.png.65.webp', '.64.webp', 'copy.png.64.webp.64.webp', 'none.png.64.webp'])(
  'has no thumbnail %s',
  async (name) => {
    expect(await thumbnails.find(name, signal)).toBeNull();
    expect(drawn).toEqual([]);
  },
);
