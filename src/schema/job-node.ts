/** A job in the form that the schema's types resolve. */
import type { ArchivedFile, Job } from '../services/jobs/job.js';
import { USER_MESSAGES } from '../services/jobs/job-error.js';
import type { JobKind, JobRequest } from '../services/jobs/job-request.js';
import type { JobResultType, JobType } from './job.type.js';

/** Returns the URL of a kept result. */
export type MediaUrl = (file: ArchivedFile) => string;

/** Keeps the job, for fields that need a lookup. */
export interface JobNode extends JobType {
  readonly __typename: string;
  readonly job: Job;
  /** The request, if this operation submitted the job; otherwise null. */
  readonly submitted: JobRequest | null;
  /** The stored request, once it has been asked for. */
  request: JobRequest | Promise<JobRequest> | null;
  /** The same of its metadata; also set if this operation submitted it. */
  metadata: object | Promise<object | null> | null;
  /** Its position in the queue, if that is the news. */
  toldPosition: number | null;
}

/** Keeps the copy, for fields that depend on their arguments. */
export interface JobResultNode extends JobResultType {
  readonly archive: ArchivedFile | null;
}

export function toJobNode(job: Job, mediaUrl: MediaUrl, submitted: JobRequest | null = null): JobNode {
  return {
    __typename: TYPES[job.kind],
    job,
    submitted,
    request: null,
    metadata: null,
    toldPosition: null,
    id: job.id,
    status: job.status,
    version: job.version,
    createdAt: job.createdAt,
    updatedAt: job.updatedAt,
    finishedAt: job.finishedAt,
    providerId: job.providerId,
    providerJobId: job.providerJobId,
    result: toResult(job, mediaUrl),
    error: job.error && { ...job.error, ...USER_MESSAGES[job.error.code] },
  };
}

const TYPES: Readonly<Record<JobKind, string>> = { PRO: 'FaceSwapJob', PLUS: 'FaceSwapPlusJob' };

function toResult({ result }: Job, mediaUrl: MediaUrl): JobResultNode | null {
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
    archive,
  };
}
