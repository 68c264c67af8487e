import { describe, expect, onTestFinished, test } from 'vitest';
import { afterRefusal } from '../../../src/services/jobs/account-hold.js';
import type { Job } from '../../../src/services/jobs/job.js';
import { QueuePositions } from '../../../src/services/workers/queue-positions.js';
import { until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { historyOf } from '../../support/samples.js';
import { log, openWorkshop, type WorkshopOptions } from '../../support/workshop.js';

async function openQueue(options: WorkshopOptions = {}) {
  let looks = 0;
  const workshop = await openWorkshop({
    ...options,
    wrapStore: (store) => {
      const wrapped = options.wrapStore?.(store) ?? store;
      return withMethods(wrapped, {
        queuePositions: (ids) => {
          looks += 1;
          return wrapped.queuePositions(ids);
        },
      });
    },
  });
  const positions = new QueuePositions({ ...workshop, log, everyMs: 5, lookEveryMs: 5000 });
  positions.start();
  positions.start();
  onTestFinished(() => positions.stop());
  /** Resolves when a read of the queue has begun after the change; earlier announcements are then on disk. */
  const lookedAtAfter = async (change: () => Promise<unknown>): Promise<void> => {
    const before = looks;
    await change();
    await until(() => looks > before);
  };
  return { ...workshop, positions, looks: () => looks, lookedAtAfter };
}

/** Follows a job as a subscription does, and records the positions. */
async function follow(
  jobs: { watch(tenant: string, id: string): Promise<AsyncIterableIterator<Job>> },
  job: Job,
) {
  const states = await jobs.watch(job.tenant, job.id);
  const told: (number | null)[] = [];
  const following = (async () => {
    for await (const { announcedPosition } of states) told.push(announcedPosition);
  })();
  return {
    told,
    leave: async () => {
      await states.return?.();
      await following;
    },
  };
}

describe('a follower of a waiting job', () => {
  test('is told how it moves up as those before it leave', async () => {
    const { jobs, create } = await openQueue();
    const queue = await Promise.all([create(), create(), create(), create()]);
    const last = queue[3] ?? (await create());
    const follower = await follow(jobs, last);
    for (const [i, job] of queue.slice(0, 3).entries()) {
      await jobs.cancel('ann', job.id);
      await until(() => follower.told.at(-1) === 3 - i);
    }
    expect(follower.told).toEqual([null, 3, 2, 1]);
    await follower.leave();
  });

  test('costs nothing when the queue did not move for it', async () => {
    const { jobs, create, get, lookedAtAfter } = await openQueue();
    const first = await create();
    const others = await Promise.all([create(), create(), create()]);
    const follower = await follow(jobs, first);
    for (const { id } of others) await lookedAtAfter(() => jobs.cancel('ann', id));
    expect(await get(first)).toMatchObject({ version: 2, announcedPosition: 1 });
    await follower.leave();
  });

  test('far back is told in strides', async () => {
    const { jobs, create, get, lookedAtAfter } = await openQueue();
    const queue: Job[] = [];
    for (let i = 0; i < 60; i++) queue.push(await create());
    const last = queue[59] ?? (await create());
    const follower = await follow(jobs, last);
    for (const job of queue.slice(0, 50)) await lookedAtAfter(() => jobs.cancel('ann', job.id));
    await until(async () => ((await get(last)).announcedPosition ?? 60) <= 11);
    expect(follower.told.length).toBeLessThan(35);
    expect(follower.told.slice(1)).toEqual([...follower.told.slice(1)].sort((a, b) => (b ?? 0) - (a ?? 0)));
    await follower.leave();
  });
});

describe("a follower of a tenant's changes", () => {
  test('is told of the moves of its first hundred waiting jobs, which are not stored', async () => {
    const { jobs, create, get } = await openQueue();
    const ahead = await Promise.all(Array.from({ length: 12 }, () => create('bob')));
    const own = await Promise.all(Array.from({ length: 102 }, () => create('ann')));
    const news = await jobs.watchChanges('ann', 'now');
    expect((await news.next()).value).toMatchObject({ kind: 'CURRENT' });
    await Promise.all(ahead.map(({ id }) => jobs.cancel('bob', id)));
    const order = [...(await jobs.queuePositions(own.map(({ id }) => id)))].sort(([, a], [, b]) => a - b);
    const wanted = new Map(order.slice(0, 100));
    const told = new Map<string, number>();
    const isRight = ([id, position]: [string, number]): boolean =>
      Math.abs((told.get(id) ?? Number.POSITIVE_INFINITY) - position) < Math.max(1, position / 10);
    while (![...wanted].every(isRight)) {
      const { kind, job, position } = (await news.next()).value;
      expect(kind).toBe('MOVED');
      told.set(job.id, position);
    }
    expect([...told.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const job of own) expect((await get(job)).version).toBe(1);
    await news.return?.();
  });
});

test("a follower of a tenant's changes is told of a new job that moved before anyone looked", async () => {
  const { jobs, create } = await openQueue();
  const first = await create('ann');
  const news = await jobs.watchChanges('ann', 'now');
  const second = await create('ann');
  await jobs.cancel('ann', first.id);
  const told: string[] = [];
  while (told.at(-1) !== 'MOVED 1') {
    const { kind, job, position } = (await news.next()).value;
    if (job?.id === second.id) told.push(kind === 'MOVED' ? `MOVED ${position}` : kind);
  }
  expect(told).toEqual(['CHANGED', 'MOVED 1']);
  await news.return?.();
});

describe('queue positions', () => {
  test('write nothing for jobs that nobody follows', async () => {
    const { jobs, create, get } = await openQueue();
    const [first, second] = await Promise.all([create(), create()]);
    const followed = await create('bob');
    const follower = await follow(jobs, followed);
    await jobs.cancel('ann', first.id);
    await until(() => follower.told.length === 2);
    expect((await get(second)).version).toBe(1);
    await follower.leave();
  });

  test('take many changes together', async () => {
    const { jobs, create, looks } = await openQueue();
    const queue = await Promise.all(Array.from({ length: 30 }, () => create()));
    const last = await create();
    const follower = await follow(jobs, last);
    await Promise.all(queue.map(({ id }) => jobs.cancel('ann', id)));
    await until(() => follower.told.at(-1) === 1);
    expect(looks()).toBeLessThan(15);
    await follower.leave();
  });

  test('go on after the store failed, and tell no more once they stopped', async () => {
    let fails = true;
    const { jobs, create, positions, get } = await openQueue({
      wrapStore: (store) =>
        withMethods(store, {
          queuePositions: (ids) => {
            if (!fails) return store.queuePositions(ids);
            fails = false;
            return Promise.reject(new Error('disk'));
          },
        }),
    });
    const [a, b, c, last] = await Promise.all([create(), create(), create(), create()]);
    const follower = await follow(jobs, last);
    await jobs.cancel('ann', a.id);
    await until(() => !fails);
    await jobs.cancel('ann', b.id);
    await until(() => follower.told.at(-1) === 2);
    await Promise.all([positions.stop(), positions.stop()]);
    await jobs.cancel('ann', c.id);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await get(last)).announcedPosition).toBe(2);
    await follower.leave();
  });

  test('is told once when a hold blocks dispatch and once when it ends; nobody else has a new version', async () => {
    const { jobs, store, create, get, holds, clock, positions } = await openQueue({
      acceptWhileBlocked: true,
    });
    const queue = [await create(), await create(), await create()];
    const [gone, followed, other] = queue;
    if (!gone || !followed || !other) throw new Error('three were created');
    const follower = await follow(jobs, followed);
    await jobs.cancel('ann', gone.id);
    await until(() => follower.told.length === 2);
    const refusal = {
      reason: 'ACCOUNT',
      error: REFUSED,
      pictures: 1,
      isTrial: false,
      at: clock.now(),
    } as const;
    await holds.change((before) => afterRefusal(before, refusal));
    const wake = async () => jobs.cancel('ann', (await create()).id);
    await wake();
    await until(() => follower.told.length === 3);
    await wake();
    await holds.change(() => null);
    await wake();
    await until(() => follower.told.length === 4);
    await positions.stop();
    const notes = (await historyOf(store, followed.id)).map(({ note }) => note);
    expect(notes).toEqual([null, 'position 1', 'ACCOUNT', 'dispatch resumed']);
    expect(await get(other)).toMatchObject({ version: 1 });
    await follower.leave();
  });
});

const REFUSED = { code: 'ACCOUNT_PROBLEM', message: 'x', providerCode: 1103, retryable: false } as const;
