import { expect, it } from 'vitest';
import { type Job, JobFailed, RequestRefused } from '../src/index.js';
import { CANCELED_JOB } from './sample-job.js';

it('a failed job tells its user what the gateway says, and a canceled one that it was canceled', () => {
  const error = {
    code: 'NO_FACE_FOUND',
    message: 'Akool found no face',
    retryable: false,
    audience: 'USER',
    userMessage: 'No face was found.',
  } as const;
  const failed: Job = { ...CANCELED_JOB, status: 'FAILED', error };
  const { code, audience, userMessage, retryable, message } = error;
  expect(new JobFailed(failed)).toMatchObject({
    code,
    audience,
    userMessage,
    retryable,
    message,
    job: failed,
  });
  expect(new JobFailed(CANCELED_JOB)).toMatchObject({
    code: 'CANCELED',
    audience: 'USER',
    retryable: true,
    job: CANCELED_JOB,
  });
});

it('a refusal without details has none', () => {
  expect(new RequestRefused('QUEUE_FULL', 'Too many')).toMatchObject({
    name: 'RequestRefused',
    code: 'QUEUE_FULL',
    message: 'Too many',
    fieldErrors: [],
    retryAfter: null,
  });
});
