/** Deleted jobs disappear for their tenant at once, and gradually here, in the archive and at Akool. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { JobStore } from '../../src/services/jobs/job-store.js';
import { NO_LABELS } from '../../src/services/jobs/labels.js';
import {
  type Answer,
  ask,
  dataOf,
  errorOf,
  follow,
  lookUp,
  oneFace,
  openSocket,
  run,
  submit,
} from '../support/caller.js';
import { knock } from '../support/doors.js';
import { clockAhead, startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { JOB, JOB_UPDATED, JOBS, JOBS_UPDATED, SUBMIT } from '../support/operations.js';
import { historyOf } from '../support/samples.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const DAY = 24 * 60 * 60 * 1000;

interface Stage {
  readonly gateway: TestGateway;
  readonly store: () => JobStore;
  /** Sets the gateway's clock forward. */
  readonly later: (ms: number) => void;
  /** Advances the clock minute by minute until the job is erased completely. */
  readonly untilErased: (id: string) => Promise<void>;
}

async function start(options: Parameters<typeof startGateway>[0] = {}): Promise<Stage> {
  let ahead = 0;
  let store: JobStore | undefined;
  const gateway = await startGateway({
    ...options,
    overrides: {
      clock: clockAhead(() => ahead),
      wrapStore: (opened) => {
        store = opened;
        return options.overrides?.wrapStore?.(opened) ?? opened;
      },
      ...(options.overrides?.wrapAkool && { wrapAkool: options.overrides.wrapAkool }),
    },
  });
  ends.push(() => gateway.stop());
  const opened = (): JobStore => {
    if (store === undefined) throw new Error('The store is not open');
    return store;
  };
  const later = (ms: number): void => {
    ahead += ms;
  };
  const untilErased = (id: string): Promise<void> =>
    expect
      .poll(
        () => {
          later(60_000);
          return opened().get(id);
        },
        { interval: 200 },
      )
      .toBeNull();
  return { gateway, store: opened, later, untilErased };
}

function deleteJob(url: string, id: string): Promise<Answer<{ deleteJob: string }>> {
  return ask<{ deleteJob: string }, unknown>(url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id });
}

const deleted = async (url: string, id: string): Promise<string> =>
  (await dataOf(deleteJob(url, id))).deleteJob;

/** A finished job with an archived result. */
async function finished(
  url: string,
  key?: string,
): Promise<{ id: string; media: string; providerId: string }> {
  const { id } = await submit(url, oneFace(key === undefined ? {} : { idempotencyKey: key }));
  await follow(url, id);
  await expect.poll(async () => (await lookUp(url, id)).result?.archived).toBe(true);
  const { result, providerId } = await lookUp(url, id);
  return { id, media: result?.url ?? '', providerId: providerId ?? '' };
}

/** Makes deletion at Akool fail, so that records of deleted jobs stay. */
function keepsRecords({ sandbox }: TestGateway): void {
  sandbox.setFaults({ rates: { delete: { error: 1 } } });
}

const atAkool = ({ sandbox }: TestGateway): string[] => sandbox.jobs.map((job) => job.id);
const files = ({ dir }: TestGateway): string[] =>
  readdirSync(join(dir, 'archive')).filter((name) => !name.startsWith('.') && name !== 'uploads');

describe('deleteJob', () => {
  it('deletes a finished job: record, copy, and result at Akool', async () => {
    const { gateway, store } = await start();
    const { id, media, providerId } = await finished(gateway.url);
    const other = await finished(gateway.url);
    expect(await deleted(gateway.url, id)).toBe(id);
    expect((await fetch(media)).status).toBe(404);
    expect((await dataOf(ask(gateway.url, JOB, { id }))).job).toBeNull();
    const { jobs } = await dataOf(ask(gateway.url, JOBS, {}));
    expect(jobs.edges.map(({ node }) => node.id)).toEqual([other.id]);
    await expect.poll(() => atAkool(gateway)).not.toContain(providerId);
    await expect.poll(() => store().get(id)).toBeNull();
    expect(await historyOf(store(), id)).toEqual([]);
    expect((await fetch(other.media)).status).toBe(200);
    expect(atAkool(gateway)).toEqual([other.providerId]);
  });

  it.each(['FAILED', 'CANCELED'] as const)('deletes a job that is %s', async (status) => {
    const { gateway, store } = await start();
    const gate = gateway.sandbox.hold('submit');
    const ahead = status === 'CANCELED' ? [1, 2, 3].map(() => submit(gateway.url)) : [];
    if (status === 'CANCELED') await expect.poll(() => gate.waiting).toBe(3);
    else gate.release();
    if (status === 'FAILED') gateway.sandbox.setFaults({ script: [{ on: 'submit', fault: 'refuse' }] });
    const { id } = await submit(gateway.url);
    if (status === 'CANCELED') await dataOf(ask(gateway.url, `mutation { cancelJob(id: "${id}") { id } }`));
    gate.release();
    await Promise.all(ahead);
    expect((await lookUp(gateway.url, id)).status).toBe(status);
    await deleted(gateway.url, id);
    await expect.poll(() => store().get(id)).toBeNull();
    expect(gateway.sandbox.requests.delete).toBe(0);
  });

  it("refuses a job that goes on, and knows none that is deleted, never was, or is another's", async () => {
    const { gateway, store } = await start({ sandbox: { queueMs: 60_000 } });
    const running = await submit(gateway.url);
    expect(running.status).toBe('QUEUED');
    const refusal = await errorOf(deleteJob(gateway.url, running.id));
    expect(refusal.extensions?.code).toBe('CONFLICT');
    // It can't be canceled either.
    expect(refusal.message).toMatch(/wait until it finishes/);
    expect(refusal.message).not.toMatch(/cancel/);
    gateway.sandbox.finish(running.providerId ?? '');
    await follow(gateway.url, running.id);
    await deleted(gateway.url, running.id);
    const foreign = await store().create(
      {
        id: 'e5a1d1c0-0000-4000-8000-000000000000',
        tenant: 'somebody else',
        request: {
          kind: 'PLUS',
          sourceUrl: 'https://a.example/',
          targetUrl: 'https://b.example/',
          modelStyle: 'realistic',
          faceMapping: [],
          faceEnhance: false,
          singleFaceMode: true,
        },
        callbackToken: 'x'.repeat(32),
        at: Date.now(),
        deadlineAt: 0,
        idempotency: null,
        labels: NO_LABELS,
        uploads: null,
      },
      100,
    );
    expect(foreign.kind).toBe('created');
    for (const id of [running.id, 'no-such-job', 'e5a1d1c0-0000-4000-8000-000000000000']) {
      const error = await errorOf(deleteJob(gateway.url, id));
      expect(error.extensions?.code, id).toBe('NOT_FOUND');
      expect(error.message).toBe('There is no job with this id.');
    }
  });

  it('deletes once, however many ask at once', async () => {
    const { gateway } = await start();
    const { id } = await finished(gateway.url);
    const answers = await Promise.all(Array.from({ length: 5 }, () => deleteJob(gateway.url, id)));
    const codes = answers.map(({ body }) => body.errors?.[0]?.extensions?.code ?? 'deleted');
    expect(codes).toContain('deleted');
    expect(codes.filter((code) => code !== 'deleted' && code !== 'NOT_FOUND')).toEqual([]);
    await expect.poll(() => atAkool(gateway)).toEqual([]);
  });

  it('ends the news: nobody is told of a deleted job', async () => {
    const { gateway } = await start({ env: { KEEP_RESULTS: 'false' } });
    const { id } = await submit(gateway.url);
    await follow(gateway.url, id);
    const [all, one] = [openSocket(gateway.url), openSocket(gateway.url)];
    const changes = run(all, JOBS_UPDATED);
    const news = changes.next();
    // Messages on a socket are answered in order, so the subscription is active by then.
    await run(all, '{ __typename }').next();
    keepsRecords(gateway);
    await deleted(gateway.url, id);
    const other = await submit(gateway.url);
    expect((await news).value?.data?.jobsUpdated.id).toBe(other.id);
    expect((await run(one, JOB_UPDATED, { id }).next()).value?.errors).toMatchObject([
      { extensions: { code: 'NOT_FOUND' } },
    ]);
    await Promise.all([all.dispose(), one.dispose()]);
  });

  it('leaves its follow tokens nothing to see', async () => {
    const { gateway } = await start({ env: { KEEP_RESULTS: 'false' } });
    const { id } = await submit(gateway.url);
    await follow(gateway.url, id);
    const { createFollowToken } = await dataOf(
      ask<{ createFollowToken: { token: string } }, unknown>(
        gateway.url,
        'mutation ($id: ID!) { createFollowToken(jobId: $id) { token } }',
        { id },
      ),
    );
    const seen = async () => {
      const query = `{ job(id: "${id}") { id } }`;
      return (await knock('http', gateway.url, { query }, createFollowToken.token)).data;
    };
    expect(await seen()).toEqual({ job: { id } });
    keepsRecords(gateway);
    await deleted(gateway.url, id);
    expect(await seen()).toEqual({ job: null });
  });

  it('keeps its idempotency key for 24 hours, from the first moment on, and no longer', async () => {
    const { gateway, store, later, untilErased } = await start();
    const { id } = await finished(gateway.url, 'k');
    keepsRecords(gateway);
    await deleted(gateway.url, id);
    const input = oneFace({ idempotencyKey: 'k' });
    // Deletion at Akool fails: the record still exists, but not for its tenant.
    expect((await store().get(id))?.eraseAt).not.toBeNull();
    expect((await errorOf(ask(gateway.url, SUBMIT, { input }))).extensions?.code).toBe('CONFLICT');
    gateway.sandbox.setFaults({});
    await untilErased(id);
    /** Deletes another job, because each deletion also runs what is due by then. */
    const lookIn = async (ms: number): Promise<void> => {
      const other = await submit(gateway.url);
      await follow(gateway.url, other.id);
      later(ms);
      await deleted(gateway.url, other.id);
    };
    // Less than an hour has passed so far.
    await lookIn(DAY - 60 * 60_000);
    expect((await errorOf(ask(gateway.url, SUBMIT, { input }))).extensions?.code).toBe('CONFLICT');
    await lookIn(60 * 60_000);
    await expect.poll(async () => (await ask(gateway.url, SUBMIT, { input })).body.errors).toBeUndefined();
    expect(gateway.sandbox.bills).toHaveLength(4);
  });
});

describe('a deletion that is interrupted', () => {
  it('by Akool being away: our copy goes at once, the rest once Akool is back', async () => {
    const { gateway, untilErased } = await start();
    const { id, media, providerId } = await finished(gateway.url);
    gateway.sandbox.setFaults({ rates: { delete: { reset: 1 } } });
    await deleted(gateway.url, id);
    await expect.poll(() => gateway.sandbox.requests.delete).toBe(1);
    expect((await fetch(media)).status).toBe(404);
    expect(files(gateway)).toEqual([]);
    expect(atAkool(gateway)).toEqual([providerId]);
    gateway.sandbox.setFaults({});
    await untilErased(id);
    expect(atAkool(gateway)).toEqual([]);
  });

  it('by a store that fails at the last step: every step is done again, and does no harm', async () => {
    let failing = true;
    const { gateway, untilErased } = await start({
      overrides: {
        wrapStore: (store) =>
          withMethods<JobStore>(store, {
            erase: async (ids) => {
              if (failing) throw new Error('disk full');
              await store.erase(ids);
            },
          }),
      },
    });
    const { id } = await finished(gateway.url);
    await deleted(gateway.url, id);
    await expect.poll(() => atAkool(gateway)).toEqual([]);
    expect((await dataOf(ask(gateway.url, JOB, { id }))).job).toBeNull();
    failing = false;
    await untilErased(id);
  });

  it('by its own archiving: no file is left', async () => {
    const { gateway, store } = await start();
    const gate = gateway.sandbox.hold('media');
    const { id } = await submit(gateway.url);
    await gate.arrived;
    await deleted(gateway.url, id);
    // Otherwise nobody would know of its file if the gateway died now.
    await expect.poll(() => atAkool(gateway)).toEqual([]);
    expect((await store().get(id))?.eraseAt).toEqual(expect.any(Number));
    gate.release();
    await expect.poll(() => gateway.sandbox.requests.media).toBe(1);
    await expect.poll(() => readdirSync(join(gateway.dir, 'archive', '.unfinished'))).toEqual([]);
    await expect.poll(() => store().get(id)).toBeNull();
    expect(files(gateway)).toEqual([]);
  });
});

describe('RETENTION_DAYS', () => {
  it('deletes what has been finished for so long, everywhere, and nothing else', async () => {
    const { gateway, store, later } = await start({ env: { RETENTION_DAYS: '3' } });
    const old = await finished(gateway.url);
    later(2 * DAY);
    const young = await finished(gateway.url);
    later(DAY + 60_000);
    await expect.poll(() => store().get(old.id)).toBeNull();
    expect((await fetch(old.media)).status).toBe(404);
    expect(atAkool(gateway)).toEqual([young.providerId]);
    expect((await store().get(young.id))?.eraseAt).toBeNull();
  });

  it('does not bother Akool with what it has deleted by itself', async () => {
    const { gateway, store, later } = await start({ env: { RETENTION_DAYS: '8' } });
    const { id } = await finished(gateway.url);
    later(9 * DAY);
    await expect.poll(() => store().get(id)).toBeNull();
    expect(gateway.sandbox.requests.delete).toBe(0);
  });
});
