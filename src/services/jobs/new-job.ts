/** Creates new jobs. */
import { type Birth, FIRST_VERSION, type Job, type JobUpdate } from './job.js';
import { type JobRequest, picturesOf } from './job-request.js';
import type { Labels } from './labels.js';

/** A new job and the first entry of its history. The store assigns `sequence`. */
export function newJob(born: {
  readonly id: string;
  readonly tenant: string;
  readonly request: JobRequest;
  readonly labels: Labels;
  readonly callbackToken: string;
  readonly at: number;
  readonly deadlineAt: number;
  readonly turn: number;
}): Birth {
  const request = JSON.stringify(born.request);
  const { reference } = born.labels;
  const metadata = born.labels.metadata && JSON.stringify(born.labels.metadata);
  const job: Job = {
    id: born.id,
    tenant: born.tenant,
    kind: born.request.kind,
    requestBytes: Buffer.byteLength(request),
    reference: reference === null ? null : copied(reference),
    metadataBytes: Buffer.byteLength(metadata ?? ''),
    pictures: picturesOf(born.request),
    status: 'WAITING',
    version: FIRST_VERSION,
    createdAt: born.at,
    updatedAt: born.at,
    finishedAt: null,
    providerId: null,
    providerJobId: null,
    callbackToken: born.callbackToken,
    turn: born.turn,
    sequence: 0,
    announcedPosition: null,
    announcedHold: null,
    creditRefused: null,
    attempts: 0,
    sentAt: null,
    retryAt: null,
    slotFreeAt: null,
    deadlineAt: born.deadlineAt,
    pollAt: null,
    archiveAt: null,
    archiveAttempts: 0,
    eraseAt: null,
    result: null,
    error: null,
  };
  return {
    job,
    update: birthOf(job),
    changes: job,
    request,
    metadata,
  };
}

/** What a client sent may be a slice of its whole body, which would stay in memory with the job. */
function copied(text: string): string {
  return Buffer.from(text).toString();
}

/** The first history entry of any job. */
export function birthOf({ createdAt }: Pick<Job, 'createdAt'>): JobUpdate {
  return { version: FIRST_VERSION, status: 'WAITING', at: createdAt, source: 'CLIENT', note: null };
}
