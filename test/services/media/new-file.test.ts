import fs, { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeNewFile } from '../../../src/services/media/new-file.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'new-file-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

it('creates no file after it has failed, though that was still being opened', async () => {
  const { open } = fs;
  let opened = (): void => {};
  const isOpened = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const slowly = (path: string, flags: string, mode: number, done: (...result: unknown[]) => void): void => {
    const report = (...result: unknown[]): void => {
      done(...result);
      opened();
    };
    setTimeout(() => open(path, flags, mode, report), 50);
  };
  vi.spyOn(fs, 'open').mockImplementation(slowly as unknown as typeof fs.open);
  const content = new Readable({
    read() {
      this.destroy(new Error('broken'));
    },
  });
  await expect(writeNewFile(join(dir, 'a'), content, {})).rejects.toThrow('broken');
  rmSync(join(dir, 'a'), { force: true });
  await isOpened;
  expect(readdirSync(dir)).toEqual([]);
});

it('writes what comes', async () => {
  const path = join(dir, 'a');
  await writeNewFile(path, Readable.from([Buffer.from('whole')]), { flush: true });
  expect(readFileSync(path, 'utf8')).toBe('whole');
});
