import type { Job } from '../src/index.js';

/** A job that was canceled while it waited. */
export const CANCELED_JOB: Job = {
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
  history: [],
  reference: null,
  metadata: null,
  sourceImage: [],
  targetImage: [],
};
