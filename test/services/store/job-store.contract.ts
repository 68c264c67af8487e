/** The contract of every job store, run over each driver. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AccountHold, afterRefusal, UNKNOWN_CREDIT } from '../../../src/services/jobs/account-hold.js';
import { type Change, JOB_STATUSES, type Job } from '../../../src/services/jobs/job.js';
import type { JobEvent } from '../../../src/services/jobs/job-event.js';
import type { FaceSwapRequest, JobRequest } from '../../../src/services/jobs/job-request.js';
import type {
  ClockMove,
  ClockReading,
  Created,
  JobFilter,
  JobPlace,
  JobStore,
  NewJob,
} from '../../../src/services/jobs/job-store.js';
import { transition } from '../../../src/services/jobs/transition.js';
import { HOUR, historyOf, NOON, newJobOf, refusal, request } from '../../support/samples.js';
import { noting, unusedOf } from '../../support/used-members.js';

/** A started store on a separate database. */
export interface OpenStore {
  readonly store: JobStore;
  readonly exclusive: boolean;
  /** Stops the store and returns a new one, started, on the same data, like a restart. */
  reopen(): Promise<JobStore>;
  /** Stops the store and removes its data. */
  close(): Promise<void>;
}

const NO_LIMIT = 1_000_000;
const LATER = NOON + 60_000;
const accepted = (providerId: string, pollAt = NOON + 30_000): JobEvent => ({
  type: 'accepted',
  at: NOON,
  pollAt,
  providerId,
  providerJobId: null,
});
const leased = (job: Job): Change | null =>
  transition(job, { type: 'leased', at: NOON, deadlineAt: NOON + 3 * HOUR });

export function describeJobStore(name: string, open: () => Promise<OpenStore>): void {
  describe(`the job store over ${name}`, () => {
    let opened: OpenStore;
    let store: JobStore;
    const called = new Set<PropertyKey>();

    beforeEach(async () => {
      opened = await open();
      store = noting(opened.store, called);
    });
    afterEach(() => opened.close());

    async function create(tenant: string, more: Partial<NewJob> = {}): Promise<Job> {
      return createdJob(await store.create(newJobOf(tenant, more), NO_LIMIT));
    }

    /** A hundred at a time, because writes that wait too long are given up. Oldest first. */
    async function createMany(tenant: string, count: number): Promise<Job[]> {
      const jobs: Job[] = [];
      while (jobs.length < count) {
        const some = Array.from({ length: Math.min(100, count - jobs.length) }, () => create(tenant));
        jobs.push(...(await Promise.all(some)));
      }
      return jobs.sort((a, b) => a.sequence - b.sequence);
    }

    async function happen(job: Job, ...events: JobEvent[]): Promise<Job> {
      let current = job;
      for (const event of events) {
        const change = transition(current, event);
        if (change === null) throw new Error(`"${event.type}" changes nothing in ${current.status}`);
        expect(await store.save(change)).toBe(true);
        current = change.job;
      }
      return current;
    }

    function lease(limit: number, now = NOON): Promise<readonly Job[]> {
      return store.lease(limit, now, leased);
    }

    /** Each job has its own result. */
    async function completed(
      count: number,
      { expiresAt = NOON + 7 * 24 * HOUR, keep = true } = {},
    ): Promise<Job[]> {
      const jobs = await createMany('ann', count);
      await lease(NO_LIMIT);
      return Promise.all(
        jobs.map(async ({ id }) => {
          const sent = await store.get(id);
          if (sent === null) throw new Error('it was created');
          const report = { status: 'COMPLETED', url: 'https://cdn.example/1.png', expiresAt, keep } as const;
          return happen(sent, accepted(`p-${id}`), reportOf(report, `p-${id}`));
        }),
      );
    }

    async function claimedOnce(
      jobs: readonly Job[],
      claimDue: (now: number, until: number, limit: number) => Promise<readonly Job[]>,
    ): Promise<void> {
      expect(await claimDue(NOON - 1, LATER, 99)).toEqual([]);
      const claim = () => claimDue(NOON, LATER, 7);
      const claimed = (await Promise.all([claim(), claim(), claim(), claim()])).flat();
      const all = [...claimed, ...(await claim())].map(({ id }) => id);
      expect(all.toSorted()).toEqual(jobs.map(({ id }) => id).sort());
      expect(await claimDue(LATER - 1, LATER, 99)).toEqual([]);
      expect(await claimDue(LATER, LATER, 99)).toHaveLength(jobs.length);
    }

    describe('create', () => {
      test('keeps a job with all that was said of it', async () => {
        const asked = newJobOf('ann', { deadlineAt: NOON + HOUR });
        const job = createdJob(await store.create(asked, NO_LIMIT));
        expect(job).toMatchObject({
          id: asked.id,
          tenant: 'ann',
          kind: 'PRO',
          pictures: 1,
          callbackToken: asked.callbackToken,
          status: 'WAITING',
          version: 1,
          createdAt: NOON,
          deadlineAt: NOON + HOUR,
        });
        expect(await store.get(job.id)).toEqual(job);
        expect(await store.requests([job.id])).toEqual(new Map([[job.id, asked.request]]));
        expect(await historyOf(store, job.id)).toEqual([
          { version: 1, status: 'WAITING', at: NOON, source: 'CLIENT', note: null },
        ]);
      });

      test('numbers jobs in the order of their creation', async () => {
        const first = await create('ann');
        const second = await create('bob');
        expect(second.sequence).toBeGreaterThan(first.sequence);
      });

      test('gives one job to a hundred that come at once with the same key', async () => {
        const idempotency = { key: 'k', fingerprint: 'f' };
        const outcomes = await Promise.all(
          Array.from({ length: 100 }, () => store.create(newJobOf('ann', { idempotency }), NO_LIMIT)),
        );
        expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
        expect(outcomes.filter(({ kind }) => kind === 'duplicate')).toHaveLength(99);
        expect(new Set(outcomes.map((outcome) => jobOf(outcome).id)).size).toBe(1);
        expect(await store.slots(NOON)).toEqual({ used: 0, waiting: 1 });
      });

      test('recognises a key after a restart, and gives its job as it is now', async () => {
        const idempotency = { key: 'k', fingerprint: 'f' };
        const job = await create('ann', { idempotency });
        const canceled = await happen(job, { type: 'canceled', at: LATER });
        store = await opened.reopen();
        const again = await store.create(newJobOf('ann', { idempotency }), NO_LIMIT);
        expect(again).toEqual({ kind: 'duplicate', job: canceled });
      });

      test('refuses a key that was used with another input', async () => {
        await create('ann', { idempotency: { key: 'k', fingerprint: 'f' } });
        const other = newJobOf('ann', { idempotency: { key: 'k', fingerprint: 'g' } });
        expect(await store.create(other, NO_LIMIT)).toEqual({ kind: 'conflict' });
        expect(await store.get(other.id)).toBeNull();
      });

      test("does not mix up one tenant's keys with another's", async () => {
        const ann = await create('ann', { idempotency: { key: 'k', fingerprint: 'f' } });
        const bob = await create('bob', { idempotency: { key: 'k', fingerprint: 'g' } });
        expect(bob.id).not.toBe(ann.id);
      });

      test('lets exactly as many wait as the limit says, however many come at once', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 60 }, (_, i) => store.create(newJobOf(`tenant-${i % 3}`), 25)),
        );
        expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(25);
        expect(outcomes.filter(({ kind }) => kind === 'queue-full')).toHaveLength(35);
        expect((await store.slots(NOON)).waiting).toBe(25);
      });

      test('lets nobody fill the queue for others: who waits with few has places of a reserve', async () => {
        const limit = 40;
        const fill = async (tenant: string): Promise<number> => {
          const outcomes = await Promise.all(
            Array.from({ length: 45 }, () => store.create(newJobOf(tenant), limit)),
          );
          return outcomes.filter(({ kind }) => kind === 'created').length;
        };
        // All places while no other tenant waits, but none of the reserve.
        expect(await fill('hog')).toBe(40);
        expect([await fill('ann'), await fill('bob'), await fill('cid')]).toEqual([8, 7, 5]);
        expect(await fill('hog')).toBe(0);
        const crowd = Array.from({ length: 100 }, (_, i) =>
          store.create(newJobOf(`tenant-${i % 50}`), limit),
        );
        await Promise.all(crowd);
        expect((await store.slots(NOON)).waiting).toBeLessThanOrEqual(2 * limit);
      });

      test('leaves places of the reserve to every tenant that comes, however many came before', async () => {
        await Promise.all(Array.from({ length: 60 }, () => store.create(newJobOf('hog'), 60)));
        for (let i = 0; i < 15; i++) {
          const three = Array.from({ length: 3 }, () => store.create(newJobOf(`tenant-${i}`), 60));
          expect((await three[0])?.kind).toBe('created');
          await Promise.all(three);
        }
      });

      test('recognises a key even when the queue is full', async () => {
        const idempotency = { key: 'k', fingerprint: 'f' };
        await create('ann', { idempotency });
        expect((await store.create(newJobOf('ann', { idempotency }), 1)).kind).toBe('duplicate');
        expect((await store.create(newJobOf('ann'), 1)).kind).toBe('queue-full');
      });

      test('makes room in the queue when a job leaves it', async () => {
        const job = await create('ann');
        expect((await store.create(newJobOf('ann'), 1)).kind).toBe('queue-full');
        await happen(job, { type: 'canceled', at: LATER });
        expect((await store.create(newJobOf('ann'), 1)).kind).toBe('created');
      });

      test('that fails takes nothing along of those that were written with it', async () => {
        const taken = await create('ann');
        const jobs = Array.from({ length: 20 }, () => newJobOf('ann'));
        const settled = await Promise.allSettled(
          [...jobs.slice(0, 10), newJobOf('ann', { id: taken.id }), ...jobs.slice(10)].map((job) =>
            store.create(job, NO_LIMIT),
          ),
        );
        expect(settled.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1);
        expect(settled[10]?.status).toBe('rejected');
        for (const { id } of jobs) {
          expect((await store.get(id))?.version).toBe(1);
          expect(await historyOf(store, id)).toHaveLength(1);
        }
        expect((await store.slots(NOON)).waiting).toBe(21);
      });
    });

    describe('get and getByCallbackToken', () => {
      test('know no job by a name that is not its own', async () => {
        const job = await create('ann');
        const strange = ['', ' ', job.id.toUpperCase(), `${job.id} `, '\u0000', '\ud800', "' or 1=1 --", '%'];
        for (const text of [...strange, 'x'.repeat(100_000), job.callbackToken]) {
          expect(await store.get(text)).toBeNull();
        }
        for (const text of [...strange, job.id]) expect(await store.getByCallbackToken(text)).toBeNull();
      });

      test('find a job by its id and by the token of its webhook address', async () => {
        const job = await create('ann');
        await create('ann');
        expect(await store.get(job.id)).toEqual(job);
        expect(await store.getByCallbackToken(job.callbackToken)).toEqual(job);
      });

      test('bring back a tenant and an input of any characters', async () => {
        const odd = 'té"\'\\%_\n😀';
        const asked = newJobOf(odd);
        const oddly = { ...request, sourceImage: [{ path: odd, opts: null }] };
        const job = createdJob(await store.create({ ...asked, request: oddly }, NO_LIMIT));
        expect(await store.get(job.id)).toEqual(job);
        expect((await store.requests([job.id])).get(job.id)).toEqual(oddly);
        expect((await listed(odd)).map(({ id }) => id)).toEqual([job.id]);
      });
    });

    describe('requests', () => {
      const large: FaceSwapRequest = {
        ...request,
        sourceImage: [{ path: `https://example.com/${'é'.repeat(50_000)}.jpg`, opts: null }],
      };
      const plus: JobRequest = {
        kind: 'PLUS',
        sourceUrl: 'https://example.com/a.jpg',
        targetUrl: 'https://example.com/b.mp4',
        modelStyle: 'realistic',
        faceMapping: [],
        faceEnhance: false,
        singleFaceMode: true,
      };
      const bytesOf = (asked: JobRequest) => Buffer.byteLength(JSON.stringify(asked));

      test('are read on their own, many at once, and are part of no job that is read', async () => {
        const pro = await create('ann', { request: large });
        const video = await create('ann', { request: plus });
        const whole = [video, pro];
        expect(whole).toMatchObject([
          { kind: 'PLUS', pictures: null, requestBytes: bytesOf(plus) },
          { kind: 'PRO', pictures: 1, requestBytes: bytesOf(large) },
        ]);
        store = await opened.reopen();
        const { jobs } = await store.list('ann', {}, { limit: 9, direction: 'forward' });
        const { changed } = await store.readChanges('ann', 0, 9);
        const found = await Promise.all(whole.map(({ id }) => store.get(id)));
        const sent = await lease(2);
        for (const read of [jobs, found, changed.map(({ job }) => job).reverse()])
          expect(read).toEqual(whole);
        expect(JSON.stringify([jobs, changed, found, sent])).not.toContain('example.com');
        expect(await store.requests([pro.id, 'none', video.id])).toEqual(
          new Map<string, JobRequest>([
            [pro.id, large],
            [video.id, plus],
          ]),
        );
        expect(await store.requests([])).toEqual(new Map());
        expect(store.keptRequest(pro.id)).toEqual(opened.exclusive ? large : null);
      });

      test('change with what was found for them, and are gone with their jobs', async () => {
        const job = await create('ann', { request: plus });
        const kept = store.keptRequest(job.id);
        expect(kept).toEqual(opened.exclusive ? plus : null);
        // A copy, because the input from the client may keep the whole body in memory.
        expect(kept).not.toBe(plus);
        expect(await store.requests([job.id])).toEqual(new Map([[job.id, plus]]));
        expect(store.keptRequest(job.id)).toEqual(opened.exclusive ? plus : null);
        const [sent] = await lease(1);
        const prepared = await happen(sent ?? job, { type: 'prepared', at: NOON, request: large });
        expect(store.keptRequest(job.id)).toBeNull();
        expect(prepared.requestBytes).toBe(bytesOf(large));
        expect(await store.get(job.id)).toEqual(prepared);
        await happen(prepared, accepted('p1'));
        expect((await store.requests([job.id])).get(job.id)).toEqual(large);
        await store.erase([job.id]);
        expect(await store.requests([job.id])).toEqual(new Map());
        expect(store.keptRequest(job.id)).toBeNull();
      });
    });

    describe('labels', () => {
      const metadata: object = JSON.parse('{"z":1,"a":[0.1,"é👍🏽",{"__proto__":{"b":null}}]}');

      test('are given back as they came, of any job, over a restart', async () => {
        const both = await create('ann', { labels: { reference: 'Größe 👩‍👩‍👧', metadata } });
        const [sent] = await lease(1);
        await happen(sent ?? both, accepted('p1'));
        const empty = await create('ann', { labels: { reference: null, metadata: {} } });
        const none = await create('ann');
        const bytes = Buffer.byteLength(JSON.stringify(metadata));
        expect([both, empty, none]).toMatchObject([
          { reference: 'Größe 👩‍👩‍👧', metadataBytes: bytes },
          { reference: null, metadataBytes: 2 },
          { reference: null, metadataBytes: 0 },
        ]);
        store = await opened.reopen();
        expect(await store.get(both.id)).toMatchObject({
          status: 'QUEUED',
          reference: both.reference,
          metadataBytes: bytes,
        });
        expect(await store.get(empty.id)).toEqual(empty);
        const found = await store.metadata([both.id, empty.id, none.id, 'nobody']);
        expect(JSON.stringify([...found].sort(([, a]) => (a === found.get(both.id) ? -1 : 1)))).toBe(
          JSON.stringify([
            [both.id, metadata],
            [empty.id, {}],
          ]),
        );
        expect(await store.metadata([])).toEqual(new Map());
        await store.erase([both.id]);
        expect(await store.metadata([both.id])).toEqual(new Map());
      });

      test('stay those of the first job of a key', async () => {
        const idempotency = { key: 'k', fingerprint: 'f' };
        const first = await create('ann', { idempotency, labels: { reference: 'first', metadata } });
        const again = newJobOf('ann', { idempotency, labels: { reference: 'second', metadata: null } });
        expect(await store.create(again, NO_LIMIT)).toEqual({ kind: 'duplicate', job: first });
        expect(await store.metadata([first.id])).toEqual(new Map([[first.id, metadata]]));
      });
    });

    describe('save', () => {
      test('keeps every field of the job and adds a line to its history', async () => {
        const job = await create('ann');
        const [sent] = await lease(1);
        const done = await happen(
          sent ?? job,
          accepted('p1'),
          reportOf({ status: 'COMPLETED', url: 'https://cdn.example/1.png', expiresAt: LATER, keep: true }),
        );
        expect(await store.get(job.id)).toEqual(done);
        expect((await historyOf(store, job.id)).map(({ version, status }) => [version, status])).toEqual([
          [1, 'WAITING'],
          [2, 'SUBMITTING'],
          [3, 'QUEUED'],
          [4, 'COMPLETED'],
        ]);
      });

      test('gives the histories of several jobs, each in order', async () => {
        const [ann, bob] = [await create('ann'), await create('bob')];
        await happen(ann, { type: 'moved', at: NOON, position: 1 });
        await happen(bob, { type: 'moved', at: NOON, position: 2 });
        const histories = await store.histories([bob.id, 'nobody', ann.id]);
        expect([...histories.keys()].sort()).toEqual([ann.id, bob.id].sort());
        for (const { id } of [ann, bob]) {
          expect(histories.get(id)?.map(({ version }) => version)).toEqual([1, 2]);
          expect(histories.get(id)).toEqual(await historyOf(store, id));
        }
        expect(await store.histories([])).toEqual(new Map());
      });

      test('lets exactly one of many changes from the same version win', async () => {
        const job = await create('ann');
        let current = job;
        for (let round = 0; round < 5; round++) {
          const changes = Array.from({ length: 20 }, (_, i) =>
            transition(current, { type: 'moved', at: NOON, position: round * 100 + i + 1 }),
          ).filter((change) => change !== null);
          const won = await Promise.all(changes.map((change) => store.save(change)));
          expect(won.filter(Boolean)).toHaveLength(1);
          current = changes[won.indexOf(true)]?.job ?? current;
          expect(await store.get(job.id)).toEqual(current);
        }
        expect((await historyOf(store, job.id)).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6]);
      });

      test('leaves alone what was rescheduled since the job was read', async () => {
        const job = await create('ann');
        await lease(1);
        const sent = await store.get(job.id);
        const waiting = sent && (await happen(sent, accepted('p1', NOON)));
        const late = waiting && transition(waiting, { ...accepted('p1'), providerJobId: 'late' } as JobEvent);
        expect((await store.claimPolls(NOON, () => LATER, 1)).map(({ id }) => id)).toEqual([job.id]);
        expect(await store.get(job.id)).toMatchObject({ pollAt: LATER });
        expect(late && (await store.save(late))).toBe(true);
        expect(await store.get(job.id)).toMatchObject({ pollAt: LATER, providerJobId: 'late' });
      });

      test('changes nothing of a job that does not exist', async () => {
        const job = await create('ann');
        const change = transition({ ...job, id: randomUUID() }, { type: 'canceled', at: NOON });
        expect(change === null ? null : await store.save(change)).toBe(false);
        expect(change === null ? [] : await historyOf(store, change.job.id)).toEqual([]);
      });

      test('of two that cancel and lease at the same moment lets one have the job', async () => {
        const job = await create('ann');
        const cancel = transition(job, { type: 'canceled', at: NOON });
        if (cancel === null) throw new Error('a waiting job can be canceled');
        const [canceled, sent] = await Promise.all([store.save(cancel), lease(1)]);
        expect([canceled, sent.length === 1]).toContain(true);
        expect([canceled, sent.length === 1]).toContain(false);
      });
    });

    describe('versions', () => {
      test('are those of the jobs asked for, as far as there are any', async () => {
        const [first, second] = [await create('ann'), await create('bob')];
        await create('ann');
        await happen(second, { type: 'canceled', at: NOON });
        expect(await store.versions([first.id, randomUUID(), second.id])).toEqual(
          new Map([
            [first.id, 1],
            [second.id, 2],
          ]),
        );
        expect(await store.versions([])).toEqual(new Map());
      });
    });

    describe('changes', () => {
      test('are numbered as they are stored: later ones higher, and each job told once, by its last', async () => {
        const before = await store.lastChange();
        const [first, second] = [await create('ann'), await create('ann')];
        await create('bob');
        const canceled = await happen(first, { type: 'canceled', at: NOON });
        const { changed } = await store.readChanges('ann', before.number, NO_LIMIT);
        expect(changed.map(({ id }) => id)).toEqual([second.id, first.id]);
        expect(changed.map(({ job }) => job)).toEqual([second, canceled]);
        const last = await store.lastChange();
        expect(changed.at(-1)?.place).toEqual(last);
        const [number = 0] = changed.map(({ place }) => place.number);
        const rest = { changed: changed.slice(1), isFull: false };
        expect(await store.readChanges('ann', number, NO_LIMIT)).toEqual(rest);
        expect(await store.readChanges('ann', last.number, NO_LIMIT)).toEqual({ changed: [], isFull: false });
      });

      test('name a job once, however few jobs are read at a time', async () => {
        const before = await store.lastChange();
        const jobs = [await create('ann'), await create('ann'), await create('ann')];
        for (const job of jobs) await happen(job, { type: 'canceled', at: NOON });
        const { changed } = await store.readChanges('ann', before.number, NO_LIMIT);
        const [first, second] = changed;
        expect(changed.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
        const two = { changed: [first, second], isFull: true };
        expect(await store.readChanges('ann', before.number, NO_LIMIT, 2)).toEqual(two);
        const third = { changed: changed.slice(2), isFull: false };
        expect(await store.readChanges('ann', second?.place.number ?? 0, NO_LIMIT, 2)).toEqual(third);
        expect(await store.readChanges('ann', before.number, 6)).toEqual({ changed, isFull: true });
      });

      test('are counted for a tenant, up to a limit', async () => {
        const [job] = await createMany('ann', 3);
        if (job === undefined) throw new Error('it was created');
        await createMany('bob', 2);
        await happen(job, { type: 'canceled', at: NOON });
        const counts = [9, 4, 3].map((limit) => store.countChanges('ann', 0, limit));
        expect(await Promise.all(counts)).toEqual([4, 4, 3]);
        expect(await store.countChanges('ann', (await store.lastChange()).number, 9)).toBe(0);
        expect(await store.countChanges('eve', 0, 9)).toBe(0);
      });

      test('are known by number and time, which tells them from those of another history', async () => {
        expect(await store.hasChange({ number: 0, at: 0 })).toBe(true);
        await createMany('ann', 2);
        const last = await store.lastChange();
        expect(await store.hasChange(last)).toBe(true);
        for (const [number, at] of [
          [last.number + 1, last.at],
          [last.number, last.at + 1],
          [0, 1],
        ] as const) {
          expect(await store.hasChange({ number, at })).toBe(false);
        }
      });

      test('are gone through page by page, and none is passed over', async () => {
        const jobs = await createMany('ann', 7);
        for (const job of jobs.slice(0, 2)) await happen(job, { type: 'canceled', at: NOON });
        const seen: string[] = [];
        let after = 0;
        for (let isFull = true; isFull; ) {
          const page = await store.readChanges('ann', after, 3);
          ({ isFull } = page);
          expect(page.changed.length).toBeLessThanOrEqual(3);
          seen.push(...page.changed.map(({ id }) => id));
          after = page.changed.at(-1)?.place.number ?? after;
        }
        // A job that changed again is told again, if that is on a later page.
        expect(seen).toEqual([...jobs, ...jobs.slice(0, 2)].map(({ id }) => id));
      });

      test('tell that a job was deleted, also when nothing is left of it', async () => {
        const [hidden, erased] = [await create('ann'), await create('ann')];
        for (const job of [hidden, erased]) {
          await happen(job, { type: 'canceled', at: NOON }, { type: 'deleted', at: NOON });
        }
        await store.erase([erased.id]);
        const { changed } = await store.readChanges('ann', 0, NO_LIMIT);
        expect(changed.map(({ id, job }) => [id, job])).toEqual([
          [hidden.id, null],
          [erased.id, null],
        ]);
      });

      test('of what is rescheduled or changes nothing are none', async () => {
        const job = await create('ann');
        const last = await store.lastChange();
        await lease(0);
        await store.reschedulePolls([{ id: job.id, pollAt: NOON }]);
        await store.rescheduleArchive(job.id, { at: NOON, attempts: 1 });
        expect(await store.lastChange()).toEqual(last);
      });

      test('are forgotten after a day, but for the last of all', async () => {
        await createMany('ann', 3);
        const last = await store.lastChange();
        const read = async () => (await store.readChanges('ann', 0, NO_LIMIT)).changed;
        const [first] = await read();
        if (first === undefined) throw new Error('it was read');
        await store.forgetChanges(Date.now() + 23 * HOUR);
        expect(await read()).toHaveLength(3);
        expect(await store.hasChange(first.place)).toBe(true);
        await store.forgetChanges(Date.now() + 25 * HOUR);
        expect((await read()).map(({ place }) => place)).toEqual([last]);
        expect(await store.hasChange(last)).toBe(true);
        expect(await store.hasChange(first.place)).toBe(false);
        expect(await store.hasChange({ number: 0, at: 0 })).toBe(false);
        await createMany('ann', 1);
        expect((await store.lastChange()).number).toBe(last.number + 1);
      });
    });

    describe('list', () => {
      test("shows a tenant's own jobs, newest first", async () => {
        const old = await create('ann', { at: NOON });
        const young = await create('ann', { at: NOON + 2 });
        const middle = await create('ann', { at: NOON + 1 });
        await create('bob');
        expect((await listed('ann')).map(({ id }) => id)).toEqual([young.id, middle.id, old.id]);
        expect(await listed('nobody')).toEqual([]);
      });

      test('shows each job once and in order, whatever the page size and direction', async () => {
        // Three at a time have the same timestamp, to test the order among them.
        for (let i = 0; i < 13; i++) await create('ann', { at: NOON + Math.floor(i / 3) });
        await createMany('bob', 3);
        const all = (await listed('ann')).map(({ id }) => id);
        expect(new Set(all).size).toBe(13);
        for (let size = 1; size <= 14; size++) {
          expect((await walk('ann', {}, size, 'forward')).map(({ id }) => id)).toEqual(all);
          expect((await walk('ann', {}, size, 'backward')).map(({ id }) => id)).toEqual(all);
        }
      });

      test('says on each page whether there is one before and one after it', async () => {
        await createMany('ann', 4);
        const [a, b, c, d] = await listed('ann');
        if (!a || !b || !c || !d) throw new Error('four were created');
        const page = async (request: Parameters<JobStore['list']>[2]) => {
          const { jobs, hasNextPage, hasPreviousPage } = await store.list('ann', {}, request);
          return [jobs.map(({ id }) => id), hasPreviousPage, hasNextPage];
        };
        expect(await page({ limit: 2, direction: 'forward' })).toEqual([[a.id, b.id], false, true]);
        expect(await page({ limit: 2, direction: 'forward', after: b })).toEqual([[c.id, d.id], true, false]);
        expect(await page({ limit: 2, direction: 'backward' })).toEqual([[c.id, d.id], true, false]);
        expect(await page({ limit: 2, direction: 'backward', before: c })).toEqual([
          [a.id, b.id],
          false,
          true,
        ]);
        expect(await page({ limit: 4, direction: 'forward' })).toEqual([
          [a.id, b.id, c.id, d.id],
          false,
          false,
        ]);
        const [between] = await page({ limit: 9, direction: 'forward', after: a, before: d });
        expect(between).toEqual([b.id, c.id]);
      });

      test('filters by status, time and reference, and pages through what is left', async () => {
        for (let i = 0; i < 12; i++) {
          const reference = i % 2 === 0 ? 'even' : null;
          const job = await create('ann', { at: NOON + i, labels: { reference, metadata: null } });
          if (i % 3 === 0) await happen(job, { type: 'canceled', at: LATER });
        }
        await create('bob', { labels: { reference: 'even', metadata: null } });
        const all = await listed('ann');
        const filters: readonly (readonly [JobFilter, (job: Job) => boolean])[] = [
          [{ status: ['CANCELED'] }, (job) => job.status === 'CANCELED'],
          [{ status: ['CANCELED', 'WAITING'] }, () => true],
          [{ status: ['FAILED'] }, () => false],
          [{ status: [] }, () => false],
          [{ createdAfter: NOON + 3 }, (job) => job.createdAt > NOON + 3],
          [{ createdBefore: NOON + 3 }, (job) => job.createdAt < NOON + 3],
          [{ createdAfter: 0, createdBefore: 0 }, () => false],
          [{ reference: 'even' }, (job) => job.reference === 'even'],
          ...['Even', 'even ', '', 'even\0', '\ud800', 'x'.repeat(257)].map(
            (reference) => [{ reference }, () => false] as const,
          ),
          [
            { reference: 'even', status: ['CANCELED'], createdBefore: NOON + 10 },
            (job) => job.reference === 'even' && job.status === 'CANCELED' && job.createdAt < NOON + 10,
          ],
          [
            { status: ['WAITING'], createdAfter: NOON + 1, createdBefore: NOON + 10 },
            (job) => job.status === 'WAITING' && job.createdAt > NOON + 1 && job.createdAt < NOON + 10,
          ],
        ];
        for (const [filter, isMatch] of filters) {
          const expected = all.filter(isMatch).map(({ id }) => id);
          for (const direction of ['forward', 'backward'] as const) {
            expect((await walk('ann', filter, 2, direction)).map(({ id }) => id)).toEqual(expected);
          }
        }
      });

      test('lists what a plain filter would, whatever is asked', async () => {
        for (let i = 0; i < 12; i++) {
          // Three at a time have the same timestamp.
          const labels = { reference: i % 4 === 0 ? 'four' : null, metadata: null };
          const job = await create('ann', { at: NOON + Math.floor(i / 3), labels });
          if (i % 2 === 0) await happen(job, { type: 'canceled', at: LATER });
          if (i % 3 === 0) await lease(1);
        }
        const all = await listed('ann');
        expect(new Set(all.map(({ status }) => status)).size).toBe(3);
        const some = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
        const moment = some(fc.integer({ min: NOON - 1, max: NOON + 4 }));
        const place = some(fc.constantFrom(...all));
        const isBefore = (a: JobPlace, b: JobPlace) =>
          a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.sequence < b.sequence);
        await fc.assert(
          fc.asyncProperty(
            some(fc.array(fc.constantFrom(...JOB_STATUSES), { maxLength: 5 })),
            some(fc.constant('four')),
            fc.tuple(moment, moment, place, place),
            fc.integer({ min: 1, max: 5 }),
            fc.constantFrom('forward', 'backward'),
            async (status, reference, [createdAfter, createdBefore, after, before], limit, direction) => {
              const matching = all.filter(
                (job) =>
                  (status?.includes(job.status) ?? true) &&
                  (reference === undefined || job.reference === reference) &&
                  job.createdAt > (createdAfter ?? 0) &&
                  job.createdAt < (createdBefore ?? Infinity),
              );
              const between = matching.filter(
                (job) => (!after || isBefore(job, after)) && (!before || isBefore(before, job)),
              );
              const filter = {
                ...(status && { status }),
                ...(reference && { reference }),
                ...(createdAfter !== undefined && { createdAfter }),
                ...(createdBefore !== undefined && { createdBefore }),
              };
              const page = { limit, direction, ...(after && { after }), ...(before && { before }) };
              const { jobs, hasNextPage, hasPreviousPage } = await store.list('ann', filter, page);
              expect(jobs).toEqual(direction === 'forward' ? between.slice(0, limit) : between.slice(-limit));
              const [ahead, behind] =
                direction === 'forward' ? [hasNextPage, hasPreviousPage] : [hasPreviousPage, hasNextPage];
              expect(ahead).toBe(between.length > limit);
              const edge = direction === 'forward' ? jobs[0] : jobs.at(-1);
              expect(behind).toBe(
                edge !== undefined &&
                  matching.some((job) =>
                    direction === 'forward' ? isBefore(edge, job) : isBefore(job, edge),
                  ),
              );
            },
          ),
          { numRuns: 150 },
        );
      });
    });

    describe('lease', () => {
      test('gives out waiting jobs as decided, oldest first', async () => {
        const jobs = await createMany('ann', 3);
        const given = await lease(2);
        expect(given.map(({ id }) => id)).toEqual(jobs.slice(0, 2).map(({ id }) => id));
        for (const job of given) {
          expect(job).toMatchObject({ status: 'SUBMITTING', version: 2, attempts: 1 });
          expect(await store.get(job.id)).toEqual(job);
          expect(await historyOf(store, job.id)).toHaveLength(2);
        }
      });

      test('never gives out more than the limit, nor one job twice, to many who ask at once', async () => {
        await Promise.all([createMany('ann', 20), createMany('bob', 20)]);
        const first = (await Promise.all(Array.from({ length: 20 }, () => lease(7)))).flat();
        expect(first).toHaveLength(7);
        const second = (await Promise.all(Array.from({ length: 20 }, () => lease(12)))).flat();
        expect(second).toHaveLength(5);
        expect(new Set([...first, ...second].map(({ id }) => id)).size).toBe(12);
        expect(await store.slots(NOON)).toEqual({ used: 12, waiting: 28 });
      });

      test('stays within the limit while slots are given back and jobs come in', async () => {
        let most = 0;
        const work = async (tenant: string) => {
          for (let i = 0; i < 6; i++) {
            await create(tenant);
            for (const job of await lease(3)) {
              most = Math.max(most, (await store.slots(NOON)).used);
              await happen(job, { type: 'refused', at: NOON, error: refusal });
            }
          }
        };
        await Promise.all(['a', 'b', 'c', 'd', 'e'].map(work));
        expect(most).toBeGreaterThan(0);
        expect(most).toBeLessThanOrEqual(3);
      });

      test("does not let a tenant's thousand jobs hold up another tenant's first", async () => {
        await createMany('ann', 1000);
        const before = await lease(2);
        const bob = await create('bob');
        const next = (await lease(4)).slice(0, 2).map(({ id }) => id);
        expect(before.every(({ tenant }) => tenant === 'ann')).toBe(true);
        expect(next).toContain(bob.id);
      });

      test('takes turns between tenants, and within a tenant the oldest first', async () => {
        const ann = await createMany('ann', 4);
        const bob = await createMany('bob', 4);
        const order = (await lease(NO_LIMIT)).map(({ id }) => id);
        const turns = ann.flatMap((job, i) => [job.id, bob[i]?.id]);
        expect(order).toEqual(turns);
      });

      test('does not let a tenant who was away for long claim the turns that it missed', async () => {
        await createMany('ann', 10);
        await lease(6);
        const bob = await createMany('bob', 5);
        const order = (await lease(NO_LIMIT)).map(({ tenant }) => tenant);
        expect(order.slice(0, 6).filter((tenant) => tenant === 'bob').length).toBeLessThanOrEqual(4);
        expect(bob).toHaveLength(5);
      });

      test('gives a job that came back its old place', async () => {
        const [first] = await createMany('ann', 3);
        const [given] = await lease(1);
        expect(given?.id).toBe(first?.id);
        if (given === undefined) throw new Error('one was leased');
        await happen(given, {
          type: 'not-accepted',
          retryAt: null,
          at: NOON,
          deadlineAt: NOON + HOUR,
          reason: 'full',
        });
        await create('bob');
        expect(await store.queuePositions([given.id])).toEqual(new Map([[given.id, 1]]));
        expect((await lease(1)).map(({ id }) => id)).toEqual([given.id]);
      });

      test('remembers the turn being served across a restart', async () => {
        await createMany('ann', 6);
        await lease(4);
        store = await opened.reopen();
        const bob = await create('bob');
        expect(bob.turn).toBeGreaterThan(0);
      });

      test('leaves alone jobs whose time to wait is over', async () => {
        const late = await create('ann', { deadlineAt: NOON + 10 });
        const inTime = await create('ann', { deadlineAt: NOON + HOUR });
        expect((await lease(1, NOON + 10)).map(({ id }) => id)).toEqual([inTime.id]);
        expect((await store.get(late.id))?.status).toBe('WAITING');
      });

      test('leaves alone jobs that are to be tried later, until then', async () => {
        const [refused, other] = await createMany('ann', 2);
        const [given] = await lease(1);
        if (given === undefined) throw new Error('one was leased');
        await happen(given, {
          type: 'not-accepted',
          at: NOON,
          retryAt: LATER,
          deadlineAt: NOON + HOUR,
          reason: 'full',
        });
        expect((await lease(9, LATER - 1)).map(({ id }) => id)).toEqual([other?.id]);
        expect((await lease(9, LATER)).map(({ id }) => id)).toEqual([refused?.id]);
      });

      test('that is decided against changes nothing', async () => {
        const job = await create('ann');
        expect(await store.lease(1, NOON, () => null)).toEqual([]);
        expect(await store.get(job.id)).toEqual(job);
      });

      test('whose decision fails takes no other write along', async () => {
        const job = await create('ann');
        const [failed, other] = await Promise.allSettled([
          store.lease(1, NOON, () => {
            throw new Error('undecided');
          }),
          store.create(newJobOf('ann'), NO_LIMIT),
        ]);
        expect(failed).toMatchObject({ status: 'rejected', reason: new Error('undecided') });
        expect(other).toMatchObject({ status: 'fulfilled', value: { kind: 'created' } });
        expect(await store.get(job.id)).toEqual(job);
      });
    });

    describe('what Akool holds against the account', () => {
      const hold: AccountHold = {
        reason: 'NO_CREDIT',
        blocks: true,
        since: NOON,
        error: refusal,
        credit: null,
        tooDear: { pictures: 5, credit: UNKNOWN_CREDIT },
        lookAt: NOON,
        trialAt: NOON,
        trials: 0,
      };
      const open: AccountHold = { ...hold, blocks: false, credit: 3, tooDear: { pictures: 5, credit: 3 } };
      const set = (after: AccountHold | null) => store.changeAccountHold(() => after);
      const pictures = (count: number): JobRequest => ({
        ...request,
        targetImage: Array(count).fill({ path: 'https://example.com/x.jpg', opts: null }),
      });

      async function refusedAt(credit: number, at = NOON): Promise<Job> {
        const deadlineAt = NOON + 24 * HOUR;
        const refused: JobEvent = {
          type: 'held',
          at,
          retryAt: null,
          deadlineAt,
          hold,
          creditRefused: credit,
          error: refusal,
        };
        return happen(await create('ann'), { type: 'leased', at, deadlineAt }, refused);
      }

      test('is kept over a restart, and changed by one at a time', async () => {
        expect(await store.accountHold()).toBeNull();
        await set(hold);
        store = await opened.reopen();
        expect(await store.accountHold()).toEqual(hold);
        const more = () =>
          store.changeAccountHold((before) => before && { ...before, trials: before.trials + 1 });
        await Promise.all(Array.from({ length: 20 }, more));
        expect(await store.accountHold()).toEqual({ ...hold, trials: 20 });
        expect(await set(null)).toMatchObject({ before: { trials: 20 }, after: null });
        expect(await store.accountHold()).toBeNull();
      });

      test('keeps jobs from being leased while it blocks, but for one at a time that is tried', async () => {
        const jobs = await createMany('ann', 3);
        await set(hold);
        expect(await lease(10)).toEqual([]);
        const tried = await store.lease(10, NOON, leased, { trial: 'any' });
        expect(tried.map(({ id }) => id)).toEqual([jobs[0]?.id]);
        expect(await store.lease(1, NOON, leased, { trial: 'any' })).toEqual([]);
        await set(null);
        expect(await store.lease(10, NOON, leased, { trial: 'any' })).toEqual([]);
        expect(await lease(10)).toHaveLength(2);
      });

      test('refuses new jobs while it blocks, unless told otherwise, and never a key that stands for one', async () => {
        const idempotency = { key: 'k', fingerprint: 'f' };
        const job = await create('ann', { idempotency });
        await set(hold);
        expect(await store.create(newJobOf('ann'), NO_LIMIT)).toEqual({ kind: 'blocked', hold });
        expect(await store.create(newJobOf('ann', { idempotency }), NO_LIMIT)).toEqual({
          kind: 'duplicate',
          job,
        });
        expect((await store.create(newJobOf('ann'), NO_LIMIT, true)).kind).toBe('created');
        await set(open);
        expect((await store.create(newJobOf('ann'), NO_LIMIT)).kind).toBe('created');
      });

      test('keeps back only what is too dear where it does not block', async () => {
        const refused = await refusedAt(3);
        const large = await create('ann', { request: pictures(5) });
        const small = await create('ann', { request: pictures(4) });
        await set(open);
        expect(await store.countHeld(open, NOON)).toEqual({ all: 3, tooDear: 2 });
        expect((await lease(10)).map(({ id }) => id)).toEqual([small.id]);
        const tried = await store.lease(10, NOON, leased, { trial: 'too-dear' });
        // Jobs that have not been refused yet come first.
        expect(tried.map(({ id }) => id)).toEqual([large.id]);
        await set({ ...open, credit: 4, tooDear: null });
        expect((await lease(10)).map(({ id }) => id)).toEqual([refused.id]);
      });

      test('has the smallest job tried first, then the one whose last try is the longest ago', async () => {
        const [late, early] = [await refusedAt(3, LATER), await refusedAt(3)];
        const large = await create('ann', { request: pictures(4) });
        const small = await create('bob', { request: pictures(2) });
        await set({ ...open, blocks: true });
        const order: string[] = [];
        for (let i = 0; i < 4; i++) {
          const [tried] = await store.lease(10, NOON, leased, { trial: 'any' });
          order.push(tried?.id ?? '');
        }
        expect(order).toEqual([small.id, large.id, early.id, late.id]);
      });

      test('tells jobs at which balance they were refused as soon as it is known', async () => {
        const job = await refusedAt(UNKNOWN_CREDIT);
        await set(hold);
        expect(await store.get(job.id)).toMatchObject({ creditRefused: UNKNOWN_CREDIT });
        await set({ ...hold, credit: 2.5 });
        expect(await store.get(job.id)).toMatchObject({ creditRefused: 2.5, version: job.version });
      });
    });

    describe('queue positions', () => {
      test('are the order of leasing, for few jobs asked about and for many', async () => {
        for (const tenant of ['a', 'a', 'a', 'b', 'c', 'a', 'b', 'c', 'c', 'c']) await createMany(tenant, 2);
        const ids = (await listed('a', 'b', 'c')).map(({ id }) => id);
        expect(ids).toHaveLength(20);
        const many = await store.queuePositions([...ids, 'unknown']);
        const few = await store.queuePositions(ids.slice(0, 16));
        const order = (await store.lease(0, NOON, leased)).length;
        expect(order).toBe(0);
        for (const [id, position] of few) expect(position).toBe(many.get(id));
        expect(few.size).toBe(16);
        expect(many.size).toBe(20);
        const served = (await lease(NO_LIMIT)).map(({ id }) => id);
        expect(served).toEqual([...ids].sort((x, y) => (many.get(x) ?? 0) - (many.get(y) ?? 0)));
        expect([...many.values()].sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      });

      test('move up when a job before leaves, and end when the job itself does', async () => {
        const [first, second, third] = await createMany('ann', 3);
        if (!first || !second || !third) throw new Error('three were created');
        await happen(first, { type: 'canceled', at: NOON });
        expect(await store.queuePositions([first.id, third.id])).toEqual(new Map([[third.id, 2]]));
        await lease(1);
        expect(await store.queuePositions([first.id, second.id, third.id])).toEqual(new Map([[third.id, 1]]));
      });

      test("of tenants begin with each tenant's first jobs, in the order in which they are sent", async () => {
        const [first, second] = await createMany('ann', 3);
        const [bobs] = await createMany('bob', 1);
        const [sent] = await createMany('eve', 1);
        if (!first || !second || !bobs || !sent) throw new Error('they were created');
        await happen(sent, { type: 'canceled', at: NOON });
        expect(await store.firstInQueue(['ann', 'bob', 'eve', 'none'], 2)).toEqual(
          new Map([
            [
              'ann',
              new Map([
                [first.id, 1],
                [second.id, 3],
              ]),
            ],
            ['bob', new Map([[bobs.id, 2]])],
          ]),
        );
        expect(await store.firstInQueue([], 2)).toEqual(new Map());
      });

      test('are those of jobs that wait, which are read as they are stored', async () => {
        const [waits, ended, deleted] = await createMany('ann', 3);
        if (!waits || !ended || !deleted) throw new Error('three were created');
        await happen(ended, { type: 'canceled', at: NOON });
        await happen(deleted, { type: 'canceled', at: NOON }, { type: 'deleted', at: NOON });
        const ids = [ended.id, waits.id, deleted.id, 'none'];
        expect(await store.waitingJobs(ids)).toEqual([waits]);
        expect(await store.waitingJobs([])).toEqual([]);
      });

      test('of nothing are nothing', async () => {
        await create('ann');
        expect(await store.queuePositions([])).toEqual(new Map());
        expect(await store.queuePositions(['unknown'])).toEqual(new Map());
      });
    });

    describe('slots', () => {
      test('are held from the lease to the end', async () => {
        await createMany('ann', 2);
        const [job] = await lease(1);
        if (job === undefined) throw new Error('one was leased');
        const used = async () => (await store.slots(NOON)).used;
        expect(await used()).toBe(1);
        const queued = await happen(job, accepted('p1'));
        expect(await used()).toBe(1);
        const working = await happen(queued, reportOf({ status: 'PROCESSING' }));
        expect(await used()).toBe(1);
        await happen(working, reportOf({ status: 'FAILED', error: refusal }));
        expect(await store.slots(NOON)).toEqual({ used: 0, waiting: 1 });
      });

      test('are given back by a job of unknown outcome after its time, and not before', async () => {
        await createMany('ann', 3);
        for (const job of await lease(2)) {
          await happen(job, { type: 'unconfirmed', at: NOON, slotFreeAt: LATER, reason: 'timeout' });
        }
        expect((await store.slots(LATER - 1)).used).toBe(2);
        expect(await lease(2, LATER - 1)).toEqual([]);
        expect((await store.slots(LATER)).used).toBe(0);
        expect(await lease(2, LATER)).toHaveLength(1);
      });
    });

    describe('polls', () => {
      async function atProvider(pollAts: readonly number[]): Promise<Job[]> {
        await createMany('ann', pollAts.length);
        const sent = await lease(NO_LIMIT);
        return Promise.all(sent.map((job, i) => happen(job, accepted(`p${i}`, pollAts[i]))));
      }

      /** Reads due polls without rescheduling them. */
      const peek = (now: number, limit: number) => store.claimPolls(now, ({ pollAt }) => pollAt ?? 0, limit);

      test('are given to one of many callers only, and are not due again before they say', async () => {
        await atProvider(Array.from({ length: 20 }, () => NOON));
        const claim = () => store.claimPolls(NOON, () => LATER, 7);
        const claimed = (await Promise.all([claim(), claim(), claim(), claim()])).flat();
        expect(new Set(claimed.map(({ id }) => id)).size).toBe(claimed.length);
        const rest = await claim();
        expect(claimed.length + rest.length).toBe(20);
        expect(await claim()).toEqual([]);
        expect(await peek(LATER, 99)).toHaveLength(20);
      });

      test('are due when their time has come, longest overdue first', async () => {
        const [a, b, c] = await atProvider([NOON + 30, NOON + 10, NOON + 20]);
        const due = async (now: number, limit: number) => (await peek(now, limit)).map(({ id }) => id);
        expect(await due(NOON + 9, 10)).toEqual([]);
        expect(await due(NOON + 20, 10)).toEqual([b?.id, c?.id]);
        expect(await due(NOON + 99, 10)).toEqual([b?.id, c?.id, a?.id]);
        expect(await due(NOON + 99, 2)).toEqual([b?.id, c?.id]);
      });

      test('are moved without a new version', async () => {
        const [a, b] = await atProvider([NOON, NOON]);
        if (!a || !b) throw new Error('two were sent');
        await store.reschedulePolls([
          { id: a.id, pollAt: LATER },
          { id: 'unknown', pollAt: LATER },
        ]);
        expect((await peek(NOON, 10)).map(({ id }) => id)).toEqual([b.id]);
        expect(await store.get(a.id)).toEqual({ ...a, pollAt: LATER });
        expect(await historyOf(store, a.id)).toHaveLength(a.version);
      });

      test('do not come back for a job that has ended or does not wait for an answer', async () => {
        const [a] = await atProvider([NOON]);
        if (!a) throw new Error('one was sent');
        const ended = await happen(a, reportOf({ status: 'FAILED', error: refusal }, 'p0'));
        const waiting = await create('ann');
        await store.reschedulePolls([ended, waiting].map(({ id }) => ({ id, pollAt: NOON })));
        await store.reschedulePolls([]);
        expect(await peek(LATER, 10)).toEqual([]);
      });
    });

    describe('deadlines', () => {
      test('are told of jobs in the given statuses alone, longest past first', async () => {
        const late = await create('ann', { deadlineAt: NOON + 2 });
        const later = await create('ann', { deadlineAt: NOON + 1 });
        await create('ann', { deadlineAt: NOON + 3 });
        await happen(await create('ann', { deadlineAt: NOON }), { type: 'canceled', at: NOON });
        const past = async (...args: Parameters<JobStore['pastDeadline']>) =>
          (await store.pastDeadline(...args)).map(({ id }) => id);
        expect(await past(['WAITING', 'UNCONFIRMED'], NOON + 2, 10)).toEqual([later.id, late.id]);
        expect(await past(['WAITING'], NOON + 2, 1)).toEqual([later.id]);
        expect(await past(['QUEUED', 'PROCESSING'], NOON + 2, 10)).toEqual([]);
        expect(await past(['WAITING'], NOON, 10)).toEqual([]);
      });
    });

    describe('abandoned', () => {
      test('are jobs that have been SUBMITTING for too long, and no others', async () => {
        const [first] = await createMany('ann', 3);
        const [a, b] = await lease(2);
        if (!a || !b) throw new Error('two were leased');
        await happen(b, accepted('p1'));
        expect((await store.abandoned(NOON, 10)).map(({ id }) => id)).toEqual([first?.id]);
        expect(await store.abandoned(NOON - 1, 10)).toEqual([]);
        expect(await store.abandoned(LATER, 0)).toEqual([]);
      });
    });

    describe('archives', () => {
      test('are due from the end of their jobs on, each to one of many callers, and not before they say', async () => {
        await completed(5, { keep: false });
        const jobs = await completed(20);
        await claimedOnce(jobs, store.claimArchives.bind(store));
      });

      test('are tried again when it was said, which is no new version, and not any more once given up', async () => {
        const [tried, givenUp] = await completed(2);
        if (!tried || !givenUp) throw new Error('two were completed');
        expect(await store.rescheduleArchive(tried.id, { at: LATER, attempts: 3 })).toBe(true);
        await store.rescheduleArchive(givenUp.id, { at: null, attempts: 9 });
        expect(await store.claimArchives(LATER - 1, LATER, 9)).toEqual([]);
        expect(await store.get(tried.id)).toEqual({ ...tried, archiveAt: LATER, archiveAttempts: 3 });
        expect(await store.get(givenUp.id)).toEqual({ ...givenUp, archiveAt: null, archiveAttempts: 9 });
        // An earlier claimant reports its failure too late.
        expect(await store.rescheduleArchive(givenUp.id, { at: NOON, attempts: 1 })).toBe(false);
        expect((await store.claimArchives(LATER, LATER, 9)).map(({ id }) => id)).toEqual([tried.id]);
      });
    });

    describe('expiring results', () => {
      test('are those within the time that nobody has kept or deleted, ten of them by name', async () => {
        const [kept, gone] = await completed(2, { expiresAt: LATER });
        if (!kept || !gone) throw new Error('two were completed');
        const archive = { name: 'a.png', contentType: 'image/png', byteSize: 1, sha256: '' };
        await happen(kept, { type: 'archived', at: NOON, archive });
        await happen(gone, { type: 'deleted', at: NOON });
        const [last] = await completed(1, { expiresAt: LATER });
        const expiring = await completed(11, { expiresAt: LATER - 1 });
        await completed(1, { expiresAt: LATER + 1 });
        const found = await store.expiringResults(NOON, LATER);
        expect(found.count).toBe(12);
        expect(found.ids).toHaveLength(10);
        expect(expiring.map(({ id }) => id)).toEqual(expect.arrayContaining([...found.ids]));
        expect(await store.expiringResults(LATER - 1, LATER)).toEqual({ count: 1, ids: [last?.id] });
        expect(await store.expiringResults(LATER + 1, LATER + HOUR)).toEqual({ count: 0, ids: [] });
      });
    });

    describe('erasures', () => {
      test('are of finished jobs, the first to end first, once each', async () => {
        const [late, early, open, deleted] = await createMany('ann', 4);
        if (!late || !early || !open || !deleted) throw new Error('four were created');
        await happen(late, { type: 'canceled', at: NOON + 2 });
        await happen(early, { type: 'canceled', at: NOON + 1 });
        await happen(deleted, { type: 'canceled', at: NOON }, { type: 'deleted', at: NOON });
        const before = async (...args: Parameters<JobStore['finishedBefore']>) =>
          (await store.finishedBefore(...args)).map(({ id }) => id);
        expect(await before(NOON + 2, 9)).toEqual([early.id, late.id]);
        expect(await before(NOON + 2, 1)).toEqual([early.id]);
        expect(await before(NOON, 9)).toEqual([]);
      });

      test('are due from the deletion on, each to one of many callers, and not before they say', async () => {
        await completed(5);
        const jobs = await completed(20);
        for (const job of jobs) await happen(job, { type: 'deleted', at: NOON });
        await claimedOnce(jobs, store.claimErasures.bind(store));
      });

      test('are put off without a new version, for deleted jobs alone', async () => {
        const [job, other] = await completed(2);
        if (!job || !other) throw new Error('two were completed');
        const deleted = await happen(job, { type: 'deleted', at: NOON });
        await store.rescheduleErasure(job.id, LATER);
        await store.rescheduleErasure(other.id, NOON);
        expect(await store.claimErasures(LATER - 1, LATER, 9)).toEqual([]);
        expect(await store.get(job.id)).toEqual({ ...deleted, eraseAt: LATER });
        expect((await listed('ann')).map(({ id }) => id)).toEqual([other.id]);
        expect(await store.get(other.id)).toEqual(other);
      });

      test('leave nothing of a job but its key, until that is a day old', async () => {
        const idempotency = { key: 'k', fingerprint: 'f' };
        const job = await create('ann', { idempotency });
        const living = await create('ann', { idempotency: { key: 'other', fingerprint: 'f' } });
        await happen(job, { type: 'canceled', at: NOON }, { type: 'deleted', at: NOON });
        await store.erase([]);
        await store.erase([job.id]);
        expect(await store.get(job.id)).toBeNull();
        expect(await store.getByCallbackToken(job.callbackToken)).toBeNull();
        expect(await historyOf(store, job.id)).toEqual([]);
        const again = () => store.create(newJobOf('ann', { idempotency }), NO_LIMIT);
        await store.forgetIdempotencyKeys(NOON + 24 * HOUR - 1);
        expect(await again()).toEqual({ kind: 'duplicate', job: null });
        await store.forgetIdempotencyKeys(NOON + 24 * HOUR);
        expect((await again()).kind).toBe('created');
        const known = { idempotency: { key: 'other', fingerprint: 'f' } };
        expect(await store.create(newJobOf('ann', known), NO_LIMIT)).toEqual({
          kind: 'duplicate',
          job: living,
        });
      });
    });

    describe('what instances share', () => {
      test('is a secret for each name, the same for all ever after', async () => {
        const first = await Promise.all(Array.from({ length: 10 }, () => store.secret('one')));
        const [one] = first;
        expect(one).toHaveLength(32);
        expect(new Set(first.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1);
        expect(await store.secret('two')).not.toEqual(one);
        store = await opened.reopen();
        expect(await store.secret('one')).toEqual(one);
      });

      test('is how many others said of late that they live', async () => {
        const beat = (instance: string, at: number) => store.heartbeat(instance, at, 1000);
        expect(await beat('a', NOON)).toBe(0);
        expect(await beat('a', NOON)).toBe(0);
        expect([await beat('b', NOON + 999), await beat('c', NOON + 999)]).toEqual([1, 2]);
        expect(await beat('b', NOON + 1000)).toBe(1);
        await store.sayGoodbye('c');
        await store.sayGoodbye('nobody');
        expect(await beat('a', NOON + 1000)).toBe(1);
        expect(store.exclusive).toBe(opened.exclusive);
      });
    });

    describe('the clock', () => {
      const STAY = { due: 0, strayPolls: 0, isNoted: true };

      async function read(move: ClockMove = STAY): Promise<ClockReading> {
        const readings: ClockReading[] = [];
        await store.readClock((reading) => {
          readings.push(reading);
          return move;
        });
        const last = readings.at(-1);
        if (last === undefined) throw new Error('nothing was read');
        return last;
      }

      test('is read with the time of the last reading, by whomever, over a restart', async () => {
        const first = await read();
        expect(first.lastAt).toBe(0);
        expect(Number.isInteger(first.at)).toBe(true);
        expect(first.earliest).toBeLessThanOrEqual(first.latest);
        const many = await Promise.all(Array.from({ length: 10 }, () => read()));
        expect(new Set([first, ...many].map(({ at }) => at))).toContain(many[9]?.lastAt);
        store = await opened.reopen();
        const last = Math.max(...many.map(({ at }) => at));
        expect((await read()).lastAt).toBe(last);
      });

      test('tells the time to whoever leases', async () => {
        await create('ann');
        const { at } = await read();
        const told: number[] = [];
        await store.lease(1, NOON, (_, storeNow) => {
          told.push(storeNow);
          return null;
        });
        expect(told).toHaveLength(1);
        expect(told[0]).toBeGreaterThanOrEqual(at);
      });

      test('moves what is due, and leaves what tells when something was', async () => {
        await createMany('ann', 2);
        const [first, second] = await lease(2);
        if (!first || !second) throw new Error('two were sent');
        const asked = await happen(first, accepted('p1'));
        const ended = await happen(
          second,
          reportOf(
            { status: 'COMPLETED', url: 'https://example.com/r.png', expiresAt: NOON + HOUR, keep: true },
            'p2',
          ),
        );
        const waiting = await create('ann');
        const hold = afterRefusal(null, {
          reason: 'ACCOUNT',
          error: refusal,
          pictures: 1,
          isTrial: false,
          at: NOON,
        });
        await store.changeAccountHold(() => hold);

        await read({ ...STAY, due: -HOUR });
        expect(await store.get(asked.id)).toEqual({
          ...asked,
          sentAt: NOON - HOUR,
          deadlineAt: asked.deadlineAt - HOUR,
          pollAt: NOON + 30_000 - HOUR,
        });
        expect(await store.get(ended.id)).toEqual({ ...ended, archiveAt: NOON - HOUR });
        expect(await store.get(waiting.id)).toEqual({ ...waiting, deadlineAt: waiting.deadlineAt - HOUR });
        expect(await historyOf(store, asked.id)).toHaveLength(asked.version);
        expect(await store.accountHold()).toEqual({
          ...hold,
          since: NOON - HOUR,
          lookAt: hold.lookAt - HOUR,
          trialAt: hold.trialAt - HOUR,
        });
      });

      test('moves polls that were stored late by the clock as it was', async () => {
        const { at } = await read();
        await createMany('ann', 2);
        const [late, soon] = await lease(2);
        if (!late || !soon) throw new Error('two were sent');
        await happen(late, accepted('p1', at + HOUR + 30_000));
        await happen(soon, accepted('p2', at + 30_000));
        await read({ ...STAY, strayPolls: -HOUR });
        expect((await store.get(late.id))?.pollAt).toBe(at + 30_000);
        expect((await store.get(soon.id))?.pollAt).toBe(at + 30_000);
      });
    });

    describe('starting and stopping', () => {
      test('keep everything that was acknowledged', async () => {
        const jobs = await Promise.all([createMany('ann', 30), createMany('bob', 30)]);
        const sent = await lease(5);
        store = await opened.reopen();
        for (const { id } of jobs.flat()) expect(await store.get(id)).not.toBeNull();
        for (const job of sent) expect(await store.get(job.id)).toEqual(job);
        expect(await store.slots(NOON)).toEqual({ used: 5, waiting: 55 });
      });

      test('let writes under way end first', async () => {
        const jobs = Array.from({ length: 20 }, () => newJobOf('ann'));
        const writing = jobs.map((job) => store.create(job, NO_LIMIT));
        store = await opened.reopen();
        const outcomes = await Promise.all(writing);
        expect(outcomes.every(({ kind }) => kind === 'created')).toBe(true);
        for (const { id } of jobs) expect(await store.get(id)).not.toBeNull();
      });

      test('are safe to ask for twice', async () => {
        const job = await create('ann');
        await store.start();
        expect(await store.get(job.id)).toEqual(job);
        await store.stop();
        await expect(store.stop()).resolves.toBeUndefined();
      });

      test('are over when the second of two stops is, so that the data can be opened again', async () => {
        const job = await create('ann');
        void store.stop();
        await store.stop();
        store = await opened.reopen();
        expect(await store.get(job.id)).toEqual(job);
      });

      test('make whatever is asked afterwards reject, and say why', async () => {
        const job = await create('ann');
        const change = transition(job, { type: 'canceled', at: NOON });
        if (change === null) throw new Error('a waiting job can be canceled');
        await expect(store.ping()).resolves.toBeUndefined();
        await store.stop();
        const asked: readonly (() => Promise<unknown>)[] = [
          () => store.ping(),
          () => store.create(newJobOf('ann'), NO_LIMIT),
          () => store.get(job.id),
          () => store.versions([job.id]),
          () => store.getByCallbackToken(job.callbackToken),
          () => store.save(change),
          () => historyOf(store, job.id),
          () => store.list('ann', {}, { limit: 1, direction: 'forward' }),
          () => lease(1),
          () => store.queuePositions([job.id]),
          () => store.firstInQueue(['ann'], 1),
          () => store.hasChange({ number: 1, at: NOON }),
          () => store.countChanges('ann', 0, 1),
          () => store.waitingJobs([job.id]),
          () => store.slots(NOON),
          () => store.pastDeadline(['WAITING'], NOON, 1),
          () => store.claimPolls(NOON, () => LATER, 1),
          () => store.reschedulePolls([{ id: job.id, pollAt: NOON }]),
          () => store.abandoned(NOON, 1),
        ];
        for (const ask of asked) {
          let answer: Promise<unknown> | undefined;
          expect(() => {
            answer = ask();
          }, `${ask} throws instead of rejecting`).not.toThrow();
          await expect(answer).rejects.toThrow(/not started|stopped/);
        }
      });
    });

    test('no method of a store is left out of these tests', () => {
      expect(unusedOf(opened.store, called)).toEqual([]);
    });

    async function listed(...tenants: readonly string[]): Promise<readonly Job[]> {
      const pages = await Promise.all(
        tenants.map((tenant) => store.list(tenant, {}, { limit: 1000, direction: 'forward' })),
      );
      return pages.flatMap(({ jobs }) => jobs);
    }

    /** A whole list, newest first, read page by page. */
    async function walk(
      tenant: string,
      filter: JobFilter,
      limit: number,
      direction: 'forward' | 'backward',
    ): Promise<Job[]> {
      const walked: Job[] = [];
      let place: JobPlace | undefined;
      for (;;) {
        const page = await store.list(tenant, filter, {
          limit,
          direction,
          ...(place && (direction === 'forward' ? { after: place } : { before: place })),
        });
        expect(page.jobs.length).toBeLessThanOrEqual(limit);
        if (direction === 'forward') walked.push(...page.jobs);
        else walked.unshift(...page.jobs);
        const [ahead, behind] =
          direction === 'forward'
            ? [page.hasNextPage, page.hasPreviousPage]
            : [page.hasPreviousPage, page.hasNextPage];
        expect(behind).toBe(place !== undefined);
        if (!ahead) return walked;
        expect(page.jobs).toHaveLength(limit);
        place = direction === 'forward' ? page.jobs.at(-1) : page.jobs[0];
      }
    }
  });
}

function reportOf(
  report: Extract<JobEvent, { type: 'reported' }>['report'],
  providerId = 'p1',
): Extract<JobEvent, { type: 'reported' }> {
  return {
    type: 'reported',
    at: NOON,
    pollAt: NOON,
    deadlineAt: NOON + HOUR,
    source: 'POLL',
    providerId,
    report,
  };
}

function createdJob(outcome: Created): Job {
  expect(outcome.kind).toBe('created');
  return jobOf(outcome);
}

function jobOf(outcome: Created): Job {
  if (!('job' in outcome) || outcome.job === null) throw new Error(`${outcome.kind} has no job`);
  return outcome.job;
}
