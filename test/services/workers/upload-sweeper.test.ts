/** Erasing uploads, also if the store of their bytes fails or another instance does the same. */
import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Upload } from '../../../src/services/uploads/upload.js';
import { UploadAddresses } from '../../../src/services/uploads/upload-addresses.js';
import { UploadService } from '../../../src/services/uploads/upload-service.js';
import { UploadSweeper } from '../../../src/services/workers/upload-sweeper.js';
import { Gate, until } from '../../support/gate.js';
import { HOUR } from '../../support/samples.js';
import { log, openWorkshop, type Workshop } from '../../support/workshop.js';

interface Stage extends Workshop {
  announce(contentType?: string): Promise<Upload>;
  sweeper(remove: (name: string) => Promise<void>): UploadSweeper;
}

async function open(): Promise<Stage> {
  const workshop = await openWorkshop();
  const { uploads: store, clock } = workshop;
  const settings = { quotaBytes: null, maxImageBytes: 1, maxVideoBytes: 1, minFreeBytes: 0 };
  const addresses = new UploadAddresses('https://swap.example.com');
  const freeBytes = async () => null;
  const uploads = new UploadService({ store, addresses, clock, settings, isReachable: true, freeBytes });
  return {
    ...workshop,
    announce: async (contentType = 'image/png') => {
      const { upload } = await uploads.create('ann', { contentType, byteSize: 1, sha256: null });
      return upload;
    },
    sweeper: (remove) => {
      const sweeper = new UploadSweeper({
        store,
        uploads,
        blobs: { remove },
        clock,
        settings: { uploadTtlMs: HOUR },
        log,
      });
      onTestFinished(() => sweeper.stop());
      sweeper.start();
      return sweeper;
    },
  };
}

/** The uploads that are hidden and not erased. */
const left = async ({ uploads }: Stage): Promise<readonly string[]> =>
  (await uploads.claimErasures(Number.MAX_SAFE_INTEGER, 0, 1000)).map(({ id }) => id);

describe('the sweeper', () => {
  test('removes every file that an upload can have left, of its family', async () => {
    const stage = await open();
    const [picture, video] = [await stage.announce(), await stage.announce('video/mp4')];
    const removed: string[] = [];
    const sweeper = stage.sweeper(async (name) => void removed.push(name));
    await sweeper.delete('ann', picture.id);
    expect(removed.sort()).toEqual(['jpg', 'png', 'webp'].map((type) => `${picture.name}.${type}`));
    await sweeper.delete('ann', video.id);
    expect(removed.slice(3).sort()).toEqual(
      ['avi', 'mov', 'mp4', 'webm'].map((type) => `${video.name}.${type}`),
    );
    expect(await left(stage)).toEqual([]);
  });

  test('keeps the record of what could not be removed, and tries again, while others go on', async () => {
    const stage = await open();
    const [stuck, other] = [await stage.announce(), await stage.announce()];
    let isBroken = true;
    const removed: string[] = [];
    const sweeper = stage.sweeper(async (name) => {
      if (isBroken && name.startsWith(stuck.name)) throw new Error('the disk is gone');
      removed.push(name);
    });
    await sweeper.delete('ann', stuck.id);
    expect(await stage.uploads.find('ann', stuck.id)).toBeNull();
    isBroken = false;
    stage.clock.advance(59_999);
    await sweeper.delete('ann', other.id);
    expect(removed).toContain(`${other.name}.png`);
    expect(removed).not.toContain(`${stuck.name}.png`);
    stage.clock.advance(1);
    await until(async () => (await left(stage)).length === 0);
    expect(removed).toContain(`${stuck.name}.png`);
  });

  test('that dies while it erases is followed by another one, once its claim ends', async () => {
    const stage = await open();
    const upload = await stage.announce();
    await stage.uploads.discard('ann', upload.id, stage.clock.now());
    const [claimed] = await stage.uploads.claimErasures(stage.clock.now(), stage.clock.now() + 1000, 1);
    expect(claimed?.id).toBe(upload.id);
    const removed: string[] = [];
    const sweeper = stage.sweeper(async (name) => void removed.push(name));
    await sweeper.release([]);
    await sweeper.delete('ann', (await stage.announce()).id);
    expect(removed.filter((name) => name.startsWith(upload.name))).toEqual([]);
    stage.clock.advance(1000);
    await until(() => removed.includes(`${upload.name}.png`));
  });

  test('goes on without a pause while there is more than it takes at once', async () => {
    const stage = await open();
    await Promise.all(Array.from({ length: 250 }, () => stage.announce()));
    stage.clock.advance(HOUR);
    const removed = new Set<string>();
    const begun = performance.now();
    stage.sweeper(async (name) => void removed.add(name.split('.')[0] ?? ''));
    await until(() => removed.size === 250);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test('stops in the middle, and what is left is due at once for the next', async () => {
    const stage = await open();
    const upload = await stage.announce();
    await stage.uploads.discard('ann', upload.id, stage.clock.now());
    const gate = new Gate();
    const first = stage.sweeper(async () => {
      await gate.pass();
      throw new Error('aborted');
    });
    await gate.arrived();
    const stopped = first.stop();
    gate.open();
    await stopped;
    const removed: string[] = [];
    stage.sweeper(async (name) => void removed.push(name));
    await until(() => removed.includes(`${upload.name}.png`));
  });

  test('leaves an upload whose bytes are arriving until that has ended', async () => {
    const stage = await open();
    const now = stage.clock.now();
    const upload = await stage.announce();
    await stage.uploads.begin(upload.putToken, { id: randomUUID(), now, until: now + 1000 });
    const removed: string[] = [];
    const sweeper = stage.sweeper(async (name) => void removed.push(name));
    await sweeper.delete('ann', upload.id);
    expect(removed).toEqual([]);
    stage.clock.advance(1000);
    await until(() => removed.includes(`${upload.name}.png`));
  });
});
