/** A job as the schema's types see it. */
import type { ArchivedFile, Job } from '../services/jobs/job.js';
import type { FaceSwapJobType } from './face-swap-job.type.js';
import type { FaceSwapPlusJobType } from './face-swap-plus-job.type.js';
import type { JobResultType, JobType } from './job.type.js';

/** Where a kept result is served. */
export type MediaUrl = (file: ArchivedFile) => string;

/** A node keeps the job it shows, for the fields that must be looked up. */
export type JobNode = JobType & { readonly __typename: string; readonly job: Job };

export function toJobNode(job: Job, mediaUrl: MediaUrl): JobNode {
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
    result: toResult(job, mediaUrl),
    error: job.error,
  };
  switch (request.kind) {
    case 'PRO': {
      const { kind: _kind, detectOpts: _detectOpts, ...fields } = request;
      return { __typename: 'FaceSwapJob', ...common, ...fields };
    }
    case 'PLUS': {
      const { kind: _kind, ...fields } = request;
      return { __typename: 'FaceSwapPlusJob', ...common, ...fields };
    }
  }
}

/** @throws TypeError for a job of another kind */
export function toFaceSwapJob(job: Job, mediaUrl: MediaUrl): FaceSwapJobType {
  if (job.request.kind !== 'PRO') throw new TypeError(`Job ${job.id} is not a Face Swap Pro job`);
  return toJobNode(job, mediaUrl) as JobNode & FaceSwapJobType;
}

/** @throws TypeError for a job of another kind */
export function toFaceSwapPlusJob(job: Job, mediaUrl: MediaUrl): FaceSwapPlusJobType {
  if (job.request.kind !== 'PLUS') throw new TypeError(`Job ${job.id} is not a Face Swap Plus job`);
  return toJobNode(job, mediaUrl) as JobNode & FaceSwapPlusJobType;
}

function toResult({ result }: Job, mediaUrl: MediaUrl): JobResultType | null {
  if (result === null) return null;
  const { archive, providerUrl, providerUrlExpiresAt } = result;
  return {
    url: archive === null ? providerUrl : mediaUrl(archive),
    providerUrl,
    providerUrlExpiresAt,
    archived: archive !== null,
    contentType: archive?.contentType ?? null,
    byteSize: archive?.byteSize ?? null,
    sha256: archive?.sha256 ?? null,
  };
}
