/** The archiver's claims, retries and outcomes, with several archivers on one store. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Job } from '../../../src/services/jobs/job.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import type { BlobStore } from '../../../src/services/media/blob-store.js';
import { createFolderBlobStore } from '../../../src/services/media/folder-blob-store.js';
import { ResultFetcher } from '../../../src/services/media/result-fetcher.js';
import { Archiver, archiveStem } from '../../../src/services/workers/archiver.js';
import { withMethods } from '../../support/harness.js';
import { HOUR } from '../../support/samples.js';
import { log, openWorkshop, type Workshop } from '../../support/workshop.js';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Akool {
  readonly url: string;
  readonly fetched: string[];
  answer: (response: http.ServerResponse) => void;
}

async function openAkool(): Promise<Akool> {
  const akool: { url: string; fetched: string[]; answer: Akool['answer'] } = {
    url: '',
    fetched: [],
    answer: (response) => response.end(PNG),
  };
  const server = http.createServer((request, response) => {
    akool.fetched.push(request.url ?? '');
    akool.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  akool.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return akool;
}

function openFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'archive-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function startArchiver(
  workshop: Workshop,
  akool: Akool,
  dir: string,
  archive: BlobStore = createFolderBlobStore(dir),
): Promise<Archiver> {
  await archive.start();
  const fetcher = new ResultFetcher(akool.url);
  ends.push(() => fetcher.close());
  const settings = { archiveMaxBytes: 100_000, archiveTimeoutMs: 60_000 };
  const archiver = new Archiver({ ...workshop, archive, fetcher, settings, log });
  ends.push(() => archiver.stop());
  archiver.start();
  return archiver;
}

async function completed(workshop: Workshop, akool: Akool, n: number): Promise<Job> {
  const providerId = `p${n}`;
  const { id } = await workshop.atProvider(providerId);
  const at = workshop.clock.now();
  const { job } = await workshop.jobs.apply(id, {
    type: 'reported',
    at,
    pollAt: at,
    deadlineAt: at + HOUR,
    source: 'POLL',
    providerId,
    report: { status: 'COMPLETED', url: `${akool.url}/${n}`, expiresAt: at + 7 * 24 * HOUR, keep: true },
  });
  if (job === null) throw new Error('There is no job');
  return job;
}

describe('archivers that share a store', () => {
  it('fetch each result once', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    const jobs: Job[] = [];
    for (let n = 0; n < 20; n++) jobs.push(await completed(workshop, akool, n));
    const dir = openFolder();
    await Promise.all([1, 2, 3].map(() => startArchiver(workshop, akool, dir)));
    await expect
      .poll(async () =>
        (await Promise.all(jobs.map((job) => workshop.get(job)))).filter(
          (job) => job.result?.archive === null,
        ),
      )
      .toEqual([]);
    expect([...akool.fetched].sort()).toEqual(jobs.map((_job, n) => `/${n}`).sort());
    expect(readdirSync(dir).filter((name) => name.endsWith('.png'))).toHaveLength(20);
  });
});

describe('an archiver', () => {
  it('leaves no copy of a job that was deleted when only the answer to its writing is lost', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    const dir = openFolder();
    const files = createFolderBlobStore(dir);
    const job = await completed(workshop, akool, 1);
    const losing = withMethods<BlobStore>(files, {
      write: async (...parameters) => {
        await files.write(...parameters);
        await workshop.jobs.apply(job.id, { type: 'deleted', at: workshop.clock.now() });
        throw new Error('the answer was lost');
      },
    });
    const removed: string[] = [];
    const watched = withMethods<BlobStore>(losing, {
      removeAny: async (stem) => {
        await files.removeAny(stem);
        removed.push(stem);
      },
    });
    await startArchiver(workshop, akool, dir, watched);
    await expect.poll(() => removed).toHaveLength(1);
    expect(readdirSync(dir)).toEqual(['.unfinished']);
  });

  it('removes the thumbnails of a copy that it replaces, and of no other', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    const dir = openFolder();
    const job = await completed(workshop, akool, 1);
    const name = `${archiveStem(job)}.png`;
    for (const file of [name, `${name}.64.webp`, `${name}.1024.webp`, 'other.png.64.webp']) {
      writeFileSync(join(dir, file), 'old');
    }
    await startArchiver(workshop, akool, dir);
    await expect.poll(async () => (await workshop.get(job)).result?.archive?.name).toBe(name);
    expect(readFileSync(join(dir, name))).toEqual(PNG);
    expect(readdirSync(dir).sort()).toEqual(['.unfinished', name, 'other.png.64.webp'].sort());
  });

  it.each(['deleted', 'erased'] as const)(
    'leaves no copy of a job that was %s while it was fetched',
    async (how) => {
      const workshop = await openWorkshop();
      const akool = await openAkool();
      let go = (): void => {};
      akool.answer = (response) => {
        go = () => response.end(PNG);
      };
      const dir = openFolder();
      const files = createFolderBlobStore(dir);
      const names: string[] = [];
      const watched = withMethods<BlobStore>(files, {
        removeAny: async (stem) => {
          names.push(...readdirSync(dir).filter((file) => file.startsWith(stem)));
          await files.removeAny(stem);
        },
      });
      const job = await completed(workshop, akool, 1);
      const archiver = await startArchiver(workshop, akool, dir, watched);
      await expect.poll(() => akool.fetched).toHaveLength(1);
      await workshop.jobs.delete('ann', job.id);
      if (how === 'erased') await workshop.store.erase([job.id]);
      go();
      await expect.poll(() => names).toEqual([`${archiveStem(job)}.png`]);
      await archiver.stop();
      expect(readdirSync(dir)).toEqual(['.unfinished']);
    },
  );

  it('fetches a result once, also when its job changes meanwhile', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    let go = (): void => {};
    akool.answer = (response) => {
      go = () => response.end(PNG);
    };
    const job = await completed(workshop, akool, 1);
    const stale = await workshop.get(job);
    const archiver = await startArchiver(workshop, akool, openFolder());
    await expect.poll(() => akool.fetched).toHaveLength(1);
    // Simulates a write by a change that began before the claim.
    await workshop.store.rescheduleArchive(stale.id, { at: stale.archiveAt, attempts: 0 });
    workshop.clock.advance(2000);
    await completed(workshop, akool, 2);
    await expect.poll(() => akool.fetched).toHaveLength(2);
    expect(akool.fetched).toEqual(['/1', '/2']);
    go();
    await archiver.stop();
  });

  it('claims a result on for as long as it fetches it', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    ends.push(() => void vi.useRealTimers());
    const workshop = await openWorkshop();
    const akool = await openAkool();
    akool.answer = () => {};
    const job = await completed(workshop, akool, 1);
    const archiver = await startArchiver(workshop, akool, openFolder());
    await expect.poll(() => akool.fetched).toHaveLength(1);
    const claimedUntil = async () => (await workshop.get(job)).archiveAt;
    expect(await claimedUntil()).toBe(workshop.clock.now() + 30_000);
    for (let i = 0; i < 10; i += 1) {
      workshop.clock.advance(5000);
      vi.advanceTimersByTime(5000);
      await expect.poll(claimedUntil).toBe(workshop.clock.now() + 30_000);
    }
    // The claim is released, so that the next archiver need not wait for it to expire.
    await archiver.stop();
    expect(await claimedUntil()).toBe(workshop.clock.now());
  });

  /** An attempt that lasts, whose claim is renewed while the database is there. */
  async function fetching(isAway = () => false) {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    ends.push(() => void vi.useRealTimers());
    const workshop = await openWorkshop();
    const akool = await openAkool();
    let isClosed = false;
    akool.answer = (response) =>
      void response.once('close', () => {
        isClosed = true;
      });
    const job = await completed(workshop, akool, 1);
    let renewals = 0;
    const watched = withMethods<JobStore>(workshop.store, {
      rescheduleArchive: async (id, next) => {
        renewals += 1;
        if (isAway()) throw new Error('the database is away');
        return workshop.store.rescheduleArchive(id, next);
      },
    });
    await startArchiver({ ...workshop, store: watched }, akool, openFolder());
    await expect.poll(() => akool.fetched).toHaveLength(1);
    /** Goes on to the next renewal. */
    const next = async (): Promise<void> => {
      const before = renewals;
      workshop.clock.advance(5000);
      vi.advanceTimersByTime(5000);
      await expect.poll(() => renewals).toBe(before + 1);
    };
    /** Goes on to where there is none, because the attempt is over. */
    const end = async (): Promise<void> => {
      workshop.clock.advance(5000);
      vi.advanceTimersByTime(5000);
      await expect.poll(() => isClosed, { timeout: 5000 }).toBe(true);
    };
    return { workshop, job, next, end, isClosed: () => isClosed };
  }

  it('stops writing before a claim that can not be renewed ends, and not before it has tried again', async () => {
    let isAway = false;
    const { workshop, job, next, end, isClosed } = await fetching(() => isAway);
    await next();
    isAway = true;
    for (let i = 0; i < 4; i += 1) await next();
    expect(isClosed()).toBe(false);
    const { archiveAt } = await workshop.get(job);
    await end();
    expect(workshop.clock.now()).toBeLessThan(archiveAt ?? 0);
    // It falls due by itself.
    expect(await workshop.get(job)).toMatchObject({ archiveAt, archiveAttempts: 0 });
  });

  it('stops writing a result that is no longer wanted', async () => {
    const { workshop, job, next, isClosed } = await fetching();
    const at = workshop.clock.now();
    await workshop.jobs.apply(job.id, {
      type: 'accepted',
      at,
      providerId: 'other',
      providerJobId: 'own',
      pollAt: at,
    });
    await next();
    await expect.poll(isClosed, { timeout: 5000 }).toBe(true);
  });

  it('leaves no copy of a result that was revoked, whatever its kind was', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    const dir = openFolder();
    const { clock, jobs } = workshop;
    const job = await completed(workshop, akool, 1);
    const old = `${archiveStem(job)}.jpg`;
    writeFileSync(join(dir, old), 'x');
    const at = clock.now();
    const archive = { name: old, contentType: 'image/jpeg', byteSize: 1, sha256: '' };
    await jobs.apply(job.id, { type: 'archived', at, archive });
    await jobs.apply(job.id, { type: 'accepted', at, providerId: 'p2', providerJobId: 'own', pollAt: at });
    await startArchiver(workshop, akool, dir);
    await jobs.apply(job.id, {
      type: 'reported',
      ...{ at, pollAt: at, deadlineAt: at, source: 'POLL', providerId: 'p2' },
      report: { status: 'COMPLETED', url: `${akool.url}/2`, expiresAt: at + HOUR, keep: true },
    });
    await expect.poll(async () => (await workshop.get(job)).result?.archive?.name).toMatch(/png$/);
    expect(readdirSync(dir).filter((name) => name === old)).toEqual([]);
  });

  it('fetches four results at once', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    const held: (() => void)[] = [];
    akool.answer = (response) => void held.push(() => response.end(PNG));
    const jobs: Job[] = [];
    for (let n = 0; n < 7; n++) jobs.push(await completed(workshop, akool, n));
    await startArchiver(workshop, akool, openFolder());
    const claimed = async () => {
      const now = await Promise.all(jobs.map((job) => workshop.get(job)));
      return now.filter(({ archiveAt }) => (archiveAt ?? 0) > workshop.clock.now()).length;
    };
    for (let fetched = 4; fetched <= 7; fetched++) {
      await expect.poll(() => akool.fetched).toHaveLength(fetched);
      expect(await claimed()).toBe(4);
      held.shift()?.();
    }
    for (const go of held) go();
  });

  it('gives up what can never be kept, and what Akool has deleted', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    akool.answer = (response) => response.writeHead(302, { location: 'https://127.0.0.1/' }).end();
    const job = await completed(workshop, akool, 1);
    await startArchiver(workshop, akool, openFolder());
    await expect.poll(async () => (await workshop.get(job)).archiveAttempts).toBe(1);
    expect((await workshop.get(job)).archiveAt).toBeNull();

    akool.answer = (response) => response.writeHead(404).end();
    const late = await completed(workshop, akool, 2);
    workshop.clock.advance(8 * 24 * HOUR);
    await expect.poll(async () => (await workshop.get(late)).archiveAt).toBeNull();
  });

  it('waits longer after each failure, at most an hour, and tries a last time before the end', async () => {
    const workshop = await openWorkshop();
    const akool = await openAkool();
    akool.answer = (response) => response.writeHead(500).end();
    const job = await completed(workshop, akool, 1);
    const end = job.result?.providerUrlExpiresAt ?? 0;
    await workshop.store.rescheduleArchive(job.id, { at: workshop.clock.now(), attempts: 30 });
    const archiver = await startArchiver(workshop, akool, openFolder());
    await expect.poll(async () => (await workshop.get(job)).archiveAttempts).toBe(31);
    const wait = ((await workshop.get(job)).archiveAt ?? 0) - workshop.clock.now();
    expect(wait).toBeGreaterThan(HOUR / 2 - 1);
    expect(wait).toBeLessThanOrEqual(HOUR);
    workshop.clock.advance(end - workshop.clock.now() - HOUR / 4);
    await expect.poll(async () => (await workshop.get(job)).archiveAttempts).toBe(32);
    expect((await workshop.get(job)).archiveAt).toBe(end - 60_000);
    await archiver.stop();
  });
});
