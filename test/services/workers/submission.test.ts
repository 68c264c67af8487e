import { describe, expect, test } from 'vitest';
import { Submission } from '../../../src/services/workers/submission.js';
import { Gate, until } from '../../support/gate.js';
import { withMethods } from '../../support/harness.js';
import { HOUR, refusal, request } from '../../support/samples.js';
import { acceptedAs, openWorkshop, type Workshop, type WorkshopOptions } from '../../support/workshop.js';

async function openSubmission(waitMs: number, options: WorkshopOptions = {}) {
  const workshop = await openWorkshop(options);
  const dispatcher = workshop.dispatcher({ maxConcurrency: 1 });
  dispatcher.start();
  await dispatcher.pass();
  return { ...workshop, submission: new Submission({ jobs: workshop.jobs, dispatcher, waitMs }) };
}

async function fillTheSlot({ jobs, create }: Workshop): Promise<void> {
  await create('other');
  await jobs.lease(1, 3 * HOUR);
}

const LONG = 60_000;

describe('a submit is answered', () => {
  test('with QUEUED and the provider id when a slot is free', async () => {
    const { submission, bus } = await openSubmission(LONG);
    const { job, deduplicated } = await submission.submit('ann', request, null);
    expect(job).toMatchObject({ status: 'QUEUED', providerId: 'p1', providerJobId: 'job-p1' });
    expect(deduplicated).toBe(false);
    expect(bus.followedJobs()).toEqual([]);
  });

  test('with FAILED and the reason when Akool refuses', async () => {
    const { submission, akool } = await openSubmission(LONG);
    akool.onSubmit = async () => ({ kind: 'refused', error: refusal });
    const { job } = await submission.submit('ann', request, null);
    expect(job).toMatchObject({ status: 'FAILED', error: refusal });
  });

  test('with WAITING at once when no slot is free', async () => {
    const workshop = await openSubmission(LONG);
    await fillTheSlot(workshop);
    const { job } = await workshop.submission.submit('ann', request, null);
    expect(job.status).toBe('WAITING');
    expect(workshop.akool.submits).not.toContain(job.id);
  });

  test('with WAITING when Akool surely did not take it', async () => {
    const { submission, akool } = await openSubmission(LONG);
    akool.onSubmit = async () => ({
      kind: 'not-accepted',
      reason: 'too many',
      retryAfterMs: 60_000,
    });
    const { job } = await submission.submit('ann', request, null);
    expect(job).toMatchObject({ status: 'WAITING', attempts: 1 });
  });

  test('with UNCONFIRMED when nobody knows', async () => {
    const { submission, akool } = await openSubmission(LONG);
    akool.onSubmit = async () => ({ kind: 'unknown', reason: 'timeout' });
    expect((await submission.submit('ann', request, null)).job.status).toBe('UNCONFIRMED');
  });

  test('with SUBMITTING when Akool takes longer than the answer may wait', async () => {
    const gate = new Gate();
    const { submission, akool, bus, get } = await openSubmission(3000);
    akool.onSubmit = async () => {
      await gate.pass();
      return acceptedAs('p1');
    };
    const { job } = await submission.submit('ann', request, null);
    expect(job.status).toBe('SUBMITTING');
    expect(bus.followedJobs()).toEqual([]);
    gate.open();
    await until(async () => (await get(job)).status === 'QUEUED');
  });

  test('as soon as the job is stored when it is not to wait at all', async () => {
    const { submission } = await openSubmission(0);
    expect((await submission.submit('ann', request, null)).job).toMatchObject({
      status: 'WAITING',
      version: 1,
    });
  });

  test('in time although the store took its time to store it, or does not answer from then on', async () => {
    const waitMs = 50;
    const slow = new Gate();
    const { submission } = await openSubmission(waitMs, {
      wrapStore: (whole) =>
        withMethods(whole, {
          create: async (...given) => {
            await slow.pass();
            return whole.create(...given);
          },
        }),
    });
    const late = submission.submit('ann', request, null);
    await slow.arrived();
    await new Promise((resolve) => setTimeout(resolve, 2 * waitMs));
    slow.open();
    expect((await late).job).toMatchObject({ status: 'WAITING', version: 1 });

    const silence = new Gate();
    const silent = await openSubmission(waitMs, {
      wrapStore: (whole) =>
        withMethods(whole, {
          get: async (id) => {
            await silence.pass();
            return whole.get(id);
          },
        }),
    });
    expect((await silent.submission.submit('ann', request, null)).job.status).toBe('WAITING');
    silence.open();
    await until(() => silent.bus.followedJobs().length === 0);
  });

  test('with the same job for the same key, as it is now', async () => {
    const { submission, akool } = await openSubmission(LONG);
    const first = await submission.submit('ann', request, 'key');
    const again = await submission.submit('ann', request, 'key');
    expect(again).toEqual({ job: first.job, deduplicated: true });
    expect(akool.submits).toHaveLength(1);
  });

  test('with one job to fifty that come at once with the same key, and sends it once', async () => {
    const { submission, akool } = await openSubmission(LONG);
    const all = await Promise.all(Array.from({ length: 50 }, () => submission.submit('ann', request, 'key')));
    expect(new Set(all.map(({ job }) => `${job.id} ${job.status}`)).size).toBe(1);
    expect(all.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    expect(akool.submits).toHaveLength(1);
  });

  test('with the stored job, not an error, when only the following of it fails', async () => {
    for (const broken of ['get', 'followJob'] as const) {
      let fails = false;
      const failing = () => Promise.reject(new Error('down'));
      const { submission, store, jobs } = await openSubmission(LONG, {
        wrapStore: (whole) =>
          withMethods(whole, { get: (id) => (fails && broken === 'get' ? failing() : whole.get(id)) }),
        wrapBus: (whole) =>
          withMethods(whole, {
            followJob: (id, listener) =>
              fails && broken === 'followJob' ? failing() : whole.followJob(id, listener),
          }),
      });
      const forget = jobs.onChange(() => {
        fails = true;
      });
      const { job } = await submission.submit('ann', request, null);
      forget();
      fails = false;
      expect(await store.get(job.id), broken).not.toBeNull();
    }
  });
});
