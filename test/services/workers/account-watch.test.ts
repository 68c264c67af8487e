/** What the gateway sends, and when, while Akool refuses the account. */
import { describe, expect, test } from 'vitest';
import type { SubmitOutcome } from '../../../src/services/akool/akool-client.js';
import { AkoolCallError } from '../../../src/services/akool/call-error.js';
import type { HoldReason } from '../../../src/services/jobs/account-hold.js';
import type { JobRequest } from '../../../src/services/jobs/job-request.js';
import { Gate, until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { HOUR, request } from '../../support/samples.js';
import { acceptedAs, openWorkshop, type Workshop, type WorkshopOptions } from '../../support/workshop.js';

const MINUTE = 60_000;

function refusedFor(reason: HoldReason): SubmitOutcome {
  const code = reason === 'NO_CREDIT' ? 'INSUFFICIENT_CREDIT' : 'ACCOUNT_PROBLEM';
  return {
    kind: 'account-refused',
    reason,
    error: { code, message: 'Akool refuses the account.', providerCode: 1, retryable: false },
  };
}

/** A request for this many pictures. */
function picturesOf(count: number): JobRequest {
  return { ...request, targetImage: Array(count).fill(request.targetImage[0]) };
}

async function open(
  maxConcurrency = 2,
  { acceptWhileBlocked = true, wrapStore = (store) => store }: WorkshopOptions = {},
) {
  const workshop = await openWorkshop({ acceptWhileBlocked, wrapStore });
  const sender = workshop.dispatcher({ maxConcurrency });
  const looker = workshop.accountWatch(sender);
  sender.start();
  looker.start();
  /** Does everything that is due at this moment. */
  const settle = async () => {
    for (let i = 0; i < 3; i += 1) {
      await looker.pass();
      await sender.pass();
      await until(async () => !(await isAnySubmitting(workshop)));
    }
  };
  const goOn = async (ms: number) => {
    workshop.clock.advance(ms);
    await settle();
  };
  return { ...workshop, sender, looker, settle, goOn };
}

async function isAnySubmitting({ jobs }: Workshop): Promise<boolean> {
  const page = await jobs.list('ann', { status: ['SUBMITTING'] }, { limit: 1, direction: 'forward' });
  return page.jobs.length > 0;
}

/** Charges for each picture, and refuses requests that exceed the credit. */
function charge({ akool, get }: Workshop, account: { credit: number; price: number }): void {
  akool.onCredit = async () => account.credit;
  akool.onSubmit = async (nth) => {
    const { pictures } = await get({ id: akool.submits.at(-1) ?? '' });
    const cost = (pictures ?? 1) * account.price;
    if (cost > account.credit) return refusedFor('NO_CREDIT');
    account.credit -= cost;
    return acceptedAs(`p${nth}`);
  };
}

describe('while the balance does not suffice', () => {
  test('nothing is sent as long as there is no credit at all, and the looks become rare', async () => {
    const shop = await open();
    let looks = 0;
    shop.akool.onSubmit = async () => refusedFor('NO_CREDIT');
    shop.akool.onCredit = async () => {
      looks += 1;
      return 0;
    };
    const job = await shop.create();
    await shop.settle();
    const looksIn = async (ms: number) => {
      const before = looks;
      for (let passed = 0; passed < ms; passed += 1000) {
        shop.clock.advance(1000);
        await shop.looker.pass();
      }
      return looks - before;
    };
    expect(looks).toBe(1);
    expect(await looksIn(40_000)).toBe(8);
    expect(await looksIn(60 * MINUTE)).toBeLessThan(45);
    expect(await looksIn(60 * MINUTE)).toBe(12);
    expect(shop.akool.submits).toEqual([job.id]);
    expect((await shop.get(job)).status).toBe('WAITING');
  });

  test('jobs that are all too dear are tried one at a time, and ever more seldom', async () => {
    const shop = await open(3);
    charge(shop, { credit: 2, price: 4 });
    const jobs = await Promise.all(Array.from({ length: 40 }, () => shop.create()));
    await shop.settle();
    // Those sent before the first refusal arrived.
    const left = shop.akool.submits.length;
    expect(left).toBeLessThanOrEqual(3);
    for (let i = 0; i < 60; i += 1) await shop.goOn(1000);
    expect(shop.akool.submits.length - left).toBe(4);
    for (let i = 0; i < 60; i += 1) await shop.goOn(MINUTE);
    const tried = shop.akool.submits.slice(left);
    expect(tried.length).toBeLessThan(22);
    // A different one each time.
    expect(new Set(tried).size).toBe(tried.length);
    expect(new Set(await shop.statuses(...jobs))).toEqual(new Set(['WAITING']));
  });

  test('a job that makes less is sent, however many dearer ones wait before it', async () => {
    const shop = await open(3);
    const account = { credit: 3, price: 1 };
    charge(shop, account);
    const dear = await Promise.all(
      Array.from({ length: 30 }, () => shop.create('ann', { request: picturesOf(5) })),
    );
    const cheap = await Promise.all(Array.from({ length: 3 }, () => shop.create()));
    await shop.settle();
    await shop.goOn(1000);
    expect(await shop.statuses(...cheap)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
    expect(new Set(await shop.statuses(...dear))).toEqual(new Set(['WAITING']));
    expect(shop.akool.submits.length).toBeLessThanOrEqual(6);
    expect(await shop.holds.present()).toMatchObject({ blocks: false, tooDear: { pictures: 5, credit: 3 } });
  });

  test('after a top-up one job is tried, and all go on only when it is accepted', async () => {
    const shop = await open(3);
    const account = { credit: 0, price: 1 };
    charge(shop, account);
    await Promise.all(Array.from({ length: 6 }, () => shop.create()));
    await shop.settle();
    const before = shop.akool.submits.length;
    account.credit = 100;
    let release: () => void = () => {};
    const { onSubmit } = shop.akool;
    shop.akool.onSubmit = async (nth, signal) => {
      if (nth === before + 1) {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return onSubmit(nth, signal);
    };
    shop.clock.advance(5000);
    await shop.looker.pass();
    await until(() => shop.akool.submits.length === before + 1);
    await shop.sender.pass();
    await shop.looker.pass();
    expect(shop.akool.submits).toHaveLength(before + 1);
    release();
    await until(() => shop.akool.submits.length === before + 3);
    expect(await shop.holds.present()).toMatchObject({ blocks: false });
  });

  test('what was learned of prices is forgotten when it proves wrong', async () => {
    const shop = await open(1);
    let isRight = true;
    shop.akool.onCredit = async () => 50;
    shop.akool.onSubmit = async (nth) => (isRight ? refusedFor('NO_CREDIT') : acceptedAs(`p${nth}`));
    const job = await shop.create();
    await shop.settle();
    expect(await shop.holds.present()).toMatchObject({ blocks: true, tooDear: { pictures: 1, credit: 50 } });
    isRight = false;
    await shop.goOn(5000);
    expect((await shop.get(job)).status).toBe('QUEUED');
    expect(await shop.holds.present()).toBeNull();
  });

  test('a video that is too dear says nothing of pictures, and is tried again by itself', async () => {
    const shop = await open(2);
    const video: JobRequest = {
      kind: 'PLUS',
      sourceUrl: 'https://example.com/a.jpg',
      targetUrl: 'https://example.com/long.mp4?x=1',
      modelStyle: 'realistic',
      faceMapping: [],
      faceEnhance: false,
      singleFaceMode: true,
    };
    let price = 40;
    shop.akool.onCredit = async () => 20;
    shop.akool.onSubmit = async (nth) => {
      const { kind } = await shop.get({ id: shop.akool.submits.at(-1) ?? '' });
      return kind === 'PLUS' && price > 20 ? refusedFor('NO_CREDIT') : acceptedAs(`p${nth}`);
    };
    const long = await shop.create('ann', { request: video });
    await shop.settle();
    expect(await shop.holds.present()).toMatchObject({ blocks: false, tooDear: null });
    const picture = await shop.create();
    await shop.settle();
    expect(await shop.statuses(long, picture)).toEqual(['WAITING', 'QUEUED']);
    price = 10;
    await shop.goOn(6000);
    expect(await shop.statuses(long)).toEqual(['QUEUED']);
  });
});

describe('while Akool refuses the account', () => {
  test('nothing is sent until the balance is told again, then one job, then all', async () => {
    const shop = await open(1);
    const wrongKey = new AkoolCallError('REFUSED', 'no', { httpStatus: 200, providerCode: 1101 });
    shop.akool.onSubmit = async () => refusedFor('ACCOUNT');
    shop.akool.onCredit = () => Promise.reject(wrongKey);
    const jobs = await Promise.all([shop.create(), shop.create()]);
    await shop.settle();
    for (let i = 0; i < 10; i += 1) await shop.goOn(30_000);
    expect(shop.akool.submits).toHaveLength(1);
    shop.akool.onCredit = async () => 0;
    shop.akool.onSubmit = async (nth) => acceptedAs(`p${nth}`);
    await shop.goOn(5 * MINUTE);
    expect(shop.akool.submits).toHaveLength(2);
    expect((await shop.statuses(...jobs)).sort()).toEqual(['QUEUED', 'WAITING']);
    expect(await shop.holds.present()).toBeNull();
  });

  test('a balance that can not be had at all does not keep it for ever', async () => {
    const shop = await open(1);
    shop.akool.onSubmit = async (nth) => (nth === 1 ? refusedFor('ACCOUNT') : acceptedAs(`p${nth}`));
    shop.akool.onCredit = () => Promise.reject(new AkoolCallError('UNREADABLE', 'what is this'));
    const job = await shop.create();
    await shop.settle();
    for (let i = 0; i < 30; i += 1) await shop.goOn(MINUTE);
    expect(shop.akool.submits).toHaveLength(1);
    for (let i = 0; i < 30; i += 1) await shop.goOn(MINUTE);
    expect((await shop.get(job)).status).toBe('QUEUED');
  });

  test('of several instances one looks, and one tries', async () => {
    const shop = await open(1);
    const others = [shop.dispatcher(), shop.dispatcher()].map((dispatcher) => {
      dispatcher.start();
      const watch = shop.accountWatch(dispatcher);
      watch.start();
      return watch;
    });
    let looks = 0;
    shop.akool.onCredit = async () => {
      looks += 1;
      return 5;
    };
    shop.akool.onSubmit = async () => refusedFor('ACCOUNT');
    await Promise.all([shop.create(), shop.create(), shop.create()]);
    await until(async () => (await shop.holds.present()) !== null);
    await shop.settle();
    const submits = shop.akool.submits.length;
    looks = 0;
    shop.clock.advance(5000);
    await Promise.all([shop.looker.pass(), ...others.map((watch) => watch.pass())]);
    await shop.settle();
    expect(looks).toBe(1);
    expect(shop.akool.submits).toHaveLength(submits + 1);
  });

  test('a job for which alone the account is refused does not keep the others for long', async () => {
    const shop = await open(1);
    const poison = await shop.create();
    shop.akool.onSubmit = async (nth) =>
      shop.akool.submits.at(-1) === poison.id ? refusedFor('ACCOUNT') : acceptedAs(`p${nth}`);
    shop.jobs.onChange((job) => {
      if (job.status !== 'QUEUED') return;
      void shop.jobs.apply(job.id, { type: 'expired', at: shop.clock.now(), error: job.error ?? NEVER });
    });
    const others = await Promise.all(Array.from({ length: 20 }, () => shop.create()));
    for (let i = 0; i < 30; i += 1) await shop.goOn(1000);
    expect(new Set(await shop.statuses(...others))).toEqual(new Set(['FAILED']));
    expect(shop.akool.submits.filter((id) => id === poison.id).length).toBeLessThan(6);
  });

  test('nor does one keep larger ones', async () => {
    const shop = await open(1);
    const poison = await shop.create();
    shop.akool.onSubmit = async (nth) =>
      shop.akool.submits.at(-1) === poison.id ? refusedFor('ACCOUNT') : acceptedAs(`p${nth}`);
    const larger = await shop.create('ann', { request: picturesOf(2) });
    for (let i = 0; i < 30; i += 1) await shop.goOn(1000);
    expect(await shop.statuses(poison, larger)).toEqual(['WAITING', 'QUEUED']);
  });

  test('nor does one keep new ones out: once it was tried in vain a few times, one of them is tried instead', async () => {
    const shop = await open(1, { acceptWhileBlocked: false });
    const poison = await shop.create();
    shop.akool.onSubmit = async (nth) =>
      shop.akool.submits.at(-1) === poison.id ? refusedFor('ACCOUNT') : acceptedAs(`p${nth}`);
    await shop.settle();
    await expect(shop.create()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    for (let i = 0; i < 60; i += 1) await shop.goOn(1000);
    const another = await shop.create();
    // The accepted one is the trial; until its outcome is known, accepting more is useless.
    await expect(shop.create()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    for (let i = 0; i < 60; i += 1) await shop.goOn(1000);
    expect(await shop.statuses(poison, another)).toEqual(['WAITING', 'QUEUED']);
  });

  test('nor do many of one tenant keep out everyone else', async () => {
    const shop = await open(1, { acceptWhileBlocked: false });
    const poison = await Promise.all(Array.from({ length: 10 }, () => shop.create()));
    const isPoison = (id: string | undefined) => poison.some((job) => job.id === id);
    shop.akool.onSubmit = async (nth) =>
      isPoison(shop.akool.submits.at(-1)) ? refusedFor('ACCOUNT') : acceptedAs(`p${nth}`);
    shop.jobs.onChange((job) => {
      if (job.status !== 'QUEUED') return;
      void shop.jobs.apply(job.id, { type: 'expired', at: shop.clock.now(), error: job.error ?? NEVER });
    });
    await shop.settle();
    let sent = 0;
    let refused = 0;
    for (let i = 0; i < 180; i += 1) {
      await shop.goOn(10_000);
      await shop.create('bob').then(
        () => (sent += 1),
        () => (refused += 1),
      );
    }
    expect(sent).toBeGreaterThan(refused);
    expect(await shop.statuses(...poison)).toEqual(poison.map(() => 'WAITING'));
  });

  test('new ones are kept out as long as Akool does not tell the balance', async () => {
    const shop = await open(1, { acceptWhileBlocked: false });
    shop.akool.onSubmit = async () => refusedFor('ACCOUNT');
    shop.akool.onCredit = () => Promise.reject(new AkoolCallError('UNREADABLE', 'what is this'));
    await shop.create();
    for (let i = 0; i < 60; i += 1) await shop.goOn(MINUTE);
    expect(shop.akool.submits.length).toBeGreaterThan(3);
    await expect(shop.create()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });

  test('a trial that is being leased when the gateway stops is waited for', async () => {
    const gate = new Gate();
    let isHeldUp = false;
    const shop = await open(1, {
      wrapStore: (store) =>
        withMethods(store, {
          lease: async (...how) => {
            if (isHeldUp) await gate.pass();
            return store.lease(...how);
          },
        }),
    });
    shop.akool.onSubmit = async (nth) => (nth === 1 ? refusedFor('ACCOUNT') : acceptedAs(`p${nth}`));
    const job = await shop.create();
    await shop.settle();
    await shop.looker.stop();
    isHeldUp = true;
    const trial = shop.sender.tryOne('any');
    await gate.arrived();
    const stopped = shop.sender.stop();
    gate.open();
    await stopped;
    expect((await shop.get(job)).status).toBe('QUEUED');
    expect(await trial).toBe(true);
  });

  test('a job that waits too long fails with what Akool said', async () => {
    const shop = await open(1);
    shop.akool.onSubmit = async () => refusedFor('ACCOUNT');
    shop.akool.onCredit = () =>
      Promise.reject(new AkoolCallError('REFUSED', 'no', { httpStatus: 403, providerCode: null }));
    const job = await shop.create();
    await shop.settle();
    const reconciler = shop.reconciler();
    shop.clock.advance(25 * HOUR);
    reconciler.start();
    await until(async () => (await shop.get(job)).status === 'FAILED');
    expect((await shop.get(job)).error).toMatchObject({ code: 'ACCOUNT_PROBLEM', providerCode: 1 });
  });
});

const NEVER = { code: 'PROVIDER_ERROR', message: 'x', providerCode: null, retryable: false } as const;
