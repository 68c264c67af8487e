/** Results that arrive after their job was given up, and callbacks that contradict the submit's answer. */
import { afterEach, describe, expect, it } from 'vitest';
import { seal } from '../../src/sandbox/envelope.js';
import { createInProcessJobBus } from '../../src/services/bus/in-process-job-bus.js';
import type { JobBus } from '../../src/services/jobs/job-bus.js';
import { expectWholeLife, follow, lookUp, oneFace, openSocket, run, submit } from '../support/caller.js';
import { type GatewayOptions, startGateway, type TestGateway } from '../support/harness.js';
import { JOBS_UPDATED, type SeenJob } from '../support/operations.js';

let gateway: TestGateway;
let bus: JobBus;

afterEach(async () => {
  await gateway.stop();
});

const DEADLINE_MS = 700;

async function start({ env, ...more }: GatewayOptions): Promise<void> {
  bus = createInProcessJobBus();
  gateway = await startGateway({
    env: { JOB_DEADLINE_MS: String(DEADLINE_MS), AKOOL_MAX_CONCURRENCY: '1', ...env },
    overrides: { bus },
    ...more,
  });
}

function theirId(nth = 0): string {
  const { id } = gateway.sandbox.jobs[nth] ?? {};
  if (id === undefined) throw new Error('The sandbox has no such job');
  return id;
}

/** Collects every state of every job from now on. */
async function everything(): Promise<{ readonly seen: SeenJob[]; end(): Promise<void> }> {
  const socket = openSocket(gateway.url);
  const seen: SeenJob[] = [];
  const updates = run(socket, JOBS_UPDATED);
  const reading = (async () => {
    for await (const { data } of updates) if (data) seen.push(data.jobsUpdated);
  })();
  await expect.poll(() => bus.followedTenants().length).toBe(1);
  return {
    seen,
    end: async () => {
      await updates.return?.();
      await reading;
      await socket.dispose();
    },
  };
}

async function expectHealed(failed: SeenJob, all: readonly SeenJob[]): Promise<void> {
  await expect.poll(async () => (await lookUp(gateway.url, failed.id)).status).toBe('COMPLETED');
  const resumed = await follow(gateway.url, failed.id, failed.version);
  const end = await lookUp(gateway.url, failed.id);
  expectWholeLife(resumed, end);
  expect(end).toMatchObject({ error: null, providerId: theirId(), result: { url: expect.any(String) } });
  // The `_id` may have come with an earlier callback than the result.
  const healed = end.history.find(
    ({ status, version }) => version > failed.version && status === 'COMPLETED',
  );
  expect(healed?.note).toBe(`its result came after ${failed.error?.code}`);
  expect(Date.parse(end.finishedAt ?? '')).toBeGreaterThan(Date.parse(failed.finishedAt ?? ''));
  await expect
    .poll(() => all.filter(({ id }) => id === failed.id).map(({ status }) => status))
    .toContain('COMPLETED');
}

describe.each(['callback', 'polling'] as const)(
  'A result that comes after DEADLINE_EXCEEDED, by %s',
  (way) => {
    it('completes the job: queries, new followers, followers of all jobs and the archive see it', async () => {
      const env = { POLL_AFTER_MS: way === 'polling' ? '50' : '3600000' };
      const faults = { rates: { webhook: { drop: way === 'polling' ? 1 : 0 } } };
      await start({ env, sandbox: { faults } });
      const all = await everything();
      const input = oneFace({ idempotencyKey: 'paid-once' }, '?sandbox-fault=stall');
      const job = await submit(gateway.url, input);
      const failed = (await follow(gateway.url, job.id)).at(-1);
      expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'DEADLINE_EXCEEDED' } });
      if (failed === undefined) return;
      // Meanwhile its slot is free.
      const other = await submit(gateway.url);
      expect((await follow(gateway.url, other.id)).at(-1)?.status).toBe('COMPLETED');

      gateway.sandbox.finish(theirId());
      await expect.poll(async () => (await lookUp(gateway.url, job.id)).result?.archived).toBe(true);
      await expectHealed(failed, all.seen);
      expect(await submit(gateway.url, input)).toMatchObject({ id: job.id, status: 'COMPLETED' });
      expect(gateway.sandbox.bills).toHaveLength(2);
      await all.end();
    });
  },
);

describe('A result that comes after SUBMIT_UNCONFIRMED', () => {
  it('completes the job', async () => {
    await start({ env: { AKOOL_TIMEOUT_MS: '1000', KEEP_RESULTS: 'false' } });
    const all = await everything();
    const late = gateway.sandbox.hold('webhook');
    const job = await submit(gateway.url, oneFace({}, '?sandbox-fault=reset-after-accept'));
    expect(job.status).toBe('UNCONFIRMED');
    const failed = (await follow(gateway.url, job.id)).at(-1);
    expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'SUBMIT_UNCONFIRMED' } });
    if (failed === undefined) return;
    late.release();
    await expectHealed(failed, all.seen);
    await all.end();
  });

  it('is asked for when only an earlier callback arrives, which brings the _id', async () => {
    await start({
      env: { AKOOL_TIMEOUT_MS: '1000', KEEP_RESULTS: 'false', POLL_AFTER_MS: '50' },
      sandbox: { faults: { script: [{ on: 'webhook', nth: 2, fault: 'drop' }] } },
    });
    const late = gateway.sandbox.hold('webhook');
    const job = await submit(gateway.url, oneFace({}, '?sandbox-fault=reset-after-accept'));
    const failed = (await follow(gateway.url, job.id)).at(-1);
    expect(failed?.error?.code).toBe('SUBMIT_UNCONFIRMED');
    late.release();
    await expect.poll(async () => (await lookUp(gateway.url, job.id)).status).toBe('COMPLETED');
  });
});

describe("A callback's _id that contradicts the answer to the submit", () => {
  const WRONG = '0123456789abcdef01234567';

  async function callback(_id: string, status: number): Promise<number> {
    const { sandbox } = gateway;
    const url = `${sandbox.url}/results/${_id}.png`;
    const sealed = seal(
      { _id, status, type: 'faceswap', url: status === 3 ? url : '' },
      { clientId: sandbox.clientId, clientSecret: sandbox.apiKey, timestamp: Date.now(), nonce: '1' },
    );
    const response = await fetch(sandbox.jobs[0]?.webhookUrl ?? '', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sealed),
    });
    return response.status;
  }

  it.each([2, 3, 4])('loses when it came first, whatever it said: status %i', async (status) => {
    await start({
      env: { JOB_DEADLINE_MS: '60000', KEEP_RESULTS: 'false' },
      sandbox: { queueMs: 3_600_000 },
    });
    const gate = gateway.sandbox.hold('accepted');
    const submitting = submit(gateway.url);
    await gate.arrived;
    expect(await callback(WRONG, status)).toBe(200);
    gate.release();
    const { id } = await submitting;
    await expect.poll(async () => (await lookUp(gateway.url, id)).providerId).toBe(theirId());
    const now = await lookUp(gateway.url, id);
    expect(now).toMatchObject({ status: status === 2 ? 'PROCESSING' : 'QUEUED', result: null, error: null });

    expect(await callback(WRONG, 3)).toBe(400);
    expect(await callback(theirId(), 3)).toBe(200);
    const end = await lookUp(gateway.url, id);
    expect(end).toMatchObject({ status: 'COMPLETED', providerId: theirId() });
    expect(end.result?.providerUrl).toContain(theirId());
    expectWholeLife(await follow(gateway.url, id), end);
  });

  it('is refused when it comes second', async () => {
    await start({ env: { JOB_DEADLINE_MS: '60000' }, sandbox: { queueMs: 3_600_000 } });
    const job = await submit(gateway.url);
    expect(await callback(WRONG, 3)).toBe(400);
    expect(await lookUp(gateway.url, job.id)).toEqual(job);
  });
});
