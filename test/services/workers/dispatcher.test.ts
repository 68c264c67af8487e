import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { SubmitOutcome } from '../../../src/services/akool/akool-client.js';
import { AkoolCallError } from '../../../src/services/akool/call-error.js';
import { Gate, until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { face, HOUR, historyOf, NOON, refusal, request } from '../../support/samples.js';
import { acceptedAs, openWorkshop, type Workshop } from '../../support/workshop.js';

const NOT_ACCEPTED: SubmitOutcome = {
  kind: 'not-accepted',
  reason: 'too many',
  retryAfterMs: null,
};

const ACCOUNT_REFUSED: SubmitOutcome = { kind: 'account-refused', reason: 'ACCOUNT', error: refusal };

const PAGE = { limit: 1, direction: 'forward' } as const;

/** Sends all waiting jobs, and resolves when nothing is in flight any more. */
async function sendAll({ akool, ...workshop }: Workshop, outcome: SubmitOutcome): Promise<void> {
  akool.onSubmit = async () => outcome;
  const dispatcher = workshop.dispatcher();
  dispatcher.start();
  await dispatcher.pass();
  await dispatcher.stop();
}

describe('what comes back from Akool', () => {
  test('accepted: the job is QUEUED with its ids, and is asked about after a silence', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    await sendAll(workshop, acceptedAs('p9'));
    expect(await workshop.get(job)).toMatchObject({
      status: 'QUEUED',
      providerId: 'p9',
      providerJobId: 'job-p9',
      attempts: 1,
      sentAt: NOON,
      deadlineAt: NOON + 3 * HOUR,
      pollAt: NOON + 30_000,
    });
  });

  test('refused: the job is FAILED with the reason', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    await sendAll(workshop, { kind: 'refused', error: refusal });
    expect(await workshop.get(job)).toMatchObject({ status: 'FAILED', error: refusal, attempts: 1 });
  });

  test('surely not accepted: the job waits again, until the end of its time to wait', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    workshop.clock.advance(HOUR);
    await sendAll(workshop, NOT_ACCEPTED);
    expect(await workshop.get(job)).toMatchObject({
      status: 'WAITING',
      attempts: 1,
      deadlineAt: NOON + 24 * HOUR,
    });
    expect((await workshop.store.slots(NOON)).used).toBe(0);
  });

  test("refused for the account's sake: the job waits again, until the end of its time to wait", async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    workshop.clock.advance(HOUR);
    await sendAll(workshop, ACCOUNT_REFUSED);
    expect(await workshop.get(job)).toMatchObject({
      status: 'WAITING',
      attempts: 1,
      deadlineAt: NOON + 24 * HOUR,
    });
    expect((await workshop.store.accountHold())?.reason).toBe('ACCOUNT');
  });

  test('unknown: the job is UNCONFIRMED, is not sent again, and keeps its slot for a time', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    await sendAll(workshop, { kind: 'unknown', reason: 'timeout' });
    expect(await workshop.get(job)).toMatchObject({ status: 'UNCONFIRMED', slotFreeAt: NOON + 600_000 });
    workshop.clock.advance(2 * HOUR);
    await sendAll(workshop, acceptedAs('p1'));
    expect(workshop.akool.submits).toHaveLength(1);
  });
});

describe('the dispatcher', () => {
  test('sends each job once, never more at a time than there are slots, however often it is woken', async () => {
    const workshop = await openWorkshop();
    const { akool, jobs, clock } = workshop;
    let inFlight = 0;
    let most = 0;
    akool.onSubmit = async (nth) => {
      inFlight += 1;
      most = Math.max(most, inFlight, (await workshop.store.slots(NOON)).used);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      return acceptedAs(`p${nth}`);
    };
    // Each job ends as soon as it is accepted, so that its slot is free for the next.
    const forget = jobs.onChange((job) => {
      if (job.status === 'QUEUED') {
        void jobs.apply(job.id, { type: 'expired', at: clock.now(), error: refusal });
      }
    });
    const dispatcher = workshop.dispatcher({ maxConcurrency: 3 });
    dispatcher.start();
    const created = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const job = await workshop.create(`tenant-${i % 4}`);
        void dispatcher.pass();
        return job;
      }),
    );
    await until(async () => (await workshop.statuses(...created)).every((status) => status === 'FAILED'));
    forget();
    expect(akool.submits).toHaveLength(60);
    expect(new Set(akool.submits).size).toBe(60);
    expect(most).toBeLessThanOrEqual(3);
  });

  test('that shares the store with others sends no job twice', async () => {
    const workshop = await openWorkshop();
    const dispatchers = Array.from({ length: 4 }, () => workshop.dispatcher({ maxConcurrency: 30 }));
    const created = await Promise.all(Array.from({ length: 30 }, () => workshop.create()));
    for (const dispatcher of dispatchers) dispatcher.start();
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.pass()));
    await until(async () => (await workshop.statuses(...created)).every((status) => status === 'QUEUED'));
    expect([...workshop.akool.submits].sort()).toEqual(created.map(({ id }) => id).sort());
  });

  test('sends by itself when a job comes and when a slot becomes free', async () => {
    // Timers are faked, so it sends only when woken.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const workshop = await openWorkshop();
    const dispatcher = workshop.dispatcher({ maxConcurrency: 1 });
    dispatcher.start();
    const first = await workshop.create();
    const second = await workshop.create();
    await until(async () => (await workshop.get(first)).status === 'QUEUED');
    await dispatcher.pass();
    expect((await workshop.get(second)).status).toBe('WAITING');
    await workshop.jobs.apply(first.id, { type: 'expired', at: NOON, error: refusal });
    await until(async () => (await workshop.get(second)).status === 'QUEUED');
    expect(workshop.akool.submits).toEqual([first.id, second.id]);
  });

  test('tells Akool each job the address of its own webhook', async () => {
    const workshop = await openWorkshop();
    const dispatcher = workshop.dispatcher({ callbackUrl: (job) => `https://us/${job.callbackToken}` });
    const job = await workshop.create();
    dispatcher.start();
    await until(() => workshop.akool.submits.length === 1);
    expect(workshop.akool.submits).toEqual([`https://us/${job.callbackToken}`]);
  });

  test('pauses as long as Akool says when it is too much, for all jobs', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    akool.onSubmit = async (nth) =>
      nth === 1 ? { ...NOT_ACCEPTED, retryAfterMs: 60_000 } : acceptedAs(`p${nth}`);
    const dispatcher = workshop.dispatcher({ maxConcurrency: 1 });
    const first = await workshop.create();
    const second = await workshop.create();
    dispatcher.start();
    await until(async () => (await workshop.get(first)).version === 3);
    await dispatcher.pass();
    clock.advance(59_999);
    await dispatcher.pass();
    expect(akool.submits).toHaveLength(1);
    expect(await workshop.statuses(first, second)).toEqual(['WAITING', 'WAITING']);
    clock.advance(1);
    await dispatcher.pass();
    await until(async () => (await workshop.get(first)).status === 'QUEUED');
    expect(akool.submits).toEqual([first.id, first.id]);
  });

  test.each<[string, SubmitOutcome]>([
    ['accepted', acceptedAs('p1')],
    ['refused', { kind: 'refused', error: refusal }],
    ["refused for the account's sake", ACCOUNT_REFUSED],
  ])(
    'pauses longer each time that it is too much, and as at first after one that is %s',
    async (_, other) => {
      const random = vi.spyOn(Math, 'random').mockReturnValue(1);
      onTestFinished(() => random.mockRestore());
      const workshop = await openWorkshop();
      const { akool, clock, jobs, holds } = workshop;
      const pauses: number[] = [];
      jobs.onChange(({ status, retryAt, announcedHold }) => {
        if (status === 'WAITING' && retryAt !== null && announcedHold === null)
          pauses.push(retryAt - clock.now());
      });
      const dispatcher = workshop.dispatcher();
      dispatcher.start();
      for (const outcome of [NOT_ACCEPTED, NOT_ACCEPTED, NOT_ACCEPTED, other, NOT_ACCEPTED]) {
        akool.onSubmit = async () => outcome;
        clock.advance(HOUR);
        const sent = akool.submits.length;
        await holds.change(() => null);
        if ((await jobs.slots()).waiting === 0) await workshop.create();
        await dispatcher.pass();
        await until(() => akool.submits.length > sent);
        await until(async () => (await jobs.list('ann', { status: ['SUBMITTING'] }, PAGE)).jobs.length === 0);
      }
      expect(pauses).toEqual([500, 1000, 2000, 500]);
    },
  );

  test('lets calls in flight end when it stops, and takes no more', async () => {
    const gate = new Gate();
    const workshop = await openWorkshop();
    workshop.akool.onSubmit = async () => {
      await gate.pass();
      return acceptedAs('p1');
    };
    const dispatcher = workshop.dispatcher({ maxConcurrency: 1 });
    const first = await workshop.create();
    const second = await workshop.create();
    dispatcher.start();
    await gate.arrived();
    const stopped = Promise.all([dispatcher.stop(), dispatcher.stop()]);
    gate.open();
    await stopped;
    await dispatcher.pass();
    expect(await workshop.statuses(first, second)).toEqual(['QUEUED', 'WAITING']);
  });

  test('ends calls that outlast the draining, and their jobs are UNCONFIRMED', async () => {
    const workshop = await openWorkshop();
    workshop.akool.onSubmit = (_, signal) =>
      new Promise((resolve) =>
        signal?.addEventListener('abort', () => resolve({ kind: 'unknown', reason: 'stopped' })),
      );
    const dispatcher = workshop.dispatcher({ drainMs: 5 });
    const job = await workshop.create();
    dispatcher.start();
    await until(() => workshop.akool.submits.length === 1);
    await dispatcher.stop();
    expect((await workshop.get(job)).status).toBe('UNCONFIRMED');
  });

  test('sends nothing of a lease that the store confirmed very late: its jobs wait again', async () => {
    const timer = vi.spyOn(performance, 'now');
    onTestFinished(() => timer.mockRestore());
    let wasAway = false;
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          lease: async (...args) => {
            const leased = await store.lease(...args);
            if (leased.length === 0 || wasAway) return leased;
            wasAway = true;
            timer.mockReturnValueOnce(performance.now() + 20_000);
            return leased;
          },
        }),
    });
    const dispatcher = workshop.dispatcher();
    const job = await workshop.create();
    workshop.clock.advance(HOUR);
    const deadlines: number[] = [];
    workshop.jobs.onChange(({ status, deadlineAt }) => {
      if (status === 'WAITING') deadlines.push(deadlineAt);
    });
    dispatcher.start();
    await until(() => workshop.akool.submits.length === 1);
    await until(async () => (await workshop.get(job)).status === 'QUEUED');
    expect(deadlines).toEqual([job.deadlineAt]);
    const notes = (await historyOf(workshop.store, job.id)).map(({ status, note }) => [status, note]);
    expect(notes).toEqual([
      ['WAITING', null],
      ['SUBMITTING', null],
      ['WAITING', 'not sent: the database was away'],
      ['SUBMITTING', 'try 2'],
      ['QUEUED', null],
    ]);
  });

  test('goes on while an outcome can not be recorded, records it later, and sends nothing twice', async () => {
    let failing: string | null = null;
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          save: (change) =>
            change.job.id === failing && change.job.status === 'QUEUED'
              ? Promise.reject(new Error('disk'))
              : store.save(change),
        }),
    });
    const dispatcher = workshop.dispatcher();
    const first = await workshop.create();
    failing = first.id;
    dispatcher.start();
    await until(() => workshop.akool.submits.length === 1);
    const second = await workshop.create();
    await until(async () => (await workshop.get(second)).status === 'QUEUED');
    expect(await workshop.get(first)).toMatchObject({ status: 'SUBMITTING', attempts: 1 });
    failing = null;
    await until(async () => (await workshop.get(first)).status === 'QUEUED');
    expect(await workshop.get(first)).toMatchObject({ attempts: 1, version: 3 });
    expect(workshop.akool.submits).toHaveLength(2);
  });
});

test('pauses once for an answer that is recorded late', async () => {
  let failures = 0;
  let isAway = true;
  const workshop = await openWorkshop({
    wrapStore: (store) =>
      withMethods(store, {
        save: (change) => {
          if (!isAway) return store.save(change);
          failures += 1;
          return Promise.reject(new Error('away'));
        },
      }),
  });
  const { akool, clock } = workshop;
  akool.onSubmit = async () => ({ ...NOT_ACCEPTED, retryAfterMs: 60_000 });
  const dispatcher = workshop.dispatcher();
  const job = await workshop.create();
  dispatcher.start();
  await until(() => failures >= 1);
  clock.advance(59_000);
  await until(() => failures >= 2);
  isAway = false;
  await until(async () => (await workshop.get(job)).status === 'WAITING');
  expect(dispatcher.isPausing).toBe(true);
  clock.advance(1001);
  expect(dispatcher.isPausing).toBe(false);
  await dispatcher.stop();
});

test('a job whose request cannot be read is not sent, and waits to be sent later', async () => {
  let isAway = true;
  const workshop = await openWorkshop({
    wrapStore: (store) =>
      withMethods(store, {
        requests: (ids) => (isAway ? Promise.reject(new Error('away')) : store.requests(ids)),
      }),
  });
  const { akool, clock } = workshop;
  const job = await workshop.create();
  clock.advance(HOUR);
  const dispatcher = workshop.dispatcher();
  dispatcher.start();
  await until(async () => (await workshop.get(job)).retryAt !== null);
  expect((await workshop.get(job)).deadlineAt).toBe(job.deadlineAt);
  expect(await historyOf(workshop.store, job.id)).toMatchObject([
    { status: 'WAITING' },
    { status: 'SUBMITTING' },
    { status: 'WAITING', note: 'not sent: its request could not be read' },
  ]);
  expect(akool.submits).toEqual([]);
  isAway = false;
  clock.advance(60_000);
  await dispatcher.pass();
  await until(async () => (await workshop.get(job)).status === 'QUEUED');
  await dispatcher.stop();
  expect(akool.submits).toEqual([job.id]);
});

describe('a job whose faces are to be found first', () => {
  const lacking = { ...request, detectOpts: true };
  const found = { ...face, opts: '1,1:2,2:3,3:4,4' };

  test('is sent once, though it took so long that it was taken over and given to another try', async () => {
    const gate = new Gate();
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    akool.onDetect = async () => {
      await gate.pass();
      return [{ index: 0, timeSeconds: null, faces: [found] }];
    };
    const dispatcher = workshop.dispatcher();
    const job = await workshop.create('ann', { request: lacking });
    dispatcher.start();
    await gate.arrived();
    clock.advance(120_000);
    await workshop.reconciler().takeOver(60_000);
    await until(async () => (await workshop.get(job)).attempts === 2);
    gate.open();
    await until(async () => (await workshop.get(job)).status === 'QUEUED');
    await dispatcher.stop();
    expect(akool.submits).toEqual([job.id]);
    expect(await workshop.get(job)).toMatchObject({ status: 'QUEUED', providerId: 'p1', attempts: 2 });
  });

  test('waits again, unsent, if they could not be stored', async () => {
    let failures = 1;
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          save: (change) => {
            if (change.request === null || failures === 0) return store.save(change);
            failures -= 1;
            return Promise.reject(new Error('the database is away'));
          },
        }),
    });
    const { akool, clock } = workshop;
    akool.onDetect = async () => [{ index: 0, timeSeconds: null, faces: [found] }];
    const dispatcher = workshop.dispatcher();
    const job = await workshop.create('ann', { request: lacking });
    dispatcher.start();
    await until(async () => (await workshop.get(job)).attempts === 1);
    await until(async () => (await workshop.get(job)).status !== 'SUBMITTING');
    expect(await workshop.get(job)).toMatchObject({ status: 'WAITING', slotFreeAt: null });
    expect(akool.submits).toEqual([]);
    clock.advance(60_000);
    await dispatcher.pass();
    await until(async () => (await workshop.get(job)).status === 'QUEUED');
    await dispatcher.stop();
    expect(akool.submits).toEqual([job.id]);
  });

  test('fails after ten looks at which Akool gave none, and not for those at which it could not be asked', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const reachedFrom = 13;
    let looks = 0;
    akool.onDetect = async () => {
      looks += 1;
      throw new AkoolCallError(looks < reachedFrom ? 'UNREACHABLE' : 'TIMEOUT', 'gone');
    };
    const dispatcher = workshop.dispatcher();
    const job = await workshop.create('ann', { request: lacking });
    dispatcher.start();
    const afterLooks = async (more: number): Promise<string> => {
      for (let i = 0; i < more; i += 1) {
        clock.advance(120_000);
        await dispatcher.pass();
        await until(async () => (await workshop.get(job)).status !== 'SUBMITTING');
      }
      return (await workshop.get(job)).status;
    };
    expect(await afterLooks(reachedFrom + 7)).toBe('WAITING');
    expect(await afterLooks(2)).toBe('FAILED');
    expect((await workshop.get(job)).error).toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringContaining('10 times'),
    });
    expect(akool.submits).toEqual([]);
    await dispatcher.stop();
  });

  test('is not given up by a try that was taken over and has failed since', async () => {
    const gate = new Gate();
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    let lookups = 0;
    akool.onDetect = async () => {
      lookups += 1;
      if (lookups > 1) return [{ index: 0, timeSeconds: null, faces: [found] }];
      await gate.pass();
      throw new AkoolCallError('UNREACHABLE', 'gone');
    };
    const submitting = new Gate();
    akool.onSubmit = async (nth) => {
      await submitting.pass();
      return acceptedAs(`p${nth}`);
    };
    const [slow, quick] = [workshop.dispatcher(), workshop.dispatcher()];
    const job = await workshop.create('ann', { request: lacking });
    slow.start();
    await gate.arrived();
    const stopped = slow.stop();
    clock.advance(120_000);
    await workshop.reconciler().takeOver(60_000);
    quick.start();
    await submitting.arrived();
    gate.open();
    await stopped;
    await quick.pass();
    expect((await workshop.get(job)).status).toBe('SUBMITTING');
    submitting.open();
    await quick.stop();
    expect(akool.submits).toEqual([job.id]);
    expect((await workshop.get(job)).status).toBe('QUEUED');
  });
});
