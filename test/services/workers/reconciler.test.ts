import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { AkoolCallError } from '../../../src/services/akool/call-error.js';
import type { Job } from '../../../src/services/jobs/job.js';
import type { Reconciler } from '../../../src/services/workers/reconciler.js';
import { Gate, until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { HOUR, historyOf, NOON, request } from '../../support/samples.js';
import { openWorkshop, resultOf, type Workshop } from '../../support/workshop.js';

const URL = 'https://cdn.example/result.png';
const unreachable = () => Promise.reject(new AkoolCallError('UNREACHABLE', 'no connection'));

/** Runs until aborted, like a call to an Akool that does not answer. */
async function untilStopped(_: unknown, signal: AbortSignal | undefined): Promise<never> {
  if (signal?.aborted === false) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  throw new AkoolCallError('UNREACHABLE', 'stopped');
}

async function isIn(workshop: Workshop, job: Job, status: string): Promise<void> {
  await until(async () => (await workshop.get(job)).status === status);
}

/** Resolves when this many polls were made and the outcome of the last one is on disk. */
async function asks(reconciler: Reconciler, { akool }: Workshop, count: number): Promise<void> {
  reconciler.start();
  reconciler.wake();
  await until(() => akool.questions.length === count);
  await reconciler.pass();
}

describe('a job that is silent', () => {
  test('is asked about when its time has come, and the answer is a change like any other', async () => {
    const workshop = await openWorkshop();
    const { akool, clock, store } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = async () => [resultOf('p1', 3, URL)];
    const reconciler = workshop.reconciler();
    clock.advance(29_999);
    reconciler.start();
    await reconciler.pass();
    expect(akool.questions).toEqual([]);
    clock.advance(1);
    reconciler.wake();
    await isIn(workshop, job, 'COMPLETED');
    expect((await workshop.get(job)).result).toMatchObject({
      providerUrl: URL,
      providerUrlExpiresAt: NOON + 7 * 24 * HOUR,
    });
    expect((await historyOf(store, job.id)).at(-1)).toMatchObject({ status: 'COMPLETED', source: 'POLL' });
    expect(akool.questions).toEqual([['p1']]);
  });

  test('is asked about together with at most 49 others', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    for (let i = 0; i < 120; i++) await workshop.create();
    const leased = await workshop.jobs.lease(120, 3 * HOUR);
    await Promise.all(
      leased.map((job, i) =>
        workshop.jobs.apply(job.id, {
          type: 'accepted',
          at: NOON,
          pollAt: NOON,
          providerId: `p${i}`,
          providerJobId: null,
        }),
      ),
    );
    akool.onResults = async (ids) => ids.map((id) => resultOf(id, 3, URL));
    clock.advance(1);
    workshop.reconciler().start();
    await until(async () => (await workshop.store.slots(NOON)).used === 0);
    expect(akool.questions.map(({ length }) => length)).toEqual([50, 50, 20]);
    expect(new Set(akool.questions.flat()).size).toBe(120);
  });

  test('of which Akool has nothing new is asked about again later, at a whole millisecond', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.atProvider('p1');
    workshop.akool.onResults = async () => [resultOf('p1', 1)];
    workshop.clock.advance(30_000);
    workshop.reconciler().start();
    await until(async () => ((await workshop.get(job)).pollAt ?? 0) > NOON + 30_000);
    const { pollAt, version } = await workshop.get(job);
    expect(version).toBe(job.version);
    expect(pollAt).toBeGreaterThanOrEqual(NOON + 30_000 + 24_000);
    expect(pollAt).toBeLessThanOrEqual(NOON + 30_000 + 36_001);
    expect(Number.isInteger(pollAt)).toBe(true);
  });

  test('is not asked about more often than it was said that silence may last', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.atProvider('p1');
    workshop.clock.advance(30_000);
    workshop.reconciler({ pollAfterMs: 600_000 }).start();
    await until(() => workshop.akool.questions.length === 1);
    await until(async () => ((await workshop.get(job)).pollAt ?? 0) > NOON + 30_000);
    expect((await workshop.get(job)).pollAt).toBeGreaterThanOrEqual(NOON + 30_000 + 480_000);
  });

  test('stays as it is while Akool can not be asked, and is asked about later', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.atProvider('p1');
    workshop.akool.onResults = unreachable;
    workshop.clock.advance(30_000);
    workshop.reconciler().start();
    await until(() => workshop.akool.questions.length === 1);
    await until(async () => ((await workshop.get(job)).pollAt ?? 0) > NOON + 30_000);
    expect(await workshop.get(job)).toMatchObject({ status: 'QUEUED', version: job.version });
  });

  test('is asked about less and less often, but every minute, and not just when others are', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    onTestFinished(() => random.mockRestore());
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    const reconciler = workshop.reconciler();
    const pauseAt = async (age: number): Promise<number> => {
      clock.advance(NOON + age - clock.now());
      await asks(reconciler, workshop, akool.questions.length + 1);
      return ((await workshop.get(job)).pollAt ?? 0) - clock.now();
    };
    expect(await pauseAt(30_000)).toBe(30_000);
    expect(await pauseAt(400_000)).toBe(50_000);
    expect(await pauseAt(HOUR)).toBe(60_000);
    random.mockReturnValue(0);
    expect(await pauseAt(2 * HOUR)).toBe(48_000);
    random.mockReturnValue(1);
    expect(await pauseAt(2 * HOUR + 60_000)).toBe(72_000);
  });

  test('is asked about later after each question that failed, and as usual after one that was answered', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    onTestFinished(() => random.mockRestore());
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    const reconciler = workshop.reconciler();
    const pauses: number[] = [];
    let pollAt = NOON + 30_000;
    for (const answer of [unreachable, unreachable, async () => [], unreachable]) {
      akool.onResults = answer;
      clock.advance(pollAt - clock.now());
      await asks(reconciler, workshop, akool.questions.length + 1);
      pollAt = (await workshop.get(job)).pollAt ?? 0;
      pauses.push(pollAt - clock.now());
    }
    expect(pauses).toEqual([45_000, 60_000, 30_000, 45_000]);
  });

  test.each(['ftp://x/y', 'javascript:alert(1)', 'none'])(
    'fails at once by a success whose address can not be used: %j',
    async (url) => {
      const workshop = await openWorkshop();
      const job = await workshop.atProvider('p1');
      workshop.akool.onResults = async () => [resultOf('p1', 3, url)];
      workshop.clock.advance(30_000);
      workshop.reconciler().start();
      await isIn(workshop, job, 'FAILED');
      expect((await workshop.get(job)).error).toMatchObject({ code: 'RESULT_UNUSABLE', retryable: false });
      expect((await workshop.store.slots(workshop.clock.now())).used).toBe(0);
    },
  );

  test('waits some minutes for an address that Akool does not give yet, and is completed by it', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = async () => [resultOf('p1', 3)];
    const reconciler = workshop.reconciler();
    clock.advance(30_000);
    await asks(reconciler, workshop, 1);
    clock.advance(4 * 60_000);
    await asks(reconciler, workshop, 2);
    expect((await workshop.get(job)).status).toBe('QUEUED');
    akool.onResults = async () => [resultOf('p1', 3, URL)];
    clock.advance(2 * 60_000);
    reconciler.wake();
    await isIn(workshop, job, 'COMPLETED');
  });

  test('fails as RESULT_UNUSABLE when Akool gives no address for long, also at its deadline', async () => {
    for (const [first, second] of [
      [30_000, 6 * 60_000],
      [3 * HOUR, 0],
    ] as const) {
      const workshop = await openWorkshop();
      const { akool, clock } = workshop;
      const job = await workshop.atProvider('p1');
      akool.onResults = async () => [resultOf('p1', 3)];
      const reconciler = workshop.reconciler();
      clock.advance(first);
      await asks(reconciler, workshop, 1);
      clock.advance(second);
      reconciler.wake();
      await isIn(workshop, job, 'FAILED');
      expect((await workshop.get(job)).error).toMatchObject({ code: 'RESULT_UNUSABLE' });
    }
  });

  test("that failed keeps Akool's reason, without the address of its callback", async () => {
    const workshop = await openWorkshop();
    const job = await workshop.atProvider('p1');
    const { callbackToken } = job;
    const reason = `no face; told https://gateway.example/webhooks/akool/${callbackToken} or ${callbackToken}`;
    workshop.akool.onResults = async () => [resultOf('p1', 4, null, reason)];
    workshop.clock.advance(30_000);
    workshop.reconciler().start();
    await isIn(workshop, job, 'FAILED');
    const { error } = await workshop.get(job);
    expect(error?.message).toContain(
      '“no face; told https://gateway.example/webhooks/akool/[hidden] or [hidden]”',
    );
  });

  test('is asked about again at once when its webhook rang while it was asked about', async () => {
    const gate = new Gate();
    const workshop = await openWorkshop();
    const { akool, clock, store } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = async () => {
      if (akool.questions.length > 1) return [resultOf('p1', 3, URL)];
      // This answer predates the callback.
      await gate.pass();
      return [resultOf('p1', 2)];
    };
    clock.advance(30_000);
    const reconciler = workshop.reconciler();
    reconciler.start();
    await gate.arrived();
    await store.reschedulePolls([{ id: job.id, pollAt: clock.now() }]);
    reconciler.wake();
    gate.open();
    await isIn(workshop, job, 'COMPLETED');
    expect(akool.questions).toHaveLength(2);
  });
});

describe('a job past its deadline', () => {
  test('is asked about once more, and is completed if it is', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.atProvider('p1');
    workshop.akool.onResults = async () => [resultOf('p1', 3, URL)];
    workshop.clock.advance(5 * HOUR);
    workshop.reconciler().start();
    await isIn(workshop, job, 'COMPLETED');
    expect(workshop.akool.questions).toEqual([['p1']]);
  });

  test('fails when Akool still works on it, or has never heard of it', async () => {
    for (const answer of [[resultOf('p1', 2)], []]) {
      const workshop = await openWorkshop();
      const job = await workshop.atProvider('p1');
      workshop.akool.onResults = async () => answer;
      workshop.clock.advance(3 * HOUR);
      workshop.reconciler().start();
      await isIn(workshop, job, 'FAILED');
      expect((await workshop.get(job)).error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
  });

  test('that failed is asked about for seven days, less and less often, and completed by what is found', async () => {
    const workshop = await openWorkshop();
    const { akool, clock, store } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = async () => [resultOf('p1', 2)];
    const reconciler = workshop.reconciler();
    clock.advance(3 * HOUR);
    await asks(reconciler, workshop, 1);
    expect((await workshop.get(job)).status).toBe('FAILED');
    const pauses: number[] = [];
    for (;;) {
      const { pollAt } = await workshop.get(job);
      if (pollAt === null) break;
      pauses.push(pollAt - clock.now());
      clock.advance(pollAt - clock.now());
      await asks(reconciler, workshop, akool.questions.length + 1);
    }
    expect(pauses[0]).toBeGreaterThan(HOUR / 4);
    expect(pauses.at(-1)).toBeGreaterThan(12 * HOUR);
    expect(pauses.length).toBeLessThan(50);
    expect(clock.now() - NOON).toBeGreaterThan(7 * 24 * HOUR);

    const found = await workshop.atProvider('p2');
    akool.onResults = async (ids) => ids.map((id) => resultOf(id, 2));
    clock.advance(3 * HOUR);
    reconciler.wake();
    await isIn(workshop, found, 'FAILED');
    akool.onResults = async (ids) => ids.map((id) => resultOf(id, 3, URL));
    clock.advance(HOUR);
    reconciler.wake();
    await isIn(workshop, found, 'COMPLETED');
    expect((await historyOf(store, found.id)).at(-1)).toMatchObject({
      source: 'POLL',
      note: 'its result came after DEADLINE_EXCEEDED',
    });
  });

  test('is not asked about any more once Akool says that it failed', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    const reconciler = workshop.reconciler();
    clock.advance(3 * HOUR);
    await asks(reconciler, workshop, 1);
    akool.onResults = async () => [resultOf('p1', 4, null, 'no face')];
    clock.advance(HOUR);
    await asks(reconciler, workshop, 2);
    expect(await workshop.get(job)).toMatchObject({ status: 'FAILED', pollAt: null });
  });

  test('is spared for a while when Akool can not be asked, and fails then', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = unreachable;
    clock.advance(3 * HOUR);
    const reconciler = workshop.reconciler();
    reconciler.start();
    await reconciler.pass();
    expect(akool.questions.length).toBeGreaterThan(0);
    expect((await workshop.get(job)).status).toBe('QUEUED');
    clock.advance(10 * 60_000);
    reconciler.wake();
    await isIn(workshop, job, 'FAILED');
  });

  test('is spared as long when the gateway was down at its deadline', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = unreachable;
    clock.advance(10 * HOUR);
    const reconciler = workshop.reconciler();
    reconciler.start();
    await reconciler.pass();
    expect(akool.questions.length).toBeGreaterThan(0);
    expect((await workshop.get(job)).status).toBe('QUEUED');
    akool.onResults = async () => [resultOf('p1', 3, URL)];
    // Past the pause after a failed poll, but still spared.
    clock.advance(60_000);
    reconciler.wake();
    await isIn(workshop, job, 'COMPLETED');
  });

  test('is spared as long when the gateway stood still at its deadline', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    const reconciler = workshop.reconciler();
    reconciler.start();
    await reconciler.pass();
    akool.onResults = unreachable;
    clock.advance(10 * HOUR);
    await reconciler.pass();
    expect(akool.questions.length).toBeGreaterThan(0);
    expect((await workshop.get(job)).status).toBe('QUEUED');
    clock.advance(10 * 60_000);
    await reconciler.pass();
    expect((await workshop.get(job)).status).toBe('FAILED');
  });

  test('is not failed by a clock that turns out to have been set', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const [sent, waiting] = [await workshop.atProvider('p1'), await workshop.create()];
    clock.advance(30 * HOUR);
    clock.check = async () => clock.advance(NOON - clock.now());
    const reconciler = workshop.reconciler();
    reconciler.start();
    await reconciler.pass();
    expect(await workshop.statuses(sent, waiting)).toEqual(['QUEUED', 'WAITING']);
    expect(akool.questions).toEqual([]);
  });

  test('keeps its deadline as it is when that is moved while Akool is asked', async () => {
    const workshop = await openWorkshop();
    const { akool, clock, store } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = async () => {
      await store.readClock(() => ({ due: 4 * HOUR, strayPolls: 0, isNoted: true }));
      return [resultOf('p1', 2)];
    };
    clock.advance(30_000);
    const reconciler = workshop.reconciler();
    reconciler.start();
    await isIn(workshop, job, 'PROCESSING');
    expect((await workshop.get(job)).deadlineAt).toBe(job.deadlineAt + 4 * HOUR);
  });

  test('does not ask for the last time again at once, where that failed', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(1);
    onTestFinished(() => random.mockRestore());
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    await workshop.atProvider('p1');
    akool.onResults = unreachable;
    const reconciler = workshop.reconciler();
    clock.advance(3 * HOUR);
    reconciler.start();
    await reconciler.pass();
    const asked = akool.questions.length;
    clock.advance(29_999);
    await reconciler.pass();
    expect(akool.questions).toHaveLength(asked);
    clock.advance(1);
    await reconciler.pass();
    expect(akool.questions.length).toBeGreaterThan(asked);
  });

  test('does not fail when its deadline is moved before that is written', async () => {
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, { accountHold: () => later().then(() => store.accountHold()) }),
    });
    const { akool, clock, store } = workshop;
    const later = () => store.readClock(() => ({ due: 30 * HOUR, strayPolls: 0, isNoted: true }));
    const [sent, waiting] = [await workshop.atProvider('p1'), await workshop.create()];
    const reconciler = workshop.reconciler();
    reconciler.start();
    akool.onResults = async () => {
      await later();
      return [];
    };
    clock.advance(3 * HOUR);
    await reconciler.pass();
    expect(akool.questions.length).toBeGreaterThan(0);
    expect((await workshop.get(sent)).status).toBe('QUEUED');
    clock.advance((await workshop.get(waiting)).deadlineAt - clock.now());
    await reconciler.pass();
    expect((await workshop.get(waiting)).status).toBe('WAITING');
  });

  test('does not fail because the gateway stops during the last look', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = unreachable;
    const reconciler = workshop.reconciler();
    reconciler.start();
    clock.advance(10 * HOUR);
    akool.onResults = untilStopped;
    reconciler.wake();
    await until(() => akool.questions.length > 0);
    await reconciler.stop();
    expect((await workshop.get(job)).status).toBe('QUEUED');
  });

  test('that waits fails unsent, and says that nothing was billed', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    workshop.clock.advance(24 * HOUR);
    workshop.reconciler().start();
    await isIn(workshop, job, 'FAILED');
    const { error, attempts } = await workshop.get(job);
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: true });
    expect(error?.message).toContain('nothing was billed');
    expect(attempts).toBe(0);
    expect(workshop.akool.questions).toEqual([]);
  });

  test('that was tried says how often, and why it was not accepted the last time', async () => {
    const workshop = await openWorkshop();
    const { jobs, clock } = workshop;
    const job = await workshop.create();
    for (const reason of ['Akool is busy.', "Not sent: 127.0.0.1:9 can't be reached."]) {
      await jobs.lease(1, 3 * HOUR);
      const deadlineAt = NOON + 24 * HOUR;
      await jobs.apply(job.id, { type: 'not-accepted', at: NOON, retryAt: null, deadlineAt, reason });
    }
    await jobs.apply(job.id, { type: 'moved', at: NOON, position: 3 });
    clock.advance(24 * HOUR);
    workshop.reconciler().start();
    await isIn(workshop, job, 'FAILED');
    expect((await workshop.get(job)).error).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      retryable: true,
      message:
        "The job was tried 2 times and never accepted (the last time: Not sent: 127.0.0.1:9 can't be reached); nothing was billed. Submit it again.",
    });
  });

  test('that waits is never sent, though the dispatcher is quicker than the reconciler', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create();
    workshop.clock.advance(24 * HOUR);
    const dispatcher = workshop.dispatcher();
    dispatcher.start();
    await dispatcher.pass();
    expect(workshop.akool.submits).toEqual([]);
    expect((await workshop.get(job)).status).toBe('WAITING');
  });

  test('that is UNCONFIRMED fails as such, and says that it may have been billed', async () => {
    const workshop = await openWorkshop();
    const { jobs, clock } = workshop;
    const job = await workshop.create();
    await jobs.lease(1, 3 * HOUR);
    await jobs.apply(job.id, { type: 'unconfirmed', at: NOON, slotFreeAt: NOON + 1, reason: 'timeout' });
    const reconciler = workshop.reconciler();
    reconciler.start();
    clock.advance(3 * HOUR - 1);
    reconciler.wake();
    await reconciler.pass();
    expect((await workshop.get(job)).status).toBe('UNCONFIRMED');
    clock.advance(1);
    reconciler.wake();
    await isIn(workshop, job, 'FAILED');
    const { error } = await workshop.get(job);
    expect(error).toMatchObject({ code: 'SUBMIT_UNCONFIRMED', retryable: false });
    expect(error?.message).toContain('may have been billed');
  });
});

describe('a job that a dead dispatcher left behind', () => {
  test('is UNCONFIRMED and never sent again', async () => {
    const workshop = await openWorkshop();
    const { jobs, akool } = workshop;
    const left = await Promise.all(Array.from({ length: 150 }, () => workshop.create()));
    await jobs.lease(150, 3 * HOUR);
    await workshop.reconciler().takeOver(0);
    expect(new Set(await workshop.statuses(...left))).toEqual(new Set(['UNCONFIRMED']));
    const dispatcher = workshop.dispatcher();
    workshop.clock.advance(HOUR);
    dispatcher.start();
    await dispatcher.pass();
    expect(akool.submits).toEqual([]);
  });

  test('is taken over by itself after a while, and not before', async () => {
    const workshop = await openWorkshop();
    const { jobs, clock } = workshop;
    const job = await workshop.create();
    await jobs.lease(1, 3 * HOUR);
    const reconciler = workshop.reconciler();
    clock.advance(59_999);
    reconciler.start();
    await reconciler.pass();
    expect((await workshop.get(job)).status).toBe('SUBMITTING');
    clock.advance(1);
    reconciler.wake();
    await isIn(workshop, job, 'UNCONFIRMED');
    expect((await workshop.get(job)).slotFreeAt).toBe(NOON + 60_000 + 600_000);
  });

  test('waits again when it surely was not sent, because its faces were still to be found', async () => {
    const workshop = await openWorkshop();
    const job = await workshop.create('ann', { request: { ...request, detectOpts: true } });
    workshop.clock.advance(HOUR);
    await workshop.jobs.lease(1, 3 * HOUR);
    await workshop.reconciler().takeOver(0);
    expect(await workshop.get(job)).toMatchObject({ status: 'WAITING', deadlineAt: job.deadlineAt });
  });

  test('is not sent again when its faces are found while it is being taken over', async () => {
    const gate = new Gate();
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          requests: async (ids) => {
            const requests = await store.requests(ids);
            await gate.pass();
            return requests;
          },
        }),
    });
    const { jobs } = workshop;
    const job = await workshop.create('ann', { request: { ...request, detectOpts: true } });
    await jobs.lease(1, 3 * HOUR);
    const takingOver = workshop.reconciler().takeOver(0);
    await gate.arrived();
    await jobs.apply(job.id, { type: 'prepared', at: NOON, request });
    gate.open();
    await takingOver;
    expect((await workshop.get(job)).status).toBe('UNCONFIRMED');
  });
});

describe('the reconciler', () => {
  test('stops twice, and ends a question under way', async () => {
    const workshop = await openWorkshop();
    const { akool, clock } = workshop;
    const job = await workshop.atProvider('p1');
    akool.onResults = untilStopped;
    clock.advance(30_000);
    const reconciler = workshop.reconciler();
    reconciler.start();
    await until(() => akool.questions.length === 1);
    await Promise.all([reconciler.stop(), reconciler.stop()]);
    expect((await workshop.get(job)).status).toBe('QUEUED');
  });
});
