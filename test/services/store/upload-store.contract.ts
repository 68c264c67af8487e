/** The contract of every upload store, and of what a job store does with uploads, run over each driver. */
import { createHash, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Job } from '../../../src/services/jobs/job.js';
import type { Created, JobStore, NewJob } from '../../../src/services/jobs/job-store.js';
import { transition } from '../../../src/services/jobs/transition.js';
import { newPutToken } from '../../../src/services/uploads/put-token.js';
import {
  type KeptUpload,
  PUT_LIFE_MS,
  UNNAMED_LIFE_MS,
  type Upload,
} from '../../../src/services/uploads/upload.js';
import type { NewUpload, UploadStore } from '../../../src/services/uploads/upload-store.js';
import { HOUR, NOON, newJobOf } from '../../support/samples.js';
import { noting, unusedOf } from '../../support/used-members.js';

/** Started stores on a separate database. */
export interface OpenStores {
  readonly jobs: JobStore;
  readonly uploads: UploadStore;
  close(): Promise<void>;
}

const TTL = HOUR;
const SOON = NOON + 60_000;
const LATER = NOON + 100 * HOUR;

function newUploadOf(tenant: string, more: Partial<NewUpload> = {}): NewUpload {
  return {
    id: randomUUID(),
    tenant,
    name: randomUUID(),
    putToken: newPutToken(NOON + PUT_LIFE_MS),
    announced: { contentType: 'image/png', byteSize: 1000, sha256: null },
    at: NOON,
    expiresAt: NOON + PUT_LIFE_MS,
    ...more,
  };
}

function keptOf(more: Partial<KeptUpload> = {}): KeptUpload {
  const hash = createHash('sha256').update(randomUUID()).digest('hex');
  return {
    contentType: 'image/jpeg',
    byteSize: 900,
    width: 30,
    height: 20,
    durationSeconds: null,
    sha256: hash,
    sentSha256: hash,
    ...more,
  };
}

export function describeUploadStore(name: string, open: () => Promise<OpenStores>): void {
  describe(`the upload store over ${name}`, () => {
    let opened: OpenStores;
    let uploads: UploadStore;
    let jobs: JobStore;
    const called = new Set<PropertyKey>();

    beforeEach(async () => {
      opened = await open();
      uploads = noting(opened.uploads, called);
      jobs = opened.jobs;
    });
    afterEach(() => opened.close());

    async function announce(tenant = 'ann', more: Partial<NewUpload> = {}): Promise<Upload> {
      const upload = await uploads.announce(newUploadOf(tenant, more), null);
      if (upload === null) throw new Error('there is no quota');
      return upload;
    }

    async function send({ putToken }: Upload, kept = keptOf(), now = NOON): Promise<Upload> {
      const claim = randomUUID();
      const begun = await uploads.begin(putToken, { id: claim, now, until: now + 30_000 });
      if (begun.outcome !== 'claimed') throw new Error(begun.outcome);
      const ready = await uploads.finish(begun.upload.id, claim, kept, now);
      if (ready === null) throw new Error('the claim was lost');
      return ready;
    }

    async function ready(tenant = 'ann', kept = keptOf()): Promise<Upload> {
      return send(await announce(tenant), kept);
    }

    const naming = (names: readonly string[], at = NOON): Partial<NewJob> => ({
      at,
      uploads: { names, expiresAt: at + TTL },
    });

    const submit = (tenant: string, more: Partial<NewJob>, limit = 1000): Promise<Created> =>
      jobs.create(newJobOf(tenant, more), limit);

    async function jobNaming(...named: readonly Upload[]): Promise<Job> {
      const created = await submit('ann', naming(named.map((upload) => upload.name)));
      if (created.kind !== 'created') throw new Error(created.kind);
      return created.job;
    }

    async function change(job: Job, event: Parameters<typeof transition>[1]): Promise<Job> {
      const changed = transition(job, event);
      if (changed === null || !(await jobs.save(changed))) throw new Error(`${event.type} changed nothing`);
      return changed.job;
    }

    const end = (job: Job, at: number): Promise<Job> => change(job, { type: 'canceled', at });
    const remove = async (job: Job, at: number): Promise<Job> =>
      change(await end(job, at), { type: 'deleted', at });

    const isThere = async ({ tenant, id }: Upload): Promise<boolean> =>
      (await uploads.find(tenant, id)) !== null;
    const expire = (now: number): Promise<number> => uploads.expire(now, TTL, 100);

    describe('an announced upload', () => {
      test('is found as it was announced, by its tenant alone', async () => {
        const announced = { contentType: 'video/mp4', byteSize: 2_147_483_647, sha256: 'a'.repeat(64) };
        const given = newUploadOf('ann', { announced });
        const { at, ...rest } = given;
        const stored = await uploads.announce(given, null);
        expect(stored).toEqual({
          ...rest,
          sequence: expect.any(Number),
          status: 'AWAITING',
          kept: null,
          createdAt: at,
        });
        expect(await uploads.find('ann', given.id)).toEqual(stored);
        expect(await uploads.findNamed('ann', [given.name, given.name, 'none', 'a\0b'])).toEqual(
          new Map([[given.name, stored]]),
        );
        for (const [tenant, id] of [
          ['bob', given.id],
          ['ann', 'none'],
          ['ann', '\0'],
        ] as const) {
          expect(await uploads.find(tenant, id)).toBeNull();
        }
        expect(await uploads.findNamed('bob', [given.name])).toEqual(new Map());
        expect(await uploads.findServed(given.name)).toBeNull();
      });

      test('never exceeds its quota with others, however many are announced at once', async () => {
        await ready('ann', keptOf({ byteSize: 500 }));
        await announce('ann', { expiresAt: NOON });
        await announce('bob');
        const answers = await Promise.all(
          Array.from({ length: 8 }, () => uploads.announce(newUploadOf('ann'), 3500)),
        );
        expect(answers.filter((upload) => upload !== null)).toHaveLength(3);
        expect(await uploads.usage('ann', NOON)).toBe(3500);
        expect(await uploads.usage('ann', NOON + PUT_LIFE_MS)).toBe(500);
        expect(await uploads.usage('nobody', NOON)).toBe(0);
      });
    });

    describe('a reception', () => {
      test('makes the upload ready, with a life of its own', async () => {
        const upload = await announce();
        const kept = keptOf({ contentType: 'video/mp4', durationSeconds: 1.5, width: null });
        const stored = await send(upload, kept, SOON);
        const expiresAt = SOON + UNNAMED_LIFE_MS;
        expect(stored).toEqual({ ...upload, status: 'READY', kept, expiresAt });
        expect(await uploads.find('ann', upload.id)).toEqual(stored);
        for (const part of [upload.name, `${upload.name}.png`]) {
          expect(await uploads.findServed(part)).toEqual(stored);
        }
        for (const part of ['', '.', `x${upload.name}`, `${upload.name}\0`, `${upload.name}/..`]) {
          expect(await uploads.findServed(part)).toBeNull();
        }
        const again = { id: 'again', now: LATER, until: LATER };
        expect(await uploads.begin(upload.putToken, again)).toEqual({ outcome: 'ready', upload: stored });
      });

      test('that is repeated after its end was stored is told the same', async () => {
        const { id, putToken } = await announce();
        await uploads.begin(putToken, { id: 'one', now: NOON, until: SOON });
        const kept = keptOf();
        const first = await uploads.finish(id, 'one', kept, NOON);
        expect(await uploads.finish(id, 'one', kept, SOON)).toEqual(first);
        await uploads.abandon(id, 'one');
        expect(await uploads.renew(id, 'one', LATER)).toBe(false);
        expect(await uploads.find('ann', id)).toEqual(first);
      });

      test('is one at a time, until its claim ends or is given up', async () => {
        const { id, putToken } = await announce();
        const begin = (claim: string, now: number, until = now + 1000) =>
          uploads.begin(putToken, { id: claim, now, until });
        const begun = await Promise.all(['a', 'b', 'c'].map((claim) => begin(claim, NOON)));
        const outcomes = begun.map(({ outcome }) => outcome);
        expect([...outcomes].sort()).toEqual(['claimed', 'inProgress', 'inProgress']);
        const first = ['a', 'b', 'c'][outcomes.indexOf('claimed')] ?? '';

        expect(await uploads.renew(id, first, NOON + 5000)).toBe(true);
        expect((await begin('late', NOON + 4999)).outcome).toBe('inProgress');
        expect((await begin('next', NOON + 5000)).outcome).toBe('claimed');
        expect(await uploads.renew(id, first, LATER)).toBe(false);
        expect(await uploads.finish(id, first, keptOf(), NOON)).toBeNull();
        await uploads.abandon(id, first);
        expect((await begin('late', NOON + 5999)).outcome).toBe('inProgress');

        await uploads.abandon(id, 'next');
        expect((await begin('dead', NOON + 5001)).outcome).toBe('claimed');
        await uploads.abandonAll();
        expect(await uploads.renew(id, 'dead', LATER)).toBe(false);
        expect((await begin('last', NOON + 5002)).outcome).toBe('claimed');
        expect(await uploads.finish(id, 'last', keptOf(), NOON)).toMatchObject({ id, status: 'READY' });
      });

      test('begins before the permission ends, and may end after that', async () => {
        const [early, late] = [await announce(), await announce()];
        const at = (now: number) => ({ id: 'claim', now, until: now + 1000 });
        const over = NOON + PUT_LIFE_MS;
        expect((await uploads.begin(early.putToken, at(over - 1))).outcome).toBe('claimed');
        expect((await uploads.begin(late.putToken, at(over))).outcome).toBe('expired');
        await expire(over);
        expect(await isThere(late)).toBe(false);
        expect((await uploads.begin(late.putToken, at(over))).outcome).toBe('expired');
        expect(await uploads.usage('ann', over)).toBe(1000);
        expect(await uploads.finish(early.id, 'claim', keptOf(), over)).toMatchObject({ status: 'READY' });
      });

      test('is refused for what is no permission', async () => {
        for (const token of ['', 'none', 'a\0b', 'x'.repeat(1000), newPutToken(NOON + 1)]) {
          const outcome = await uploads.begin(token, { id: 'claim', now: NOON, until: SOON });
          expect(outcome).toEqual({ outcome: 'unknown' });
        }
      });

      test('is in vain if the upload was discarded meanwhile, which is not erased before its claim ends', async () => {
        const { id, putToken } = await announce();
        await uploads.begin(putToken, { id: 'one', now: NOON, until: SOON });
        expect(await uploads.discard('ann', id, NOON)).toBe('discarded');
        expect(await uploads.renew(id, 'one', LATER)).toBe(false);
        expect(await uploads.finish(id, 'one', keptOf(), NOON)).toBeNull();
        expect(await uploads.claimErasures(SOON - 1, LATER, 10)).toEqual([]);
        expect(await uploads.claimErasures(SOON, LATER, 10)).toMatchObject([{ id }]);
      });

      test('whose claim ended does not keep an upload whose permission ended', async () => {
        const upload = await announce();
        const now = NOON + PUT_LIFE_MS - 1;
        await uploads.begin(upload.putToken, { id: 'one', now, until: SOON + PUT_LIFE_MS });
        await expire(SOON + PUT_LIFE_MS - 1);
        expect(await isThere(upload)).toBe(true);
        await expire(SOON + PUT_LIFE_MS);
        expect(await isThere(upload)).toBe(false);
        expect(await uploads.renew(upload.id, 'one', LATER)).toBe(false);
      });
    });

    describe('the same bytes', () => {
      test('are handed out again to their tenant alone, with a longer life', async () => {
        const kept = keptOf({ sentSha256: 'c'.repeat(64) });
        const first = await ready('ann', kept);
        await announce('ann', {
          announced: { contentType: 'image/png', byteSize: 1000, sha256: 'd'.repeat(64) },
        });
        const handOut = (tenant: string, hash: string, until: number) => uploads.handOut(tenant, hash, until);
        expect(await handOut('bob', kept.sentSha256, LATER)).toBeNull();
        expect(await handOut('ann', 'd'.repeat(64), LATER)).toBeNull();
        expect(await handOut('ann', kept.sha256, LATER)).toBeNull();
        expect(await handOut('ann', kept.sentSha256, NOON)).toEqual(first);
        expect(await handOut('ann', kept.sentSha256, LATER)).toEqual({ ...first, expiresAt: LATER });
        await expire(LATER - 1);
        expect(await isThere(first)).toBe(true);
        await uploads.discard('ann', first.id, NOON);
        expect(await handOut('ann', kept.sentSha256, LATER)).toBeNull();
      });
    });

    describe('a page', () => {
      test("has the tenant's uploads, newest first, in both directions", async () => {
        await announce('bob');
        const all: Upload[] = [];
        for (const at of [1, 1, 2, 3, 4]) all.unshift(await announce('ann', { at: NOON + at }));
        const [newest, second, third, fourth, oldest] = all as [Upload, Upload, Upload, Upload, Upload];
        const hidden = await announce('ann', { at: NOON });
        await uploads.discard('ann', hidden.id, NOON);

        expect(await uploads.list('ann', { limit: 5, direction: 'forward' })).toEqual({
          uploads: all,
          hasNextPage: false,
          hasPreviousPage: false,
        });
        expect(await uploads.list('ann', { limit: 2, direction: 'forward', after: second })).toEqual({
          uploads: [third, fourth],
          hasNextPage: true,
          hasPreviousPage: true,
        });
        expect(await uploads.list('ann', { limit: 2, direction: 'backward' })).toEqual({
          uploads: [fourth, oldest],
          hasNextPage: false,
          hasPreviousPage: true,
        });
        expect(await uploads.list('ann', { limit: 9, direction: 'backward', before: third })).toEqual({
          uploads: [newest, second],
          hasNextPage: true,
          hasPreviousPage: false,
        });
        expect(
          await uploads.list('ann', { limit: 9, direction: 'forward', after: newest, before: fourth }),
        ).toMatchObject({ uploads: [second, third] });
      });
    });

    describe('a job', () => {
      test('is stored only with uploads of its tenant that are ready', async () => {
        const [own, other, foreign] = [await ready(), await announce(), await ready('bob')];
        const names = [own, other, foreign].map((upload) => upload.name);
        const created = await submit('ann', naming([...names, 'none', 'a\0b']));
        expect(created).toEqual({
          kind: 'uploads-unusable',
          notReady: [other.name],
          unknown: [foreign.name, 'none', 'a\0b'],
        });
        expect(await jobs.slots(NOON)).toMatchObject({ waiting: 0 });
        expect(await uploads.find('ann', own.id)).toEqual(own);
        expect(await submit('ann', naming([own.name]), 0)).toEqual({ kind: 'queue-full' });
        expect(await uploads.find('ann', own.id)).toEqual(own);
        expect(await submit('ann', naming([own.name]))).toMatchObject({ kind: 'created' });
      });

      test('is the same for a retry after its upload is gone, and refused for a new key', async () => {
        const upload = await ready();
        const again = { ...naming([upload.name]), idempotency: { key: 'one', fingerprint: 'f' } };
        const first = await submit('ann', again);
        if (first.kind !== 'created') throw new Error(first.kind);
        await end(first.job, NOON);
        await uploads.discard('ann', upload.id, NOON);
        expect(await submit('ann', again)).toMatchObject({ kind: 'duplicate', job: { id: first.job.id } });
        const other = { ...again, idempotency: { key: 'two', fingerprint: 'f' } };
        expect(await submit('ann', other)).toMatchObject({ kind: 'uploads-unusable' });
      });

      test('keeps its uploads until it has ended, and for a while after that', async () => {
        const upload = await ready();
        const job = await jobNaming(upload);
        expect(await uploads.find('ann', upload.id)).toEqual({ ...upload, expiresAt: NOON + TTL });
        expect(await uploads.discard('ann', upload.id, NOON)).toBe('needed');
        for (const now of [NOON + TTL, LATER]) {
          expect(await expire(now)).toBe(1);
          expect(await uploads.find('ann', upload.id)).toEqual({ ...upload, expiresAt: now + TTL });
          expect(await expire(now)).toBe(0);
        }
        await end(job, LATER + 10);
        await expire(LATER + TTL);
        expect((await uploads.find('ann', upload.id))?.expiresAt).toBe(LATER + 10 + TTL);
        await expire(LATER + 10 + TTL - 1);
        expect(await isThere(upload)).toBe(true);
        await expire(LATER + 10 + TTL);
        expect(await isThere(upload)).toBe(false);
      });

      test('that has ended leaves an upload to the one that goes on, and to who was given it again', async () => {
        const [shared, again] = [await ready(), await ready()];
        const [first, second] = [await jobNaming(shared, again), await jobNaming(shared)];
        await end(first, NOON);
        await uploads.handOut('ann', again.kept?.sentSha256 ?? '', NOON + UNNAMED_LIFE_MS);
        await expire(NOON + TTL);
        expect(await isThere(shared)).toBe(true);
        expect(await isThere(again)).toBe(true);
        await end(second, NOON + TTL);
        await expire(NOON + 2 * TTL);
        expect(await isThere(shared)).toBe(false);
        await expire(NOON + UNNAMED_LIFE_MS);
        expect(await isThere(again)).toBe(false);
      });

      test("that is deleted takes its uploads along, but no other job's and none handed out again", async () => {
        const [own, shared, again] = [await ready(), await ready(), await ready()];
        const [first, second] = [await jobNaming(own, shared, again), await jobNaming(shared)];
        await uploads.handOut('ann', again.kept?.sentSha256 ?? '', LATER);
        await remove(first, NOON);
        expect(await uploads.release(['none'], NOON)).toBe(false);
        expect(await uploads.release([first.id, 'none'], NOON)).toBe(true);
        expect(await Promise.all([own, shared, again].map(isThere))).toEqual([false, true, true]);
        expect(await uploads.release([first.id], NOON)).toBe(false);
        await remove(second, NOON);
        expect(await uploads.release([second.id], NOON)).toBe(true);
        expect(await Promise.all([own, shared, again].map(isThere))).toEqual([false, false, true]);
      });

      test('whose record alone is left of it keeps nothing', async () => {
        const upload = await ready();
        const job = await jobNaming(upload);
        await end(job, NOON);
        await jobs.erase([job.id]);
        expect(await uploads.release([job.id], NOON)).toBe(false);
        await expire(NOON + TTL);
        expect(await isThere(upload)).toBe(false);
      });

      test('and the end of its upload do not miss each other, however they meet', async () => {
        const all = await Promise.all(Array.from({ length: 12 }, () => ready()));
        const now = NOON + UNNAMED_LIFE_MS;
        const outcomes = await Promise.all(
          all.map(async (upload, i) => {
            const ending = i % 2 === 0 ? expire(now) : uploads.discard('ann', upload.id, now);
            const [created] = await Promise.all([submit('ann', naming([upload.name], now)), ending]);
            return { upload, isStored: created.kind === 'created' };
          }),
        );
        for (const { upload, isStored } of outcomes) expect(await isThere(upload)).toBe(isStored);
      });
    });

    describe('erasing', () => {
      test('claims what is hidden for one caller, until it is erased', async () => {
        const [upload, other] = [await ready(), await announce()];
        await announce();
        expect(await uploads.discard('bob', upload.id, NOON)).toBe('unknown');
        for (const { id } of [upload, other]) {
          expect(await uploads.discard('ann', id, NOON)).toBe('discarded');
          expect(await uploads.discard('ann', id, NOON)).toBe('unknown');
        }
        expect(await uploads.discard('ann', 'a\0b', NOON)).toBe('unknown');
        expect(await uploads.findServed(upload.name)).toBeNull();
        expect(await uploads.usage('ann', NOON)).toBe(1000);

        const claims = await Promise.all([1, 2, 3].map(() => uploads.claimErasures(NOON, SOON, 10)));
        expect(
          claims
            .flat()
            .map(({ id }) => id)
            .sort(),
        ).toEqual([upload.id, other.id].sort());
        expect(await uploads.claimErasures(SOON - 1, LATER, 10)).toEqual([]);
        await uploads.rescheduleErasures([upload.id, 'none'], NOON);
        await uploads.rescheduleErasures([], NOON);
        expect(await uploads.claimErasures(NOON, SOON, 10)).toEqual([upload]);
        await uploads.erase([upload.id, 'none']);
        await uploads.erase([]);
        expect(await uploads.claimErasures(LATER, LATER, 10)).toMatchObject([{ id: other.id }]);
      });

      test('looks at the number of uploads that it may, those first that are over longest', async () => {
        const all: Upload[] = [];
        for (const late of [3, 1, 2]) all.push(await announce('ann', { expiresAt: NOON + late }));
        expect(await uploads.expire(NOON + 9, TTL, 2)).toBe(2);
        expect(await Promise.all(all.map(isThere))).toEqual([true, false, false]);
        expect(await uploads.expire(NOON + 9, TTL, 2)).toBe(1);
        expect(await uploads.expire(NOON + 9, TTL, 2)).toBe(0);
      });
    });

    test('when the clock was set, what is due moves with it', async () => {
      const [given, sent, gone] = [await announce(), await ready(), await ready()];
      await uploads.begin(given.putToken, { id: 'one', now: NOON, until: SOON });
      await uploads.discard('ann', gone.id, SOON);
      await jobs.readClock(() => ({ due: HOUR, strayPolls: 0, isNoted: false }));
      expect(await uploads.find('ann', given.id)).toEqual({ ...given, expiresAt: given.expiresAt + HOUR });
      expect(await uploads.find('ann', sent.id)).toEqual({ ...sent, expiresAt: sent.expiresAt + HOUR });
      const again = { id: 'two', now: SOON + HOUR - 1, until: LATER };
      expect((await uploads.begin(given.putToken, again)).outcome).toBe('inProgress');
      expect(await uploads.claimErasures(SOON + HOUR - 1, LATER, 9)).toEqual([]);
      expect(await uploads.claimErasures(SOON + HOUR, LATER, 9)).toMatchObject([{ id: gone.id }]);
    });

    test('has nothing that this contract does not ask for', () => {
      expect(unusedOf(opened.uploads, called)).toEqual([]);
    });
  });
}
