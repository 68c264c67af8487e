/** The archive on a real disk: the common contract, in a new folder for each test. */
import fs, {
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFolderBlobStore } from '../../../src/services/media/folder-blob-store.js';
import { describeArchive, picture, streamOf } from './blob-store.contract.js';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'archive-'));

describeArchive('files', async () => {
  const dir = newFolder();
  const unfinished = join(dir, '.unfinished');
  const archive = createFolderBlobStore(dir);
  await archive.start();
  let left = 0;
  return {
    archive,
    kept: () =>
      readdirSync(dir)
        .filter((name) => name !== '.unfinished')
        .sort(),
    unfinished: () => readdirSync(unfinished).length,
    leaveBehind: (ageMs) => {
      left += 1;
      const file = join(unfinished, `left-${left}`);
      writeFileSync(file, 'half');
      const then = (Date.now() - ageMs) / 1000;
      utimesSync(file, then, then);
    },
    putDeeper: (name) => {
      mkdirSync(join(dir, 'deeper'));
      writeFileSync(join(dir, 'deeper', name), 'x');
    },
    breakWrites: () => {
      rmSync(unfinished, { recursive: true });
      writeFileSync(unfinished, 'in the way');
    },
    mendWrites: () => rmSync(unfinished),
    close: async () => {
      await archive.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});

describe('an archive of files', () => {
  let dir: string;
  beforeEach(() => {
    dir = newFolder();
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('takes what it finds for what its first bytes say, and no folder for a file', async () => {
    const archive = createFolderBlobStore(dir);
    await archive.start();
    await archive.write('picture.mp4', streamOf(picture(100)), { contentType: 'image/png' });
    await archive.write('page.png', streamOf(Buffer.from('<html>')), { contentType: 'image/png' });
    expect((await archive.find('picture.mp4'))?.contentType).toBe('image/png');
    expect((await archive.find('page.png'))?.contentType).toBe('application/octet-stream');
    expect(await archive.find('.unfinished')).toBeNull();
    expect(await archive.read('.unfinished', { first: 0, last: 0 })).toBeNull();
  });

  it('has the content on the disk before the name, and the name when the write is over', async () => {
    const archive = createFolderBlobStore(dir);
    await archive.start();
    const file = join(dir, 'a.png');
    const synced: { readonly inode: number; readonly isNamed: boolean }[] = [];
    const note = (fd: number): void =>
      void synced.push({ inode: fstatSync(fd).ino, isNamed: existsSync(file) });
    const spies = await spyOnSyncs(note);
    try {
      await archive.write('a.png', streamOf(picture(100)), { contentType: 'image/png' });
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    expect(synced).toEqual([
      { inode: statSync(file).ino, isNamed: false },
      { inode: statSync(dir).ino, isNamed: true },
    ]);
  });

  it('does not tell names in its errors, because they are permissions', async () => {
    const archive = createFolderBlobStore(dir);
    await archive.start();
    symlinkSync('loop-secret', join(dir, 'loop-secret'));
    mkdirSync(join(dir, 'folder-secret', 'in it'), { recursive: true });
    writeFileSync(join(dir, 'arrived'), 'x');
    const failures = await Promise.allSettled([
      archive.find('loop-secret'),
      archive.read('loop-secret', { first: 0, last: 0 }),
      archive.write('folder-secret', streamOf(picture(10)), { contentType: 'image/png' }),
      archive.adopt('folder-secret', join(dir, 'arrived'), { contentType: 'image/png' }),
      archive.remove('folder-secret'),
    ]);
    for (const failure of failures) {
      const reason: unknown = failure.status === 'rejected' ? failure.reason : null;
      expect(reason).toMatchObject({
        message: expect.stringMatching(/^\w+ failed: \w+$/),
        code: expect.any(String),
      });
      expect(inspect(reason)).not.toContain('secret');
    }
  });

  it('works again when somebody has tidied its folder away', async () => {
    const archive = createFolderBlobStore(dir);
    await archive.start();
    rmSync(dir, { recursive: true });
    expect(await archive.find('a.png')).toBeNull();
    for await (const name of archive.names()) expect(name).toBeUndefined();
    await archive.write('a.png', streamOf(picture(100)), { contentType: 'image/png' });
    expect((await archive.find('a.png'))?.byteSize).toBe(100);
  });
});

/** Calls `note` with each file to be synced to disk, by either of Node's two APIs. */
async function spyOnSyncs(note: (fd: number) => void) {
  const { fsync } = fs;
  const handle = await open(tmpdir(), 'r');
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const { sync } = prototype;
  return [
    vi.spyOn(fs, 'fsync').mockImplementation((fd, done) => {
      note(fd);
      fsync(fd, done);
    }),
    vi.spyOn(prototype, 'sync').mockImplementation(function (this: FileHandle) {
      note(this.fd);
      return sync.call(this);
    }),
  ];
}
