/** Sample jobs, requests and times, for tests that do not depend on their details. */
import type { DetectedFrame } from '../../src/services/akool/akool-client.js';
import type { Job, JobUpdate } from '../../src/services/jobs/job.js';
import type { JobError } from '../../src/services/jobs/job-error.js';
import type { FaceSwapRequest } from '../../src/services/jobs/job-request.js';
import type { JobStore, NewJob } from '../../src/services/jobs/job-store.js';
import { NO_LABELS } from '../../src/services/jobs/labels.js';
import { newCallbackToken, newJobId } from '../../src/services/jobs/new-ids.js';
import { newJob } from '../../src/services/jobs/new-job.js';

export const NOON = Date.UTC(2026, 0, 31, 12);
export const HOUR = 60 * 60 * 1000;

export const request: FaceSwapRequest = {
  kind: 'PRO',
  sourceImage: [{ path: 'https://example.com/new-face.jpg', opts: null }],
  targetImage: [{ path: 'https://example.com/original.jpg', opts: '262,175:363,175:313,215:272,279' }],
  modelName: 'akool_faceswap_image_hq',
  faceEnhance: false,
  singleFaceMode: true,
  detectOpts: false,
};

/** A detected face. */
export const face: DetectedFrame['faces'][number] = {
  landmarks: [],
  landmarksStr: '1,1:2,2:3,3:4,4',
  cropLandmarks: null,
  faceUrl: null,
  region: { x: 0, y: 0, width: 1, height: 1 },
  cropRegion: null,
};

export const refusal: JobError = {
  code: 'INVALID_PARAMETERS',
  message: 'Akool found a parameter wrong or empty.',
  providerCode: 1003,
  retryable: false,
};

/** A job to be stored. */
export function newJobOf(tenant: string, more: Partial<NewJob> = {}): NewJob {
  return {
    id: newJobId(NOON),
    tenant,
    request,
    labels: NO_LABELS,
    callbackToken: newCallbackToken(NOON),
    at: NOON,
    deadlineAt: NOON + 24 * HOUR,
    idempotency: null,
    uploads: null,
    ...more,
  };
}

/** A job in memory, newly created by default. */
export function jobWith({ request: asked = request, ...changes }: Partial<Job & NewJob> = {}): Job {
  return { ...newJob({ ...newJobOf('tenant'), request: asked, turn: 0 }).job, ...changes };
}

/** The stored changes of one job, oldest first. */
export async function historyOf(
  store: Pick<JobStore, 'histories'>,
  id: string,
): Promise<readonly JobUpdate[]> {
  return (await store.histories([id])).get(id) ?? [];
}
