/** Following a tenant's jobs without a gap, on a real store. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Job } from '../../../src/services/jobs/job.js';
import { FIRST_PLACE } from '../../../src/services/jobs/job-store.js';
import type { JobsNews, Since } from '../../../src/services/jobs/tenant-changes.js';
import { Gate, until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { openWorkshop, type Workshop } from '../../support/workshop.js';

/** Follows as a subscription does, and records what it is told. */
async function follow({ jobs }: Pick<Workshop, 'jobs'>, since: Since = 'now', tenant = 'ann') {
  const news = await jobs.watchChanges(tenant, since);
  const told: JobsNews[] = [];
  const following = (async () => {
    for await (const one of news) told.push(one);
  })();
  const leave = async (): Promise<void> => {
    await news.return?.();
    await following;
  };
  onTestFinished(leave);
  const isTold = (...wanted: readonly string[]): Promise<void> =>
    until(() => wanted.every((one) => told.map(textOf).includes(one)));
  return { told, leave, isTold, cursor: () => told.at(-1)?.cursor ?? FIRST_PLACE };
}

const numbersOf = (told: readonly JobsNews[]): readonly number[] => told.map(({ cursor }) => cursor.number);

/** Reads until all that was missed has been told, and returns the number of what it read. */
async function toldUntilCurrent(news: AsyncIterator<JobsNews>): Promise<number> {
  for (let told = 1; ; told += 1) if ((await news.next()).value.kind === 'CURRENT') return told;
}

/** A workshop that counts the changes that are read from its store. */
async function openWithCount(): Promise<{ readonly workshop: Workshop; readonly read: () => number }> {
  let count = 0;
  const workshop = await openWorkshop({
    wrapStore: (store) =>
      withMethods(store, {
        readChanges: async (...args) => {
          const changes = await store.readChanges(...args);
          count += changes.changed.length;
          return changes;
        },
      }),
  });
  return { workshop, read: () => count };
}

const names = new Map<string, string>();

function textOf(news: JobsNews): string {
  switch (news.kind) {
    case 'CURRENT':
    case 'RESYNC':
      return news.kind;
    case 'CHANGED':
    case 'MOVED':
      return `${news.kind} ${nameOf(news.job.id)}.${news.job.version}`;
    case 'DELETED':
      return `DELETED ${nameOf(news.id)}`;
  }
}

function nameOf(id: string): string {
  return names.get(id) ?? id;
}

async function create({ create: make }: Workshop, name: string, tenant = 'ann'): Promise<Job> {
  const job = await make(tenant);
  names.set(job.id, name);
  return job;
}

describe('a follower of changes', () => {
  test('without a cursor is told of what comes: new jobs, new versions, deletions; not of others', async () => {
    const workshop = await openWorkshop();
    await create(workshop, 'before');
    const { told, isTold } = await follow(workshop);
    const job = await create(workshop, 'a');
    await isTold('CHANGED a.1');
    await create(workshop, 'other', 'bob');
    await workshop.jobs.cancel('ann', job.id);
    await isTold('CHANGED a.2');
    await workshop.jobs.delete('ann', job.id);
    await isTold('DELETED a');
    expect(told.map(textOf)).toEqual(['CURRENT', 'CHANGED a.1', 'CHANGED a.2', 'DELETED a']);
    expect(numbersOf(told)).toEqual(numbersOf(told).toSorted((a, b) => a - b));
  });

  test('with a cursor is told the present state of each that changed since, and then of what comes', async () => {
    const workshop = await openWorkshop();
    const [same, changed, gone] = [
      await create(workshop, 'same'),
      await create(workshop, 'changed'),
      await create(workshop, 'gone'),
    ];
    const before = await follow(workshop);
    await until(() => before.told.length === 1);
    await before.leave();

    await workshop.jobs.cancel('ann', changed.id);
    await workshop.jobs.cancel('ann', gone.id);
    await workshop.jobs.delete('ann', gone.id);
    await create(workshop, 'new');
    const { told, isTold } = await follow(workshop, before.cursor());
    await isTold('CURRENT');
    await workshop.jobs.cancel('ann', same.id);
    await isTold('CHANGED same.2');
    expect(told.map(textOf)).toEqual([
      ...['CHANGED changed.2', 'DELETED gone', 'CHANGED new.1', 'CURRENT', 'CHANGED same.2'],
    ]);
  });

  test('can continue from each cursor that it was given', async () => {
    const workshop = await openWorkshop();
    const first = await follow(workshop);
    const jobs: Job[] = [];
    for (const name of ['a', 'b', 'c']) jobs.push(await create(workshop, name));
    for (const { id } of jobs) await workshop.jobs.cancel('ann', id);
    await first.isTold('CHANGED c.2');
    for (const [nth, { cursor }] of first.told.entries()) {
      const again = await follow(workshop, cursor);
      await again.isTold('CURRENT');
      const known = new Set(first.told.slice(0, nth + 1).map(textOf));
      const missed = ['CHANGED a.2', 'CHANGED b.2', 'CHANGED c.2'].filter((one) => !known.has(one));
      expect(again.told.map(textOf)).toEqual([...missed, 'CURRENT']);
    }
  });

  test('is told RESYNC, and then what comes, if the cursor is not known', async () => {
    const workshop = await openWorkshop();
    await create(workshop, 'before');
    const { number, at } = await workshop.store.lastChange();
    const wrong = {
      forged: 'unknown',
      'of the future': { number: number + 1, at },
      'of a backup that was restored': { number, at: at - 1 },
    } as const;
    for (const [which, since] of Object.entries(wrong)) {
      const { told, isTold, leave } = await follow(workshop, since);
      await isTold('RESYNC');
      await create(workshop, which);
      await isTold(`CHANGED ${which}.1`);
      expect(told.map(textOf)).toEqual(['RESYNC', `CHANGED ${which}.1`]);
      await leave();
    }
  });

  test('is told RESYNC if changes since have been forgotten', async () => {
    const workshop = await openWorkshop();
    const first = await follow(workshop);
    await until(() => first.told.length === 1);
    for (const name of ['a', 'b']) await create(workshop, name);
    await workshop.store.forgetChanges(Date.now() + 25 * 60 * 60 * 1000);
    const late = await follow(workshop, first.told[0]?.cursor);
    await until(() => late.told.length === 1);
    const current = await follow(workshop, await workshop.store.lastChange());
    await until(() => current.told.length === 1);
    expect([...late.told, ...current.told].map(textOf)).toEqual(['RESYNC', 'CURRENT']);
  });

  test('is told 1,000 changes that it missed, and RESYNC in place of more', async () => {
    const workshop = await openWorkshop({ queueLimit: 2000 });
    await create(workshop, 'first');
    const afterFirst = await workshop.store.lastChange();
    await Promise.all(Array.from({ length: 1000 }, () => workshop.create('ann')));
    const all = await follow(workshop, afterFirst);
    await all.isTold('CURRENT');
    expect(all.told).toHaveLength(1001);
    const tooMany = await follow(workshop, FIRST_PLACE);
    await until(() => tooMany.told.length === 1);
    expect(tooMany.told.map(textOf)).toEqual(['RESYNC']);
  });

  test('misses nothing that changes while it is told what it missed', async () => {
    const gate = new Gate();
    let isHeld = false;
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          hasChange: async (place) => {
            if (isHeld) await gate.pass();
            return store.hasChange(place);
          },
        }),
    });
    const other = await follow(workshop);
    const missed = await create(workshop, 'missed');
    await other.isTold('CHANGED missed.1');
    isHeld = true;
    const { told, isTold } = await follow(workshop, other.told[0]?.cursor);
    await gate.arrived();
    // What it missed has been read, but not told.
    await workshop.jobs.cancel('ann', missed.id);
    await create(workshop, 'meanwhile');
    gate.open();
    const later = ['CHANGED missed.2', 'CHANGED meanwhile.1'];
    await Promise.all([isTold('CURRENT', ...later), other.isTold(...later)]);
    expect(told.map(textOf)).toEqual(['CHANGED missed.1', 'CURRENT', ...later]);
  });

  test('misses nothing that is stored while the first of a tenant begins', async () => {
    const gate = new Gate();
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          lastChange: async () => {
            const last = await store.lastChange();
            await gate.pass();
            return last;
          },
        }),
    });
    const following = follow(workshop);
    await gate.arrived();
    await create(workshop, 'a');
    gate.open();
    const { told, isTold } = await following;
    await isTold('CHANGED a.1');
    expect(told.map(textOf)).toEqual(['CURRENT', 'CHANGED a.1']);
  });

  test('goes on after the database could not answer, without an older state after a newer one', async () => {
    let fails = false;
    const workshop = await openWorkshop({
      wrapStore: (store) =>
        withMethods(store, {
          readChanges: (...args) => (fails ? Promise.reject(new Error('away')) : store.readChanges(...args)),
        }),
    });
    const { told, isTold } = await follow(workshop);
    fails = true;
    const job = await create(workshop, 'a');
    await workshop.jobs.cancel('ann', job.id);
    fails = false;
    await isTold('CHANGED a.2');
    expect(told.map(textOf)).toEqual(['CURRENT', 'CHANGED a.2']);
  });

  test('who does not read is told to resync, at the place of the newest change', async () => {
    const workshop = await openWorkshop({ queueLimit: 2000 });
    const news = await workshop.jobs.watchChanges('ann', 'now');
    const reader = await follow(workshop);
    for (let nth = 0; nth < 11; nth += 1) {
      const before = reader.told.length;
      await Promise.all(Array.from({ length: 100 }, () => workshop.create('ann')));
      await until(() => reader.told.length >= before + 100);
    }
    const first = (await news.next()).value as JobsNews;
    expect(first.kind).toBe('RESYNC');
    const rest: JobsNews[] = [];
    while (rest.at(-1)?.cursor.number !== reader.cursor().number)
      rest.push((await news.next()).value as JobsNews);
    expect(first.cursor.number + rest.length).toBe(reader.cursor().number);
    await news.return?.();
  });

  test('who comes back with others is told in small batches, each when it has read the last', async () => {
    const { workshop, read } = await openWithCount();
    await Promise.all(Array.from({ length: 450 }, () => workshop.create('ann')));
    const slow = await workshop.jobs.watchChanges('ann', FIRST_PLACE);
    const first = slow.next();
    const quick = await follow(workshop, FIRST_PLACE);
    await quick.isTold('CURRENT');
    // What the one that has taken one makes the gateway keep.
    expect(read() - 450).toBeLessThanOrEqual(20);
    expect((await first).value.kind).toBe('CHANGED');
    expect(await toldUntilCurrent(slow)).toBe(450);
    expect(read()).toBe(900);
    await slow.return?.();
  });

  test('who comes back with thousands of others who do not read is told one by one', async () => {
    const { workshop, read } = await openWithCount();
    await Promise.all(Array.from({ length: 30 }, () => workshop.create('ann')));
    const slow = await Promise.all(
      Array.from({ length: 2000 }, () => workshop.jobs.watchChanges('ann', FIRST_PLACE)),
    );
    const quick = await follow(workshop, FIRST_PLACE);
    await quick.isTold('CURRENT');
    // Half of the room for the tenant, and one for each follower.
    expect(read()).toBeLessThanOrEqual(10_000 + 2000 + 30);
    const [one] = slow;
    if (one !== undefined) expect(await toldUntilCurrent(one)).toBe(31);
    await Promise.all(slow.map((news) => news.return?.()));
  });

  test('who reads slowly is told only the last position of each job', async () => {
    const workshop = await openWorkshop();
    const job = await create(workshop, 'a');
    const slow = await workshop.jobs.watchChanges('ann', 'now');
    const quick = await follow(workshop);
    await quick.isTold('CURRENT');
    for (const position of [30, 20, 10]) {
      workshop.jobs.tellPositions('ann', new Map([[job.id, position]]));
      await until(() => quick.told.some((news) => news.kind === 'MOVED' && news.position === position));
    }
    const told = [(await slow.next()).value, (await slow.next()).value] as JobsNews[];
    expect(told).toMatchObject([{ kind: 'CURRENT' }, { kind: 'MOVED', position: 10 }]);
    await slow.return?.();
  });

  test('is told no move of a job that no longer waits', async () => {
    const workshop = await openWorkshop();
    const [ended, waits] = [await create(workshop, 'ended'), await create(workshop, 'waits')];
    const { told, isTold } = await follow(workshop);
    await workshop.jobs.cancel('ann', ended.id);
    await isTold('CHANGED ended.2');
    workshop.jobs.tellPositions('ann', new Map([ended, waits].map(({ id }, i) => [id, i + 7])));
    workshop.jobs.tellPositions('bob', new Map([[waits.id, 9]]));
    await isTold('MOVED waits.1');
    expect(told.map(textOf)).toEqual(['CURRENT', 'CHANGED ended.2', 'MOVED waits.1']);
  });

  test('is told moves, of those that it knows and of those that come among the first hundred', async () => {
    const workshop = await openWorkshop();
    const jobs: Job[] = [];
    for (let i = 0; i < 101; i += 1) jobs.push(await create(workshop, `job ${i}`));
    const { told, isTold } = await follow(workshop);
    const tell = (from: number, ahead: number): void => {
      const first = jobs.slice(from, from + 100).map(({ id }, i) => [id, ahead + i + 1] as const);
      workshop.jobs.tellPositions('ann', new Map(first));
    };
    tell(0, 0);
    tell(0, 1);
    await isTold('MOVED job 8.1');
    tell(1, 2);
    await isTold('MOVED job 100.1');
    const moves = told.flatMap((news) =>
      news.kind === 'MOVED' ? [`${nameOf(news.job.id)}: ${news.position}`] : [],
    );
    // By one at the front, and by a tenth further back.
    expect(moves).toEqual([
      ...Array.from({ length: 9 }, (_, i) => `job ${i}: ${i + 2}`),
      ...['job 100: 102'],
    ]);
  });

  test('is told moves since it began, but none that it missed, because they are not stored', async () => {
    const workshop = await openWorkshop();
    const [ahead, waits] = [await create(workshop, 'ahead', 'bob'), await create(workshop, 'waits')];
    const first = await follow(workshop);
    await workshop.jobs.cancel('bob', ahead.id);
    const look = async () => (await workshop.store.firstInQueue(['ann'], 100)).get('ann') ?? new Map();
    workshop.jobs.tellPositions('ann', await look());
    await first.isTold('MOVED waits.1');
    const late = await follow(workshop, first.cursor());
    workshop.jobs.tellPositions('ann', await look());
    await workshop.jobs.cancel('ann', waits.id);
    await Promise.all([first, late].map(({ isTold }) => isTold('CHANGED waits.2')));
    expect(late.told.map(textOf)).toEqual(['CURRENT', 'CHANGED waits.2']);
    expect(first.told.map(textOf)).toEqual(['CURRENT', 'MOVED waits.1', 'CHANGED waits.2']);
  });
});

test('tenants are known as followed as long as anyone follows', async () => {
  const { jobs } = await openWorkshop();
  const two = [await jobs.watchChanges('ann', 'now'), await jobs.watchChanges('ann', 'now')];
  expect(jobs.tenantsFollowingChanges()).toEqual(['ann']);
  await two[0]?.return?.();
  expect(jobs.tenantsFollowingChanges()).toEqual(['ann']);
  await two[1]?.return?.();
  expect(jobs.tenantsFollowingChanges()).toEqual([]);
});
