/** The contract of every archive, run over each driver. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/services/media/blob-store.js';

/** A started archive in an empty place. */
export interface OpenArchive {
  readonly archive: BlobStore;
  /** Names of everything kept, sorted. */
  kept(): readonly string[];
  /** Number of writes that have left something and have not ended. */
  unfinished(): number;
  /** Leaves what a writer that began this many milliseconds ago would have left behind. */
  leaveBehind(ageMs: number): Promise<void> | void;
  /** Puts a file into a place below, which is not the archive's. */
  putDeeper(name: string): void;
  /** Makes every write fail until `mendWrites`. */
  breakWrites(): void;
  mendWrites(): void;
  /** Stops the archive and removes the place. */
  close(): Promise<void>;
}

const HOUR = 60 * 60 * 1000;
const MIB = 1024 * 1024;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const png = { contentType: 'image/png' };

/** A picture of this many bytes, without repetitions. */
export function picture(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  PNG.copy(bytes);
  for (let at = PNG.length; at + 4 <= size; at += 4096) bytes.writeUInt32BE(at, at);
  return bytes;
}

export function streamOf(bytes: Buffer): Readable {
  const pieces = function* () {
    for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
  };
  return Readable.from(pieces());
}

/** Yields `bytes`, then blocks until it is destroyed. */
export function unending(bytes: Buffer): Readable {
  const content = new Readable({ read: () => {} });
  content.push(bytes);
  return content;
}

export function describeArchive(name: string, open: () => Promise<OpenArchive>): void {
  describe(`an archive of ${name}`, () => {
    let opened: OpenArchive;
    let archive: BlobStore;

    beforeEach(async () => {
      opened = await open();
      archive = opened.archive;
    });
    afterEach(() => opened.close());

    async function read(of: string, first = 0, last?: number): Promise<Buffer | null> {
      const end = last ?? ((await archive.find(of))?.byteSize ?? 1) - 1;
      const content = await archive.read(of, { first, last: end });
      return content === null ? null : buffer(content);
    }

    it('keeps what it is given, and says what it is', async () => {
      const begin = Date.now();
      await archive.write('a.png', streamOf(picture(1000)), png);
      expect(await read('a.png')).toEqual(picture(1000));
      const found = await archive.find('a.png');
      expect(found).toMatchObject({ contentType: 'image/png', byteSize: 1000 });
      expect(found?.etag).toMatch(/^"[\w-]+"$/);
      expect(await archive.find('a.png')).toEqual(found);
      // HTTP dates have a precision of one second.
      expect(Math.abs((found?.modifiedAt.getTime() ?? 0) - begin)).toBeLessThan(5000);
      expect(opened.kept()).toEqual(['a.png']);
      expect(opened.unfinished()).toBe(0);
    });

    it('replaces what was there, under another validator', async () => {
      await archive.write('a.png', streamOf(picture(1000)), png);
      const first = await archive.find('a.png');
      await archive.write('a.png', streamOf(picture(999)), png);
      expect(await read('a.png')).toEqual(picture(999));
      expect((await archive.find('a.png'))?.etag).not.toBe(first?.etag);
    });

    it.each([
      ['less than a part', 3],
      ['exactly a part', 10 * MIB],
      ['a part and a byte', 10 * MIB + 1],
      ['several parts', 25 * MIB],
    ])('keeps %s, whole', async (_what, size) => {
      const bytes = picture(Math.max(size, PNG.length)).subarray(0, size);
      await archive.write('a.png', streamOf(bytes), png);
      const hash = (of: Buffer | null) =>
        createHash('sha256')
          .update(of ?? '')
          .digest('hex');
      expect(hash(await read('a.png'))).toBe(hash(bytes));
      expect(opened.unfinished()).toBe(0);
    });

    it.each([1000, 11 * MIB])(
      'adopts a file of %i bytes, whole, and replaces what was there',
      async (size) => {
        const dir = mkdtempSync(join(tmpdir(), 'adopted-'));
        const path = join(dir, 'given');
        try {
          await archive.write('a.png', streamOf(picture(100)), png);
          writeFileSync(path, picture(size));
          await archive.adopt('a.png', path, png);
          expect((await read('a.png'))?.equals(picture(size))).toBe(true);
          expect((await archive.find('a.png'))?.contentType).toBe('image/png');
          await expect(archive.adopt('b.png', join(dir, 'none'), png)).rejects.toThrow('ENOENT');
          writeFileSync(path, picture(size));
          const aborted = { ...png, signal: AbortSignal.abort(new Error('told to')) };
          await expect(archive.adopt('b.png', path, aborted)).rejects.toThrow('told to');
          expect(opened.kept()).toEqual(['a.png']);
          expect(opened.unfinished()).toBe(0);
        } finally {
          rmSync(dir, { recursive: true });
        }
      },
    );

    it('gives the bytes that are asked for', async () => {
      const bytes = picture(1000);
      await archive.write('a.png', streamOf(bytes), png);
      for (const [first, last] of [
        [0, 0],
        [0, 999],
        [10, 19],
        [999, 999],
      ] as const) {
        expect(await read('a.png', first, last)).toEqual(bytes.subarray(first, last + 1));
      }
    });

    it('gives nothing rather than less than is asked for', async () => {
      await archive.write('a.png', streamOf(picture(1000)), png);
      for (const range of [
        { first: 0, last: 1000 },
        { first: 999, last: 1000 },
        { first: 1000, last: 1000 },
      ]) {
        await expect(archive.read('a.png', range)).rejects.toThrow();
      }
    });

    it('knows nothing of other names', async () => {
      await archive.write('a.png', streamOf(picture(100)), png);
      for (const other of ['b.png', 'a', 'a.pn', 'a.png.png']) {
        expect(await archive.find(other), other).toBeNull();
        expect(await archive.read(other, { first: 0, last: 0 }), other).toBeNull();
      }
    });

    it('shows nothing before it is whole, and nothing at all when its content fails', async () => {
      const content = unending(picture(11 * MIB));
      const writing = archive.write('a.png', content, png);
      await expect.poll(() => opened.unfinished()).toBe(1);
      expect(opened.kept()).toEqual([]);
      expect(await archive.find('a.png')).toBeNull();
      content.destroy(new Error('cut off'));
      await expect(writing).rejects.toThrow('cut off');
      expect(opened.kept()).toEqual([]);
      expect(opened.unfinished()).toBe(0);
    });

    it.each([1000, 11 * MIB])(
      'leaves the old one when its replacement fails after %i bytes',
      async (size) => {
        await archive.write('a.png', streamOf(picture(100)), png);
        const failing = Readable.from(
          (async function* () {
            yield picture(size);
            throw new Error('cut off');
          })(),
        );
        await expect(archive.write('a.png', failing, png)).rejects.toThrow('cut off');
        expect(await read('a.png')).toEqual(picture(100));
        expect(opened.unfinished()).toBe(0);
      },
    );

    it('gives a write up when it is told to, and its content with it', async () => {
      for (const size of [1000, 11 * MIB]) {
        const stop = new AbortController();
        const content = unending(picture(size));
        const writing = archive.write('a.png', content, { ...png, signal: stop.signal });
        if (size > MIB) await expect.poll(() => opened.unfinished()).toBe(1);
        stop.abort(new Error('told to'));
        await expect(writing).rejects.toThrow();
        expect(content.destroyed).toBe(true);
        expect(opened.kept()).toEqual([]);
        expect(opened.unfinished()).toBe(0);
      }
    });

    it('fails, and ends the content, when it can not write; and works again when it can', async () => {
      opened.breakWrites();
      const content = streamOf(picture(100));
      await expect(archive.write('a.png', content, png)).rejects.toThrow();
      expect(content.destroyed).toBe(true);
      opened.mendWrites();
      await archive.write('a.png', streamOf(picture(100)), png);
      expect(opened.kept()).toEqual(['a.png']);
    });

    it('keeps one of several written at once under one name, whole', async () => {
      const sizes = [11 * MIB, 1000, 12 * MIB, 2000];
      await Promise.all(sizes.map((size) => archive.write('a.png', streamOf(picture(size)), png)));
      const kept = await read('a.png');
      expect(sizes).toContain(kept?.length);
      expect(kept?.equals(picture(kept.length))).toBe(true);
      expect(opened.unfinished()).toBe(0);
    });

    it('removes by name, and whatever extension, and does nothing where there is nothing', async () => {
      const names = ['a.gif', 'a.jpg', 'a.mp4', 'a.png', 'a.webp', 'ab.png', 'b.a.png'];
      for (const one of names) await archive.write(one, streamOf(picture(100)), png);
      await archive.remove('none.png');
      await archive.removeAny('none');
      expect(opened.kept()).toEqual(names);
      await archive.removeAny('a');
      expect(opened.kept()).toEqual(['ab.png', 'b.a.png']);
      await archive.remove('ab.png');
      await archive.remove('ab.png');
      expect(opened.kept()).toEqual(['b.a.png']);
      expect(await archive.find('ab.png')).toBeNull();
    });

    it('lists what it keeps, and nothing else', async () => {
      await opened.leaveBehind(0);
      const names = ['a.gif', 'a.jpg', 'b.png', 'b.png.64.webp', 'c.mp4'];
      for (const one of names) await archive.write(one, streamOf(picture(100)), png);
      opened.putDeeper('d.png');
      const listed: string[] = [];
      for await (const name of archive.names()) listed.push(name);
      expect(listed.sort()).toEqual(names);
    });

    it('sweeps up what dead writers left, and spares what is being written', async () => {
      for (let left = 0; left < 5; left += 1) await opened.leaveBehind(2 * HOUR);
      await opened.leaveBehind(HOUR / 2);
      await archive.write('a.png', streamOf(picture(100)), png);
      await archive.sweep();
      expect(opened.unfinished()).toBe(1);
      expect(opened.kept()).toEqual(['a.png']);
    });

    it('sweeps when it starts', async () => {
      await opened.leaveBehind(2 * HOUR);
      await archive.start();
      expect(opened.unfinished()).toBe(0);
      expect(opened.kept()).toEqual([]);
    });

    it('stops more than once', async () => {
      await archive.stop();
      await expect(archive.stop()).resolves.toBeUndefined();
    });
  });
}
