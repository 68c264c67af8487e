/** A job as the schema's types see it. */
import type { Job } from '../services/jobs/job.js';
import type { FaceSwapRequest } from '../services/jobs/job-request.js';
import type { FaceSwapJobType } from './face-swap-job.type.js';
import type { JobResultType, JobType } from './job.type.js';

/** A node keeps the job it shows, for the fields that must be looked up. */
export type JobNode = JobType & { readonly __typename: string; readonly job: Job };

export function toJobNode(job: Job): JobNode {
  const { request } = job;
  const common = {
    job,
    id: job.id,
    status: job.status,
    version: job.version,
    createdAt: job.createdAt,
    updatedAt: job.updatedAt,
    finishedAt: job.finishedAt,
    providerId: job.providerId,
    providerJobId: job.providerJobId,
    result: toResult(job),
    error: job.error,
  };
  switch (request.kind) {
    case 'PRO':
      return { __typename: 'FaceSwapJob', ...common, ...proFields(request) };
    case 'PLUS':
      return { __typename: 'FaceSwapPlusJob', ...common };
  }
}

/** @throws TypeError for a job of another kind */
export function toFaceSwapJob(job: Job): FaceSwapJobType {
  if (job.request.kind !== 'PRO') throw new TypeError(`Job ${job.id} is not a Face Swap Pro job`);
  return toJobNode(job) as JobNode & FaceSwapJobType;
}

function proFields(request: FaceSwapRequest) {
  const { sourceImage, targetImage, modelName, faceEnhance, singleFaceMode } = request;
  return { sourceImage, targetImage, modelName, faceEnhance, singleFaceMode };
}

function toResult({ result }: Job): JobResultType | null {
  if (result === null) return null;
  return {
    url: result.providerUrl,
    providerUrl: result.providerUrl,
    providerUrlExpiresAt: result.providerUrlExpiresAt,
    archived: result.archive !== null,
    contentType: result.archive?.contentType ?? null,
    byteSize: result.archive?.byteSize ?? null,
    sha256: result.archive?.sha256 ?? null,
  };
}
