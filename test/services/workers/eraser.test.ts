/** Old jobs are erased as fast as a busy gateway creates new ones, and a failing one blocks no others. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ARCHIVE_CLAIM_MS, type Job } from '../../../src/services/jobs/job.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import type { BlobStore } from '../../../src/services/media/blob-store.js';
import { createFolderBlobStore } from '../../../src/services/media/folder-blob-store.js';
import { archiveStem } from '../../../src/services/workers/archiver.js';
import { Eraser } from '../../../src/services/workers/eraser.js';
import { Gate } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { HOUR } from '../../support/samples.js';
import { log, openWorkshop, type Workshop } from '../../support/workshop.js';

const DAY = 24 * HOUR;

let workshop: Workshop;
let archive: BlobStore;
let eraser: Eraser;
/** Number of searches for old jobs. */
let looks = 0;
let deletions: (readonly string[])[] = [];
let release: (ids: readonly string[]) => Promise<void> = async () => {};

beforeEach(async () => {
  looks = 0;
  deletions = [];
  release = async () => {};
  workshop = await openWorkshop();
  archive = createFolderBlobStore(workshop.dir);
  await archive.start();
});
afterEach(() => eraser.stop());

function start(deleteResults: (ids: readonly string[]) => Promise<void> = async () => {}): void {
  const { jobs, clock, store } = workshop;
  eraser = new Eraser({
    store: withMethods<JobStore>(store, {
      finishedBefore: (before, limit) => {
        looks += 1;
        return store.finishedBefore(before, limit);
      },
    }),
    jobs,
    archive,
    uploads: { release: (ids) => release(ids) },
    clock,
    akool: {
      deleteResults: (ids) => {
        deletions.push(ids);
        return deleteResults(ids);
      },
    },
    settings: { retentionDays: 1 },
    log,
  });
  eraser.start();
}

async function finished(count: number, keep = false): Promise<readonly Job[]> {
  const { clock, jobs } = workshop;
  const born = await Promise.all(Array.from({ length: count }, () => workshop.create()));
  await jobs.lease(count, HOUR);
  return Promise.all(
    born.map(async ({ id }, i) => {
      const providerId = `p${i}`;
      const at = clock.now();
      const common = { at, pollAt: at, deadlineAt: at, source: 'POLL', providerId } as const;
      const report = {
        status: 'COMPLETED',
        url: `https://a.example/${i}`,
        expiresAt: at,
        keep,
      } as const;
      const { job } = await jobs.apply(id, { type: 'reported', ...common, report });
      if (job === null) throw new Error('it was created');
      return job;
    }),
  );
}

const left = async (jobs: readonly Job[]) => (await workshop.store.versions(jobs.map(({ id }) => id))).size;

describe('jobs past their days', () => {
  test('are erased without waiting for a tick between them, and at Akool many in one call', async () => {
    const old = await finished(450);
    workshop.clock.advance(2 * DAY);
    start();
    await expect.poll(() => left(old)).toBe(0);
    // 450 at 50 a tick would be nine searches, one second apart.
    expect(looks).toBeLessThanOrEqual(4);
    expect(deletions.flat().sort()).toEqual(old.map(({ providerId }) => providerId).sort());
    expect(deletions.length).toBeLessThanOrEqual(10);
  });

  test('wait for the next tick while Akool is away, and those that it has no more go', async () => {
    const ancient = await finished(10);
    workshop.clock.advance(8 * DAY);
    const old = await finished(10);
    workshop.clock.advance(2 * DAY);
    start(() => Promise.reject(new Error('away')));
    await expect.poll(() => left(ancient)).toBe(0);
    await expect.poll(() => looks).toBeGreaterThan(1);
    expect(deletions).toHaveLength(1);
    expect(await left(old)).toBe(10);
    // Each is retried after a minute.
    workshop.clock.advance(60_000);
    await expect.poll(() => deletions.length).toBe(2);
  });

  test('leave no copy and no thumbnail, whether the copy was noted or not', async () => {
    const [noted, unnoted] = await finished(2);
    if (noted === undefined || unnoted === undefined) throw new Error('two were made');
    const copy = { name: 'noted.png', contentType: 'image/png', byteSize: 1, sha256: '' };
    await workshop.jobs.apply(noted.id, { type: 'archived', at: workshop.clock.now(), archive: copy });
    const files = [copy.name, `${archiveStem(unnoted)}.png`].flatMap((name) => [
      name,
      `${name}.64.webp`,
      `${name}.1024.webp`,
    ]);
    for (const name of files) writeFileSync(join(workshop.dir, name), 'x');
    workshop.clock.advance(2 * DAY);
    start();
    await expect.poll(() => left([noted, unnoted])).toBe(0);
    expect(readdirSync(workshop.dir).filter((name) => files.includes(name))).toEqual([]);
  });

  test('leave no copy of a result that was revoked before the job failed', async () => {
    const { clock, jobs } = workshop;
    const [job] = await finished(1);
    if (job === undefined) throw new Error('one was made');
    const at = clock.now();
    const copy = { name: `${archiveStem(job)}.png`, contentType: 'image/png', byteSize: 1, sha256: '' };
    writeFileSync(join(workshop.dir, copy.name), 'x');
    await jobs.apply(job.id, { type: 'archived', at, archive: copy });
    await jobs.apply(job.id, { type: 'accepted', at, providerId: 'other', providerJobId: 'own', pollAt: at });
    const error = { code: 'GENERATION_FAILED', message: 'no', providerCode: null, retryable: false } as const;
    const report = { status: 'FAILED', error } as const;
    const common = { at, pollAt: at, deadlineAt: at, source: 'POLL', providerId: 'other' } as const;
    const { job: failed } = await jobs.apply(job.id, { type: 'reported', ...common, report });
    expect(failed).toMatchObject({ status: 'FAILED', result: null });
    clock.advance(2 * DAY);
    start();
    await expect.poll(() => left([job])).toBe(0);
    expect(existsSync(join(workshop.dir, copy.name))).toBe(false);
  });

  test('leave no copy that somebody was writing when he died, and wait no longer than his claim', async () => {
    const { clock, jobs, store } = workshop;
    const [job] = await finished(1, true);
    if (job === undefined) throw new Error('one was made');
    const claimed = await store.claimArchives(clock.now(), clock.now() + ARCHIVE_CLAIM_MS, 1);
    expect(claimed).toHaveLength(1);
    await jobs.delete(job.tenant, job.id);
    start();
    await expect.poll(() => deletions.length).toBe(1);
    await expect.poll(() => looks).toBeGreaterThan(1);
    expect(await left([job])).toBe(1);
    const late = join(workshop.dir, `${archiveStem(job)}.png`);
    writeFileSync(late, 'x');
    clock.advance(ARCHIVE_CLAIM_MS);
    await expect.poll(() => left([job])).toBe(0);
    expect(existsSync(late)).toBe(false);
  });

  test('leave no copy that was written while Akool was slower than the claim lasted', async () => {
    const { clock, jobs, store } = workshop;
    const [job] = await finished(1, true);
    if (job === undefined) throw new Error('one was made');
    await store.claimArchives(clock.now(), clock.now() + ARCHIVE_CLAIM_MS, 1);
    await jobs.delete(job.tenant, job.id);
    const late = join(workshop.dir, `${archiveStem(job)}.png`);
    const removed = new Gate();
    const real = archive;
    archive = withMethods(real, {
      removeAny: async (stem, signal) => {
        await real.removeAny(stem, signal);
        removed.open();
      },
    });
    start(async () => {
      if (deletions.length > 1) return;
      await removed.pass();
      writeFileSync(late, 'x');
      clock.advance(ARCHIVE_CLAIM_MS);
    });
    await expect.poll(() => left([job])).toBe(0);
    expect(existsSync(late)).toBe(false);
  });

  test('go though the copy of one of them can not be removed', async () => {
    const [stuck, ...others] = await finished(3);
    if (stuck === undefined) throw new Error('three were made');
    workshop.clock.advance(2 * DAY);
    const real = archive;
    archive = withMethods(real, {
      removeAny: async (stem, signal) => {
        if (stem === archiveStem(stuck)) throw new Error('no access');
        await real.removeAny(stem, signal);
      },
    });
    start();
    await expect.poll(() => left(others)).toBe(0);
    expect(await left([stuck])).toBe(1);
  });

  test('stay on record until their uploads are released', async () => {
    const old = await finished(2);
    workshop.clock.advance(2 * DAY);
    const asked: string[] = [];
    release = async (ids) => {
      asked.push(...ids);
      if (asked.length === 2) throw new Error('the database cannot answer');
    };
    start();
    await expect.poll(() => asked.length).toBe(2);
    await expect.poll(() => looks).toBeGreaterThan(1);
    expect(await left(old)).toBe(2);
    workshop.clock.advance(60_000);
    await expect.poll(() => left(old)).toBe(0);
    expect([...new Set(asked)].sort()).toEqual(old.map(({ id }) => id).sort());
  });
});
