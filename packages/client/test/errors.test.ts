import { expect, it } from 'vitest';
import { type Job, JobFailed, RequestRefused } from '../src/index.js';

const JOB: Job = {
  __typename: 'FaceSwapJob',
  id: '1',
  status: 'CANCELED',
  version: 2,
  queuePosition: null,
  waitingReason: null,
  createdAt: '2026-01-31T12:00:00.000Z',
  updatedAt: '2026-01-31T12:00:01.000Z',
  finishedAt: '2026-01-31T12:00:01.000Z',
  result: null,
  error: null,
  reference: null,
  metadata: null,
  sourceImage: [],
  targetImage: [],
};

it('a failed job tells its user what the gateway says, and a canceled one that it was canceled', () => {
  const error = {
    code: 'NO_FACE_FOUND',
    message: 'Akool found no face',
    retryable: false,
    audience: 'USER',
    userMessage: 'No face was found.',
  } as const;
  const failed: Job = { ...JOB, status: 'FAILED', error };
  const { code, audience, userMessage, retryable, message } = error;
  expect(new JobFailed(failed)).toMatchObject({
    code,
    audience,
    userMessage,
    retryable,
    message,
    job: failed,
  });
  expect(new JobFailed(JOB)).toMatchObject({ code: 'CANCELED', audience: 'USER', retryable: true, job: JOB });
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
