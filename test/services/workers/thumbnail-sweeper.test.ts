/** Thumbnails without a copy go, even if the archive was away when they were first looked for. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BlobStore } from '../../../src/services/media/blob-store.js';
import { createFolderBlobStore } from '../../../src/services/media/folder-blob-store.js';
import { ThumbnailSweeper } from '../../../src/services/workers/thumbnail-sweeper.js';
import { Gate } from '../../support/gate.js';
import { recordedLog, withMethods } from '../../support/harness.js';

const MINUTE = 60_000;
/** Only what hangs takes this long. */
const WAIT_MS = 15_000;

let dir: string;
let archive: BlobStore;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'archive-'));
  archive = createFolderBlobStore(dir);
  await archive.start();
  for (const name of ['a.png', 'a.png.64.webp', 'b.png.64.webp']) writeFileSync(join(dir, name), 'x');
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dir, { recursive: true, force: true });
});

const kept = (): readonly string[] => readdirSync(dir).filter((name) => name !== '.unfinished');

it('looks again ten minutes after a failure, and then once a day', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  let looks = 0;
  const { log, lines } = recordedLog();
  const away = withMethods(archive, {
    names: (signal) => {
      looks += 1;
      if (looks === 1) throw new Error('away');
      return archive.names(signal);
    },
  });
  const sweeper = new ThumbnailSweeper({ archive: away, log });
  sweeper.start();
  await vi.waitFor(
    () => expect(lines.at(-1)).toMatchObject({ level: 50, err: { message: 'away' } }),
    WAIT_MS,
  );
  vi.advanceTimersByTime(10 * MINUTE);
  await vi.waitFor(() => expect(lines.at(-1)).toMatchObject({ level: 30, removed: 1 }), WAIT_MS);
  expect(kept()).toEqual(['a.png', 'a.png.64.webp']);
  vi.advanceTimersByTime(23 * 60 * MINUTE);
  expect(looks).toBe(2);
  vi.advanceTimersByTime(60 * MINUTE);
  expect(looks).toBe(3);
  await sweeper.stop();
});

it('says nothing of a stop in the middle', async () => {
  const gate = new Gate();
  const { log, lines } = recordedLog();
  const slow = withMethods(archive, {
    find: async (...parameters) => {
      await gate.pass();
      return archive.find(...parameters);
    },
  });
  const sweeper = new ThumbnailSweeper({ archive: slow, log });
  sweeper.start();
  await gate.arrived();
  const stopped = sweeper.stop();
  gate.open();
  await stopped;
  expect(lines).toEqual([]);
});
