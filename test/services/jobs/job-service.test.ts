import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GatewayError } from '../../../src/errors.js';
import type { Job } from '../../../src/services/jobs/job.js';
import type { JobBus, JobListener, JobSignal } from '../../../src/services/jobs/job-bus.js';
import type { JobStore } from '../../../src/services/jobs/job-store.js';
import { CatchUp } from '../../../src/services/workers/catch-up.js';
import { Gate, until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { HOUR, historyOf, NOON, refusal, request } from '../../support/samples.js';
import { acceptedAs, log, openWorkshop, type Workshop } from '../../support/workshop.js';

async function accept({ jobs, clock }: Workshop, job: Job, providerId = 'p1'): Promise<void> {
  await jobs.lease(1_000_000, 3 * HOUR);
  await jobs.apply(job.id, {
    type: 'accepted',
    at: clock.now(),
    pollAt: clock.now() + 1,
    providerId,
    providerJobId: null,
  });
}

async function finish({ jobs, clock }: Workshop, job: Job): Promise<void> {
  await jobs.apply(job.id, { type: 'expired', at: clock.now(), error: refusal });
}

async function rest(states: AsyncIterable<Job>): Promise<Job[]> {
  const all: Job[] = [];
  for await (const job of states) all.push(job);
  return all;
}

const versionsOf = (all: readonly Job[]) => all.map(({ version }) => version);

afterEach(() => vi.restoreAllMocks());

describe('create', () => {
  test('gives the same job for the same key, and says so', async () => {
    const { jobs } = await openWorkshop();
    const first = await jobs.create('ann', request, 'key');
    const second = await jobs.create('ann', { ...request }, 'key');
    expect(first.deduplicated).toBe(false);
    expect(second).toEqual({ job: first.job, deduplicated: true });
  });

  test('refuses another input under a key that was used, and a queue that is full', async () => {
    const { jobs } = await openWorkshop({ queueLimit: 1 });
    await jobs.create('ann', request, 'key');
    await expect(jobs.create('ann', { ...request, faceEnhance: true }, 'key')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
    await expect(jobs.create('ann', request, null)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });

  test('gives each job an address that nobody can guess', async () => {
    const { create } = await openWorkshop();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => create()));
    expect(new Set(tokens.map(({ callbackToken }) => callbackToken)).size).toBe(20);
    for (const { callbackToken } of tokens) expect(callbackToken).toMatch(/^[\w-]{40}$/);
  });
});

describe('cancel', () => {
  test('takes a waiting job back, also when asked twice', async () => {
    const { jobs, create } = await openWorkshop();
    const job = await create();
    expect((await jobs.cancel('ann', job.id)).status).toBe('CANCELED');
    expect(await jobs.cancel('ann', job.id)).toMatchObject({ status: 'CANCELED', version: 2 });
  });

  test('refuses when the job was sent, and changes nothing', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.atProvider('p1');
    await expect(workshop.jobs.cancel('ann', job.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await workshop.get(job)).toEqual(job);
  });

  test("answers for another tenant's job as for one that does not exist", async () => {
    const { jobs, create, get } = await openWorkshop();
    const job = await create('ann');
    const errors = await Promise.all(
      [job.id, 'unknown'].map((id) => jobs.cancel('bob', id).then(String, (error: Error) => error)),
    );
    expect(errors[0]).toMatchObject({ code: 'NOT_FOUND' });
    expect(errors[0]).toEqual(errors[1]);
    expect((await get(job)).status).toBe('WAITING');
  });
});

describe('a deleted job', () => {
  test('is as if it had never been: not found, listed, followed or told of, nor deleted again', async () => {
    const { jobs, bus, create } = await openWorkshop();
    const job = await create();
    await jobs.cancel('ann', job.id);
    const heard: JobSignal[] = [];
    const leave = [
      await bus.followJob(job.id, (signal) => heard.push(signal)),
      await bus.followTenant('ann', (signal) => heard.push(signal)),
    ];
    const states = await jobs.watchAll('ann');
    const { eraseAt } = await jobs.delete('ann', job.id);
    expect(eraseAt).not.toBeNull();
    // Only that it is deleted.
    expect(heard.map((signal) => signal.job?.eraseAt)).toEqual([eraseAt, eraseAt]);
    expect(await jobs.find('ann', job.id)).toBeNull();
    const { jobs: listed } = await jobs.list('ann', {}, { limit: 9, direction: 'forward' });
    expect(listed).toEqual([]);
    const asked = [jobs.watch('ann', job.id), jobs.cancel('ann', job.id), jobs.delete('ann', job.id)];
    for (const { reason } of (await Promise.allSettled<unknown>(asked)) as PromiseRejectedResult[])
      expect(reason).toMatchObject({ code: 'NOT_FOUND' });
    const other = await create();
    expect((await states.next()).value).toMatchObject({ id: other.id });
    await states.return?.();
    for (const step of leave) step();
  });

  test('is not told of by word of it that comes late', async () => {
    const { jobs, bus, create } = await openWorkshop({ wrapBus: bare });
    const job = await create();
    const canceled = await jobs.cancel('ann', job.id);
    const all = await jobs.watchAll('ann');
    await jobs.delete('ann', job.id);
    bus.publish(canceled);
    const other = await create();
    expect((await all.next()).value).toMatchObject({ id: other.id });
    await all.return?.();
  });
});

describe('apply', () => {
  test('makes every one of many changes at once, each from what the one before left', async () => {
    const { jobs, create, store, get } = await openWorkshop();
    const job = await create();
    const applied = await Promise.all(
      Array.from({ length: 30 }, (_, i) => jobs.apply(job.id, { type: 'moved', at: i, position: i + 1 })),
    );
    expect(applied.every(({ changed }) => changed)).toBe(true);
    expect((await get(job)).version).toBe(31);
    expect((await historyOf(store, job.id)).map(({ version }) => version)).toEqual(
      Array.from({ length: 31 }, (_, i) => i + 1),
    );
  });

  test('of a duplicate changes nothing and tells nobody', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.atProvider('p1');
    const told: number[] = [];
    const forget = workshop.jobs.onChange(({ version }) => told.push(version));
    const outcome = await workshop.jobs.apply(job.id, {
      ...acceptedAs('p1'),
      type: 'accepted',
      at: 0,
      pollAt: 0,
      providerId: 'p1',
      providerJobId: null,
    });
    forget();
    expect(outcome).toEqual({ job, changed: false });
    expect(told).toEqual([]);
  });

  test('reads a job that was read before only where it may be out of date', async () => {
    let reads = 0;
    const { jobs, create, get } = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          get: (id) => {
            reads += 1;
            return store.get(id);
          },
        }),
    });
    const old = await create();
    const cancel = { type: 'canceled', at: NOON } as const;
    const move = { type: 'moved', at: NOON, position: 2 } as const;

    reads = 0;
    expect(await jobs.apply(old, move)).toMatchObject({ changed: true, job: { version: 2 } });
    expect(reads).toBe(0);
    // The job was changed in the meantime: what is stored is not overwritten.
    expect(await jobs.apply(old, { ...move, position: 1 })).toMatchObject({
      changed: true,
      job: { version: 3 },
    });
    expect(reads).toBe(1);
    // No event for the state passed in, but one for the stored state.
    const deleteCanceled = (job: Job) =>
      job.status === 'CANCELED' ? ({ type: 'deleted', at: NOON } as const) : null;
    const canceled = await jobs.apply(await get(old), cancel);
    expect(await jobs.apply(old, deleteCanceled)).toMatchObject({ changed: true });
    expect(await jobs.apply(canceled.job ?? old, deleteCanceled)).toMatchObject({ changed: false });
  });

  test('to a job that does not exist is nothing', async () => {
    const { jobs } = await openWorkshop();
    expect(await jobs.apply('unknown', { type: 'canceled', at: 0 })).toEqual({ job: null, changed: false });
  });

  test('is told after the commit: who hears of a version finds it in the store', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    const found: Promise<boolean>[] = [];
    const forget = workshop.jobs.onChange((news) =>
      found.push(workshop.get(news).then(({ version }) => version >= news.version)),
    );
    await accept(workshop, job);
    await finish(workshop, job);
    forget();
    expect(await Promise.all(found)).toEqual([true, true, true]);
  });
});

describe('watch', () => {
  test('begins with the present state, gives each newer one in order, and ends with the job', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    const states = await workshop.jobs.watch('ann', job.id);
    const all = rest(states);
    await accept(workshop, job);
    await finish(workshop, job);
    expect((await all).map(({ version, status }) => `${version} ${status}`)).toEqual([
      '1 WAITING',
      '2 SUBMITTING',
      '3 QUEUED',
      '4 FAILED',
    ]);
  });

  test('of a finished job gives its final state and ends', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    await workshop.jobs.cancel('ann', job.id);
    const all = await rest(await workshop.jobs.watch('ann', job.id));
    expect(all.map(({ status }) => status)).toEqual(['CANCELED']);
  });

  test('after a version gives only what is newer', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    await accept(workshop, job);
    const all = rest(await workshop.jobs.watch('ann', job.id, { afterVersion: 2 }));
    const none = rest(await workshop.jobs.watch('ann', job.id, { afterVersion: 4 }));
    await finish(workshop, job);
    expect(versionsOf(await all)).toEqual([3, 4]);
    expect(versionsOf(await none)).toEqual([]);
    expect(versionsOf(await rest(await workshop.jobs.watch('ann', job.id, { afterVersion: 4 })))).toEqual([]);
    expect(versionsOf(await rest(await workshop.jobs.watch('ann', job.id, { afterVersion: -5 })))).toEqual([
      4,
    ]);
  });

  test("refuses another tenant's job and an unknown one in the same words", async () => {
    const { jobs, create, bus } = await openWorkshop();
    const job = await create('ann');
    const errors = await Promise.all(
      [job.id, 'unknown', ''].map((id) => jobs.watch('bob', id).then(String, (error: Error) => error)),
    );
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'There is no job with this id.' });
    }
    expect(bus.followedJobs()).toEqual([]);
  });

  test('loses nothing that happens between joining the bus and reading the present state', async () => {
    const gate = new Gate();
    let held = false;
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          get: async (id) => {
            // The state is read, but its return is delayed while the job goes on.
            const job = await store.get(id);
            if (held) {
              held = false;
              await gate.pass();
            }
            return job;
          },
        }),
    });
    const job = await workshop.create();
    held = true;
    const watching = workshop.jobs.watch('ann', job.id);
    await gate.arrived();
    await accept(workshop, job);
    gate.open();
    const all = rest(await watching);
    await finish(workshop, job);
    expect(versionsOf(await all)).toEqual([1, 2, 3, 4]);
  });

  test('loses nothing that happens while it joins the bus', async () => {
    const gate = new Gate();
    const workshop = await openWorkshop({
      wrapBus: (bus) =>
        withMethods(bus, {
          followJob: async (id, listener) => {
            await gate.pass();
            return bus.followJob(id, listener);
          },
        }),
    });
    const job = await workshop.create();
    const watching = workshop.jobs.watch('ann', job.id);
    await gate.arrived();
    await accept(workshop, job);
    await finish(workshop, job);
    gate.open();
    expect(versionsOf(await rest(await watching))).toEqual([4]);
  });

  test('gives a follower who does not keep up a bounded number of states, the newest among them', async () => {
    const { jobs, create } = await openWorkshop();
    const job = await create();
    const states = await jobs.watch('ann', job.id);
    for (let i = 1; i <= 100; i++) await jobs.apply(job.id, { type: 'moved', at: i, position: i });
    await jobs.cancel('ann', job.id);
    const all = await rest(states);
    expect(all.length).toBeLessThanOrEqual(16);
    expect(all.at(-1)).toMatchObject({ status: 'CANCELED', version: 102 });
    expect(versionsOf(all)).toEqual([...versionsOf(all)].sort((a, b) => a - b));
  });

  test('leaves nothing on the bus when the follower leaves, even while it waits', async () => {
    const { jobs, create, bus } = await openWorkshop();
    const job = await create();
    const states = await jobs.watch('ann', job.id);
    await states.next();
    const waiting = states.next();
    expect(bus.followedJobs()).toEqual([job.id]);
    await states.return?.();
    expect((await waiting).done).toBe(true);
    expect(bus.followedJobs()).toEqual([]);
  });

  test('leaves nothing on the bus once the job ended, though the follower never asked for anything', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    const abandoned = await workshop.jobs.watch('ann', job.id);
    await accept(workshop, job);
    expect(workshop.bus.followedJobs()).toEqual([job.id]);
    await finish(workshop, job);
    expect(workshop.bus.followedJobs()).toEqual([]);
    expect(versionsOf(await rest(abandoned))).toEqual([1, 2, 3, 4]);
  });

  test('outlasts a database that cannot be read: the feed stays and is read again', async () => {
    const outage = new Outage();
    const workshop = await openWorkshop({ wrapBus: bare, wrapStore: (store) => outage.over(store) });
    const job = await workshop.create();
    const all = rest(await workshop.jobs.watch('ann', job.id));
    outage.begin(new GatewayError('STORE_UNAVAILABLE', 'away'));
    workshop.bus.publish({ ...job, version: 2 });
    await outage.felt(3);
    outage.end();
    await accept(workshop, job);
    await finish(workshop, job);
    expect(versionsOf(await all).at(-1)).toBe(4);
  });

  test('ends with an error, and leaves nothing behind, when the job stays unreadable and the database is there', async () => {
    const outage = new Outage();
    const workshop = await openWorkshop({ wrapBus: bare, wrapStore: (store) => outage.over(store) });
    const job = await workshop.create();
    const states = await workshop.jobs.watch('ann', job.id);
    await states.next();
    outage.begin(new Error('not a job'));
    workshop.bus.publish({ ...job, version: 2 });
    await expect(states.next()).rejects.toThrow('not a job');
    expect((await states.next()).done).toBe(true);
    expect(workshop.bus.followedJobs()).toEqual([]);
  });

  test('leaves nothing behind when the present state cannot be read', async () => {
    const outage = new Outage();
    const workshop = await openWorkshop({ wrapStore: (store) => outage.over(store) });
    const job = await workshop.create();
    outage.begin(new GatewayError('STORE_UNAVAILABLE', 'away'));
    await expect(workshop.jobs.watch('ann', job.id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(workshop.bus.followedJobs()).toEqual([]);
  });

  test('stops reading when the follower leaves in an outage', async () => {
    const outage = new Outage();
    const workshop = await openWorkshop({ wrapBus: bare, wrapStore: (store) => outage.over(store) });
    const [job, other] = [await workshop.create(), await workshop.create()];
    const states = await workshop.jobs.watch('ann', job.id);
    const stays = await workshop.jobs.watch('ann', other.id);
    outage.begin(new GatewayError('STORE_UNAVAILABLE', 'away'));
    for (const followed of [job, other]) workshop.bus.publish({ ...followed, version: 2 });
    await outage.felt(2);
    await states.return?.();
    const reads = outage.readsOf(job);
    // A follower that stays keeps reading.
    const others = outage.readsOf(other);
    await until(() => outage.readsOf(other) >= others + 5);
    expect(outage.readsOf(job)).toBe(reads);
    await stays.return?.();
  });

  test('over a bus whose signals carry no state reads it, and ends with the final one', async () => {
    const workshop = await openWorkshop({ wrapBus: (bus) => withMethods(bus, { ...carryingNoState(bus) }) });
    const job = await workshop.create();
    const all = rest(await workshop.jobs.watch('ann', job.id));
    await accept(workshop, job);
    await finish(workshop, job);
    const versions = versionsOf(await all);
    expect(versions.at(-1)).toBe(4);
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  });

  test('over a bus whose signals carry no state reads it once for all followers of the job', async () => {
    const counter = new ReadCounter();
    const workshop = await openWorkshop({ wrapBus: bare, wrapStore: (store) => counter.over(store) });
    const { jobs } = workshop;
    const job = await workshop.create();
    const followers = await Promise.all(Array.from({ length: 50 }, () => jobs.watch('ann', job.id)));
    const all = await jobs.watchAll('ann');
    for (const follower of followers) await follower.next();
    counter.reads = 0;
    await jobs.apply(job, { type: 'canceled', at: workshop.clock.now() });
    for (const follower of [...followers, all]) {
      expect((await follower.next()).value).toMatchObject({ status: 'CANCELED' });
    }
    expect(counter.reads).toBe(1);
    await Promise.all([...followers, all].map((follower) => follower.return?.()));
  });

  test('over a bus whose signals carry no state is not held up by a job that cannot be read', async () => {
    const gate = new Gate();
    let stuck = '';
    const workshop = await openWorkshop({
      wrapBus: bare,
      wrapStore: (store) =>
        withMethods(store, {
          get: async (id) => {
            if (id === stuck) await gate.pass();
            return store.get(id);
          },
        }),
    });
    const { jobs, clock } = workshop;
    const [one, other] = [await workshop.create(), await workshop.create()];
    const states = await Promise.all([jobs.watch('ann', one.id), jobs.watch('ann', other.id)]);
    for (const state of states) await state.next();
    stuck = one.id;
    await jobs.apply(one, { type: 'canceled', at: clock.now() });
    await gate.arrived;
    await jobs.apply(other, { type: 'canceled', at: clock.now() });
    expect((await states[1].next()).value).toMatchObject({ id: other.id, status: 'CANCELED' });
    gate.open();
    expect((await states[0].next()).value).toMatchObject({ id: one.id, status: 'CANCELED' });
    await Promise.all(states.map((state) => state.return?.()));
  });

  test('over a bus that loses, doubles and reorders signals ends with the final state after a gap', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const unreliable = new UnreliableBus(seed);
      const workshop = await openWorkshop({ wrapBus: (bus) => unreliable.over(bus) });
      const job = await workshop.create();
      const catchUp = new CatchUp({ ...workshop, log, everyMs: HOUR });
      catchUp.start();
      const all = rest(await workshop.jobs.watch('ann', job.id));
      for (let i = 1; i <= 10; i++) await workshop.jobs.apply(job.id, { type: 'moved', at: i, position: i });
      await accept(workshop, job);
      await finish(workshop, job);
      unreliable.gap();
      const versions = versionsOf(await all);
      expect(versions.at(-1), `seed ${seed}`).toBe(14);
      expect(versions, `seed ${seed}`).toEqual([...new Set(versions)].sort((a, b) => a - b));
      await catchUp.stop();
      await catchUp.stop();
      expect(unreliable.gapListeners, `seed ${seed}`).toBe(0);
    }
  });

  describe('until the result is kept', () => {
    const untilArchived = { untilArchived: true };
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    /** Lets a second pass, once the follower has finished its previous check. */
    async function aSecondLater(): Promise<void> {
      await until(() => vi.getTimerCount() === 1);
      vi.advanceTimersByTime(1000);
    }

    /** A job that has just become COMPLETED, and the states that the follower has received. */
    async function completed(keep: boolean) {
      const workshop = await openWorkshop();
      const { id } = await workshop.atProvider('_id');
      const states: string[] = [];
      const ended = (async () => {
        for await (const job of await workshop.jobs.watch('ann', id, untilArchived)) {
          states.push(
            job.result === null ? job.status : `${job.status} ${job.result.archive?.name ?? 'there'}`,
          );
        }
      })();
      await workshop.jobs.apply(id, {
        type: 'reported',
        at: NOON,
        pollAt: NOON,
        deadlineAt: NOON + HOUR,
        source: 'POLL',
        providerId: '_id',
        report: { status: 'COMPLETED', url: 'https://example.com/a.png', expiresAt: NOON + HOUR, keep },
      });
      return { ...workshop, id, states, ended };
    }

    test('goes on after COMPLETED, however long the copy takes, and ends with the lasting one', async () => {
      const { jobs, id, states, ended } = await completed(true);
      for (let i = 0; i < 5; i++) await aSecondLater();
      const archive = { name: 'copy.png', contentType: 'image/png', byteSize: 1, sha256: '00' };
      await jobs.apply(id, { type: 'archived', at: NOON, archive });
      await ended;
      expect(states).toEqual(['QUEUED', 'COMPLETED there', 'COMPLETED copy.png']);
    });

    test('ends when the first attempt has failed, which is no change of the job', async () => {
      const { store, jobs, id, states, ended } = await completed(true);
      await aSecondLater();
      await until(() => vi.getTimerCount() === 1);
      expect(states).toEqual(['QUEUED', 'COMPLETED there']);
      await store.rescheduleArchive(id, { at: NOON + HOUR, attempts: 1 });
      await aSecondLater();
      await ended;
      expect(states).toEqual(['QUEUED', 'COMPLETED there']);
      expect(versionsOf(await rest(await jobs.watch('ann', id, untilArchived)))).toHaveLength(1);
    });

    test('ends at once when no copy will be made', async () => {
      const { states, ended } = await completed(false);
      await ended;
      expect(states).toEqual(['QUEUED', 'COMPLETED there']);
    });

    test('ends when the job is deleted meanwhile', async () => {
      const { jobs, id, states, ended } = await completed(true);
      await jobs.delete('ann', id);
      await ended;
      expect(states).toEqual(['QUEUED', 'COMPLETED there']);
    });

    test('without it a follower waits for the copy for a second', async () => {
      const { jobs, id, ended, store } = await completed(true);
      const states = await jobs.watch('ann', id);
      expect((await states.next()).done).toBe(false);
      let isOver = false;
      const end = states.next().then(({ done }) => {
        isOver = done ?? false;
      });
      vi.advanceTimersByTime(999);
      await new Promise((resolve) => setImmediate(resolve));
      expect(isOver).toBe(false);
      vi.advanceTimersByTime(1);
      await end;
      expect(isOver).toBe(true);
      await store.rescheduleArchive(id, { at: null, attempts: 1 });
      await aSecondLater();
      await ended;
    });
  });

  test('follows many jobs at once, each by itself', async () => {
    const workshop = await openWorkshop();
    const many = await Promise.all(Array.from({ length: 50 }, () => workshop.create()));
    const followed = many.map(async (job) => rest(await workshop.jobs.watch('ann', job.id)));
    await until(() => workshop.bus.followedJobs().length === 50);
    await Promise.all(many.map((job) => workshop.jobs.cancel('ann', job.id)));
    for (const [i, states] of (await Promise.all(followed)).entries()) {
      expect(states.at(-1)).toMatchObject({ id: many[i]?.id, status: 'CANCELED' });
    }
  });
});

describe('watchAll', () => {
  test("gives every change of the tenant's own jobs from now on", async () => {
    const workshop = await openWorkshop();
    await workshop.create('ann');
    const states = await workshop.jobs.watchAll('ann');
    const ann = await workshop.create('ann');
    await workshop.create('bob');
    await workshop.jobs.cancel('ann', ann.id);
    const seen = [await states.next(), await states.next()].map(({ value }) => value as Job);
    expect(seen.map(({ id, version }) => [id, version])).toEqual([
      [ann.id, 1],
      [ann.id, 2],
    ]);
    const waiting = states.next();
    await states.return?.();
    expect((await waiting).done).toBe(true);
  });

  test('tells nothing of before it began, though the bus reminds of it', async () => {
    const { jobs, store, bus, create } = await openWorkshop();
    const before = await create('ann');
    const states = await jobs.watchAll('ann');
    bus.remindTenant('ann', { id: before.id, place: await store.lastChange(), job: before });
    const job = await create('ann');
    bus.remindTenant('ann', { id: job.id, place: await store.lastChange(), job });
    expect((await states.next()).value).toEqual(job);
    await states.return?.();
  });

  test('remembers ten thousand jobs, and forgets the one that changed the longest ago', async () => {
    const { jobs, bus, create } = await openWorkshop();
    const [first, second] = [await create('ann'), await create('ann')];
    const states = await jobs.watchAll('ann');
    const hear = async (job: Job): Promise<void> => {
      bus.publish(job);
      expect((await states.next()).value).toBe(job);
    };
    const changed = { ...first, version: 2 };
    for (const job of [first, second, changed]) await hear(job);
    for (let nth = 0; nth < 9999; nth += 1) await hear({ ...first, id: `${nth}` });
    // It is still remembered.
    bus.publish(changed);
    await hear(second);
    await states.return?.();
  });

  test('reads what the signals do not carry', async () => {
    const workshop = await openWorkshop({ wrapBus: (bus) => withMethods(bus, { ...carryingNoState(bus) }) });
    const states = await workshop.jobs.watchAll('ann');
    const job = await workshop.create('ann');
    expect((await states.next()).value).toEqual(job);
    await states.return?.();
  });

  test('reads each of them once, however many follow, and serves those who stay when others leave', async () => {
    let reads = 0;
    const workshop = await openWorkshop({
      wrapBus: (bus) => withMethods(bus, { ...carryingNoState(bus) }),
      wrapStore: (store) =>
        withMethods(store, {
          get: (id) => {
            reads += 1;
            return store.get(id);
          },
        }),
    });
    const all = await Promise.all([1, 2, 3].map(() => workshop.jobs.watchAll('ann')));
    const job = await workshop.create('ann');
    expect(await Promise.all(all.map((states) => states.next()))).toEqual(
      all.map(() => ({ value: job, done: false })),
    );
    expect(reads).toBe(1);
    const [first, second, third] = all;
    await first?.return?.();
    const other = await workshop.create('ann');
    expect((await second?.next())?.value).toEqual(other);
    for (const states of [second, third]) await states?.return?.();
    expect(workshop.bus.followedTenants()).toEqual([]);
  });

  test.each<[string, (bus: JobBus) => object]>([
    ['with its state', () => ({})],
    ['without it', carryingNoState],
  ])("tells nothing of another tenant's job that the bus brings, %s", async (_what, wrap) => {
    const workshop = await openWorkshop({
      wrapBus: (bus) => {
        const wrapped = withMethods(bus, wrap(bus));
        // Delivers bob's signals to ann's listeners too.
        return withMethods(wrapped, {
          followTenant: async (tenant, listener) => {
            const leave = [
              await wrapped.followTenant('bob', listener),
              await wrapped.followTenant(tenant, listener),
            ];
            return () => {
              for (const step of leave) step();
            };
          },
        });
      },
    });
    const states = await workshop.jobs.watchAll('ann');
    const bob = await workshop.create('bob');
    await workshop.jobs.cancel('bob', bob.id);
    const ann = await workshop.create('ann');
    expect((await states.next()).value).toMatchObject({ id: ann.id, tenant: 'ann' });
    await states.return?.();
  });

  test('outlasts a database that cannot be read, and then gives what changed meanwhile', async () => {
    const outage = new Outage();
    const workshop = await openWorkshop({ wrapBus: bare, wrapStore: (store) => outage.over(store) });
    const jobs = await Promise.all(Array.from({ length: 20 }, () => workshop.create('ann')));
    const states = await workshop.jobs.watchAll('ann');
    outage.begin(new GatewayError('STORE_UNAVAILABLE', 'away'));
    for (const job of jobs) workshop.bus.publish({ ...job, version: 2 });
    await outage.felt(10);
    outage.end();
    const seen = new Set<string>();
    while (seen.size < jobs.length) seen.add(((await states.next()).value as Job).id);
    expect([...seen].sort()).toEqual(jobs.map(({ id }) => id).sort());
    await states.return?.();
  });

  test('holds a bounded number of states for one who does not keep up', async () => {
    const { jobs, bus, create } = await openWorkshop();
    const states = await jobs.watchAll('ann');
    const job = await create();
    for (let i = 0; i < 3000; i++) bus.publish({ ...job, version: i + 2 });
    const first = (await states.next()).value as Job;
    expect(first.version).toBeGreaterThan(1000);
    await states.return?.();
  });
});

/** Makes reads of single jobs fail. */
class Outage {
  readonly #reads: string[] = [];
  #reason: Error | null = null;

  over(store: JobStore): JobStore {
    return withMethods(store, {
      get: (id) => {
        this.#reads.push(id);
        return this.#reason === null ? store.get(id) : Promise.reject(this.#reason);
      },
    });
  }

  begin(reason: Error): void {
    // The retry waits for a random part of its backoff.
    vi.spyOn(Math, 'random').mockReturnValue(0.001);
    this.#reason = reason;
    this.#reads.length = 0;
  }

  /** Resolves when this many reads have failed. */
  felt(reads: number): Promise<void> {
    return until(() => this.#reads.length >= reads);
  }

  readsOf({ id }: Job): number {
    return this.#reads.filter((read) => read === id).length;
  }

  end(): void {
    this.#reason = null;
  }
}

/** Counts how often a job is read. */
class ReadCounter {
  reads = 0;

  over(store: JobStore): JobStore {
    return withMethods(store, {
      get: (id) => {
        this.reads += 1;
        return store.get(id);
      },
    });
  }
}

const bare = (bus: JobBus): JobBus => withMethods(bus, { ...carryingNoState(bus) });

/** A bus whose signals only say that something has changed. */
function carryingNoState(bus: JobBus): Pick<JobBus, 'followJob' | 'followTenant'> {
  const bare =
    (listener: JobListener): JobListener =>
    (signal) =>
      listener({ ...signal, job: null });
  return {
    followJob: (id, listener) => bus.followJob(id, bare(listener)),
    followTenant: (tenant, listener) => bus.followTenant(tenant, bare(listener)),
  };
}

/** Loses, doubles, delays and strips signals, seeded; `gap` reports the loss. */
class UnreliableBus {
  readonly #gaps = new Set<() => void>();
  readonly #late: (() => void)[] = [];
  #random: number;

  constructor(seed: number) {
    this.#random = seed;
  }

  get gapListeners(): number {
    return this.#gaps.size;
  }

  gap(): void {
    for (const send of this.#late.splice(0).reverse()) send();
    for (const listener of [...this.#gaps]) listener();
  }

  over(bus: JobBus): JobBus {
    return withMethods(bus, {
      followJob: (id, listener) => bus.followJob(id, (signal) => this.#mistreat(signal, listener)),
      onGap: (listener) => {
        this.#gaps.add(listener);
        return () => this.#gaps.delete(listener);
      },
    });
  }

  #mistreat(signal: JobSignal, listener: JobListener): void {
    // A reminder is created on this instance from the store, so it cannot be lost in transit.
    if (signal.isReminder) {
      listener(signal);
      return;
    }
    const kept = this.#next() < 0.5 ? signal : { ...signal, job: null };
    const fate = this.#next();
    if (fate < 0.3) return;
    if (fate < 0.6) this.#late.push(() => listener(kept));
    else listener(kept);
    if (fate > 0.8) listener(kept);
  }

  /** Park and Miller's generator, determined by the seed. */
  #next(): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }
}
