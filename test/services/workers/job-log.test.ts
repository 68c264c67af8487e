import { expect, test } from 'vitest';
import { logEndedJobs } from '../../../src/services/workers/job-log.js';
import { recordedLog } from '../../support/harness.js';
import { HOUR, NOON, refusal } from '../../support/samples.js';
import { openWorkshop } from '../../support/workshop.js';

test('each job that ends has one line, with its status, and with what to do if the operator can do something', async () => {
  const { log, lines } = recordedLog();
  const { jobs, create, atProvider } = await openWorkshop();
  const stop = logEndedJobs(jobs, log);
  const canceled = await create();
  await jobs.apply(canceled, { type: 'canceled', at: NOON });
  const failed = await atProvider('p1');
  const error = { ...refusal, code: 'INSUFFICIENT_CREDIT' } as const;
  await jobs.apply(failed.id, { type: 'expired', at: NOON, error });
  const done = await atProvider('p2');
  await jobs.apply(done.id, {
    type: 'reported',
    at: NOON,
    pollAt: NOON,
    deadlineAt: NOON + HOUR,
    source: 'POLL',
    providerId: 'p2',
    report: { status: 'COMPLETED', url: 'https://cdn.example/1.png', expiresAt: NOON + HOUR, keep: false },
  });
  await jobs.apply(done.id, { type: 'deleted', at: NOON });
  const unsent = await create();
  await jobs.lease(1, 3 * HOUR);
  await jobs.apply(unsent.id, {
    type: 'not-accepted',
    at: NOON,
    retryAt: null,
    deadlineAt: NOON,
    reason: 'Not sent.',
  });
  await jobs.apply(unsent.id, {
    type: 'expired',
    at: NOON,
    error: { ...refusal, code: 'DEADLINE_EXCEEDED' },
  });
  expect(lines).toMatchObject([
    { level: 30, job: canceled.id, status: 'CANCELED', msg: 'job ended' },
    {
      level: 40,
      job: failed.id,
      status: 'FAILED',
      code: 'INSUFFICIENT_CREDIT',
      advice: expect.stringContaining('top it up'),
    },
    { level: 30, job: done.id, status: 'COMPLETED', attempts: 1 },
    { level: 40, job: unsent.id, attempts: 1, advice: expect.stringContaining('AKOOL_BASE_URL') },
  ]);
  stop();
  await jobs.apply(await create(), { type: 'canceled', at: NOON });
  expect(lines).toHaveLength(4);
});
