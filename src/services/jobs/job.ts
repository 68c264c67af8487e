/** A job as it is stored: its states are told of in transition.ts. */
import type { JobError, JobErrorCode } from './job-error.js';
import type { JobKind } from './job-request.js';

export const JOB_STATUSES = [
  'WAITING',
  'SUBMITTING',
  'UNCONFIRMED',
  'QUEUED',
  'PROCESSING',
  'COMPLETED',
  'FAILED',
  'CANCELED',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Who or what brought a change about. */
export const JOB_UPDATE_SOURCES = ['CLIENT', 'GATEWAY', 'SUBMIT', 'WEBHOOK', 'POLL'] as const;
export type JobUpdateSource = (typeof JOB_UPDATE_SOURCES)[number];

/** A finished picture or video. Times are milliseconds since 1970, UTC. */
export interface JobResult {
  readonly providerUrl: string;
  /** Akool keeps a result for 7 days after it made it (page "Face Swap Pro"). */
  readonly providerUrlExpiresAt: number;
  /** Our own copy, once there is one. */
  readonly archive: ArchivedFile | null;
}

export interface ArchivedFile {
  /** The unguessable name under which the copy is kept and served. */
  readonly name: string;
  readonly contentType: string;
  readonly byteSize: number;
  readonly sha256: string;
}

/**
 * One accepted submit, without its request, which may be large: see `JobStore.requests`. Times are milliseconds since
 * 1970, UTC.
 */
export interface Job {
  readonly id: string;
  readonly tenant: string;
  readonly kind: JobKind;
  /** The size of its stored request. */
  readonly requestBytes: number;
  /** See `picturesOf`; also null where the version before stored the job. */
  readonly pictures: number | null;
  readonly status: JobStatus;
  /** Starts at 1 and grows by one with every stored change. */
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
  /** Akool's `_id`: the name by which results are asked for. */
  readonly providerId: string | null;
  /** Akool's `job_id`. */
  readonly providerJobId: string | null;
  /** The unguessable last part of this job's own webhook address. */
  readonly callbackToken: string;
  /** Orders the queue: see `JobStore.lease`. */
  readonly turn: number;
  /** Orders all jobs by their creation. */
  readonly sequence: number;
  /** The queue position that followers were last told; a hint for coalescing, not the position itself. */
  readonly announcedPosition: number | null;
  /** The hold of dispatch that followers were last told of (`AccountHold.since`); null: none. */
  readonly announcedHold: number | null;
  /** The balance at which Akool last refused this job for want of credit; null: never. See `AccountHold`. */
  readonly creditRefused: number | null;
  /** How often this job was handed to Akool. More than one only after tries that surely were not accepted. */
  readonly attempts: number;
  /** When the last try began. */
  readonly sentAt: number | null;
  /** While WAITING: it is not handed over before then; null: as soon as it is its turn. */
  readonly retryAt: number | null;
  /** While UNCONFIRMED: when its slot is given back. */
  readonly slotFreeAt: number | null;
  /** After this the job fails: a limit on waiting while WAITING, on the provider's work afterwards. */
  readonly deadlineAt: number;
  /** While at the provider: when it is asked about, unless it reports by itself before. */
  readonly pollAt: number | null;
  /** When its result is to be fetched into the archive; null: not at all, not any more, or not yet. */
  readonly archiveAt: number | null;
  /** Attempts at that which failed. */
  readonly archiveAttempts: number;
  /** Deleted for its tenant since then; what is left of it is being erased. */
  readonly eraseAt: number | null;
  readonly result: JobResult | null;
  readonly error: JobError | null;
}

/** One line of a job's history. */
export interface JobUpdate {
  readonly version: number;
  readonly status: JobStatus;
  readonly at: number;
  readonly source: JobUpdateSource;
  readonly note: string | null;
}

/** A stored change: the job as it is afterwards, and the line of history that says why. */
export interface Change {
  readonly job: Job;
  readonly update: JobUpdate;
  /** What it sets. The rest stays as it is stored, also what was rescheduled meanwhile: that is no version. */
  readonly changes: Partial<Job>;
  /** The text of the request, where that is set too; null: it stays as it is stored. */
  readonly request: string | null;
}

const FINAL: ReadonlySet<JobStatus> = new Set(['COMPLETED', 'FAILED', 'CANCELED']);
const AT_PROVIDER: ReadonlySet<JobStatus> = new Set(['QUEUED', 'PROCESSING']);

export function isFinal(status: JobStatus): boolean {
  return FINAL.has(status);
}

/** Why a job failed whose result may still arrive: Akool has it, or may have it. */
const LATE: ReadonlySet<JobErrorCode> = new Set<JobErrorCode>(['DEADLINE_EXCEEDED', 'SUBMIT_UNCONFIRMED']);

/** It failed only because time ran out: its result completes it, whenever it comes. */
export function isHealable({ status, error, eraseAt }: Job): boolean {
  return status === 'FAILED' && eraseAt === null && error !== null && LATE.has(error.code);
}

/** Nothing more will happen that a follower of the job would wait for. */
export function isSettled(job: Job): boolean {
  // A copy that is on its way is worth a moment; one whose first attempt failed may take days.
  return isFinal(job.status) && (job.archiveAt === null || job.archiveAttempts > 0);
}

/** Akool has it and works on it. */
export function isAtProvider(status: JobStatus): boolean {
  return AT_PROVIDER.has(status);
}

/**
 * Whether a report by this `_id` can be about this job: the `_id` is the job's own, or the job has none yet. That holds
 * for WAITING too: a try that looked unaccepted was accepted, or the job was sent after the backup that was restored.
 */
export function isReportFor({ providerId: own }: Job, providerId: string): boolean {
  return own === null || own === providerId;
}
