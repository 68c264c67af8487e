/** The archive on a real disk: whole files or none. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Archive } from '../../../src/services/archive/archive.js';
import { createFileArchive } from '../../../src/services/archive/file-archive.js';

let dir: string;
let archive: Archive;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'archive-'));
  archive = createFileArchive(dir);
  await archive.start();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const unfinished = (): string[] => readdirSync(join(dir, '.unfinished'));
const kept = (): string[] => readdirSync(dir).filter((name) => name !== '.unfinished');

describe('an archive of files', () => {
  it('keeps what it is given, and replaces it', async () => {
    await archive.write('a.png', Readable.from([Buffer.from('first')]));
    await archive.write('a.png', Readable.from([Buffer.from('sec'), Buffer.from('ond')]));
    expect(readFileSync(join(dir, 'a.png'), 'utf8')).toBe('second');
    expect(unfinished()).toEqual([]);
  });

  it('shows nothing of a file before it is whole, and nothing at all when its content fails', async () => {
    let fail = (_error: Error): void => {};
    const content = new Readable({ read: () => {}, destroy: (error, done) => done(error) });
    fail = (error) => void content.destroy(error);
    content.push('half');
    const writing = archive.write('a.png', content);
    await expect.poll(unfinished).toHaveLength(1);
    expect(kept()).toEqual([]);
    fail(new Error('cut off'));
    await expect(writing).rejects.toThrow('cut off');
    expect(kept()).toEqual([]);
    expect(unfinished()).toEqual([]);
  });

  it('leaves the old file when its replacement fails', async () => {
    await archive.write('a.png', Readable.from([Buffer.from('first')]));
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        throw new Error('cut off');
      })(),
    );
    await expect(archive.write('a.png', failing)).rejects.toThrow('cut off');
    expect(readFileSync(join(dir, 'a.png'), 'utf8')).toBe('first');
  });

  it('fails, and ends the content, when it can not write; and works again when it can', async () => {
    rmSync(join(dir, '.unfinished'), { recursive: true });
    writeFileSync(join(dir, '.unfinished'), 'in the way');
    const content = Readable.from([Buffer.from('x')]);
    await expect(archive.write('a.png', content)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(content.destroyed).toBe(true);
    rmSync(join(dir, '.unfinished'));
    await archive.write('a.png', Readable.from([Buffer.from('x')]));
    expect(kept()).toEqual(['a.png']);
  });

  it('removes by name, and whatever extension, and does nothing where there is nothing', async () => {
    for (const name of ['a.png', 'a.mp4', 'ab.png']) await archive.write(name, Readable.from(['x']));
    await archive.remove('none.png');
    await archive.removeAny('none');
    await archive.removeAny('a');
    expect(kept()).toEqual(['ab.png']);
    await archive.remove('ab.png');
    expect(kept()).toEqual([]);
  });

  it('sweeps up what a dead writer left, and spares what is being written', async () => {
    const old = join(dir, '.unfinished', 'old');
    const young = join(dir, '.unfinished', 'young');
    for (const file of [old, young]) writeFileSync(file, 'half');
    const twoHoursAgo = Date.now() / 1000 - 2 * 60 * 60;
    utimesSync(old, twoHoursAgo, twoHoursAgo);
    await archive.sweep();
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    utimesSync(young, twoHoursAgo, twoHoursAgo);
    await createFileArchive(dir).start();
    expect(existsSync(young)).toBe(false);
  });
});
