import { describe, expect, onTestFinished, test } from 'vitest';
import type { Job } from '../../../src/services/jobs/job.js';
import type { JobBus } from '../../../src/services/jobs/job-bus.js';
import { CatchUp } from '../../../src/services/workers/catch-up.js';
import { withMethods } from '../../support/harness.js';
import { HOUR, refusal } from '../../support/samples.js';
import { log, openWorkshop, type WorkshopOptions } from '../../support/workshop.js';

/** A bus that receives nothing from others. */
const deaf = (bus: JobBus): JobBus => withMethods(bus, { publish: () => {} });

async function openDeaf(options: WorkshopOptions = {}) {
  const workshop = await openWorkshop({ wrapBus: deaf, ...options });
  const catchUp = new CatchUp({ ...workshop, log, everyMs: 5 });
  onTestFinished(() => catchUp.stop());
  return { ...workshop, catchUp };
}

async function rest(states: AsyncIterable<Job>): Promise<Job[]> {
  const all: Job[] = [];
  for await (const job of states) all.push(job);
  return all;
}

describe('catching up', () => {
  test('brings followers of a job what the bus lost, though there was no gap', async () => {
    const { jobs, create, catchUp } = await openDeaf();
    await catchUp.start();
    const many = await Promise.all(Array.from({ length: 600 }, () => create('ann')));
    const followed = await Promise.all(many.map(({ id }) => jobs.watch('ann', id)));
    await Promise.all(many.map(({ id }) => jobs.cancel('ann', id)));
    const lives = await Promise.all(followed.map(rest));
    expect(lives.map((life) => life.at(-1)?.status)).toEqual(many.map(() => 'CANCELED'));
  });

  test('ends the following of a job that is gone', async () => {
    const { jobs, store, create, catchUp } = await openDeaf();
    const job = await create('ann');
    const states = await jobs.watch('ann', job.id);
    await store.erase([job.id]);
    await catchUp.start();
    expect((await rest(states)).map(({ version }) => version)).toEqual([1]);
  });

  test("brings those who follow all of a tenant's jobs every change, once, and none of before", async () => {
    const { jobs, create, catchUp, clock } = await openDeaf();
    const [before, other] = [await create('ann'), await create('bob')];
    clock.advance(1);
    const states = await jobs.watchAll('ann');
    await catchUp.start();
    const job = await create('ann');
    expect((await states.next()).value).toEqual(job);
    await jobs.apply(before.id, { type: 'expired', at: clock.now(), error: refusal });
    expect((await states.next()).value).toMatchObject({ id: before.id, version: 2 });
    await jobs.cancel('bob', other.id);
    await jobs.cancel('ann', job.id);
    expect((await states.next()).value).toMatchObject({ id: job.id, version: 2 });
    await states.return?.();
  });

  test('loses nothing that happens while it compares', async () => {
    let meanwhile = async (): Promise<void> => {};
    const { jobs, create, catchUp } = await openDeaf({
      wrapStore: (store) =>
        withMethods(store, {
          readChanges: async (...parameters) => {
            const read = await store.readChanges(...parameters);
            await meanwhile();
            return read;
          },
        }),
    });
    const job = await create('ann');
    const states = await jobs.watchAll('ann');
    meanwhile = async () => void (await jobs.cancel('ann', job.id));
    await catchUp.start();
    expect((await states.next()).value).toMatchObject({ id: job.id, version: 2 });
    await states.return?.();
  });

  test('loses nothing of those who begin to follow while it compares', async () => {
    let meanwhile: (() => Promise<void>) | null = null;
    const { jobs, create, catchUp } = await openDeaf({
      wrapStore: (store) =>
        withMethods(store, {
          lastChange: async () => {
            const once = meanwhile;
            meanwhile = null;
            await once?.();
            return store.lastChange();
          },
        }),
    });
    await catchUp.start();
    let states: AsyncIterableIterator<Job> | null = null;
    const job = await new Promise<Job>((resolve) => {
      meanwhile = async () => {
        states = await jobs.watchAll('ann');
        resolve(await create('ann'));
      };
    });
    const followed = states as AsyncIterableIterator<Job> | null;
    expect((await followed?.next())?.value).toEqual(job);
    await followed?.return?.();
  });

  test('brings all that a tenant missed, though it is more than is read at once', async () => {
    let gap = (): void => {};
    const { jobs, store, create, bus } = await openWorkshop({
      wrapBus: (bus) =>
        withMethods(deaf(bus), {
          onGap: (listener) => {
            gap = listener;
            return () => {};
          },
        }),
    });
    const catchUp = new CatchUp({ store, bus, log, everyMs: HOUR });
    onTestFinished(() => catchUp.stop());
    await catchUp.start();
    const states = await jobs.watchAll('ann');
    const many = await Promise.all(Array.from({ length: 502 }, () => create('ann')));
    gap();
    const seen: string[] = [];
    while (seen.length < many.length) seen.push(((await states.next()).value as Job).id);
    expect(new Set(seen)).toEqual(new Set(many.map(({ id }) => id)));
    await states.return?.();
  });

  test('goes on when the store was away', async () => {
    let isAway = true;
    const { jobs, create, catchUp } = await openDeaf({
      wrapStore: (store) =>
        withMethods(store, {
          versions: (ids) => (isAway ? Promise.reject(new Error('away')) : store.versions(ids)),
        }),
    });
    const job = await create('ann');
    const states = await jobs.watch('ann', job.id);
    await catchUp.start();
    await jobs.cancel('ann', job.id);
    isAway = false;
    expect((await rest(states)).at(-1)?.status).toBe('CANCELED');
  });
});
