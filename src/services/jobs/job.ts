/** A job as it is stored; transition.ts describes its states. */
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

/** Who or what made a change. */
export const JOB_UPDATE_SOURCES = ['CLIENT', 'GATEWAY', 'SUBMIT', 'WEBHOOK', 'POLL'] as const;
export type JobUpdateSource = (typeof JOB_UPDATE_SOURCES)[number];

/** A finished picture or video. Times are milliseconds since 1970, UTC. */
export interface JobResult {
  readonly providerUrl: string;
  /** 7 days after Akool made the result (page "Face Swap Pro"). */
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
 * One accepted submit, without its request, which may be large (see `JobStore.requests`), and its metadata.
 * Times are milliseconds since 1970, UTC.
 */
export interface Job {
  readonly id: string;
  readonly tenant: string;
  readonly kind: JobKind;
  /** The size of the stored request. */
  readonly requestBytes: number;
  /** See `Labels`. */
  readonly reference: string | null;
  /** The size of the stored metadata; 0: there is none. */
  readonly metadataBytes: number;
  /** See `picturesOf`; also null if an older version stored the job. */
  readonly pictures: number | null;
  readonly status: JobStatus;
  /** Starts at 1 and grows by one with every stored change. */
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
  /** Akool's `_id`, by which the job is polled. */
  readonly providerId: string | null;
  /** Akool's `job_id`. */
  readonly providerJobId: string | null;
  /** The unguessable last part of this job's callback URL. */
  readonly callbackToken: string;
  /** Orders the queue: see `JobStore.lease`. */
  readonly turn: number;
  /** Orders all jobs by their creation. */
  readonly sequence: number;
  /** The queue position last announced to followers; used to limit updates, not the position itself. */
  readonly announcedPosition: number | null;
  /** The account hold last announced to followers (`AccountHold.since`); null: none. */
  readonly announcedHold: number | null;
  /** The balance at which Akool last refused this job for lack of credit; null: never. See `AccountHold`. */
  readonly creditRefused: number | null;
  /** How often this job was sent. Above 1 only after attempts that were definitely not accepted. */
  readonly attempts: number;
  /** When the last attempt began. */
  readonly sentAt: number | null;
  /** While WAITING: it is not sent before then; null: as soon as it is its turn. */
  readonly retryAt: number | null;
  /** While UNCONFIRMED: when its slot is released. */
  readonly slotFreeAt: number | null;
  /** When the job fails: limits the wait while WAITING, and the provider's work afterwards. */
  readonly deadlineAt: number;
  /** While at the provider: when it is polled, unless a callback comes first. */
  readonly pollAt: number | null;
  /**
   * When the next attempt to archive its result is due; null: never, no longer, or not yet. Of a deleted job: how long an
   * attempt may still be writing its copy.
   */
  readonly archiveAt: number | null;
  /** Failed attempts to archive it. */
  readonly archiveAttempts: number;
  /** Set if the tenant can no longer see the job: when the next attempt to erase the rest is due. */
  readonly eraseAt: number | null;
  readonly result: JobResult | null;
  readonly error: JobError | null;
}

/** One entry of a job's history. */
export interface JobUpdate {
  readonly version: number;
  readonly status: JobStatus;
  readonly at: number;
  readonly source: JobUpdateSource;
  readonly note: string | null;
}

/** The version of a new job. */
export const FIRST_VERSION = 1;

/** A change to store: the job afterwards, and the history entry that explains it. */
export interface Change {
  readonly job: Job;
  readonly update: JobUpdate;
  /**
   * The fields to set. Other fields keep their stored values, because rescheduling them creates no new
   * version.
   */
  readonly changes: Partial<Job>;
  /** The new text of the request; null: unchanged. */
  readonly request: string | null;
}

/** The change that creates a job. */
export interface Birth extends Change {
  readonly request: string;
  readonly metadata: string | null;
}

const FINAL: ReadonlySet<JobStatus> = new Set(['COMPLETED', 'FAILED', 'CANCELED']);
const AT_PROVIDER: ReadonlySet<JobStatus> = new Set(['QUEUED', 'PROCESSING']);

export function isFinal(status: JobStatus): boolean {
  return FINAL.has(status);
}

/** Errors of jobs whose result may still arrive, because Akool has the job or may have it. */
const LATE: ReadonlySet<JobErrorCode> = new Set<JobErrorCode>(['DEADLINE_EXCEEDED', 'SUBMIT_UNCONFIRMED']);

/** Whether it failed only because time ran out, so that a late result still completes it. */
export function isHealable({ status, error, eraseAt }: Job): boolean {
  return status === 'FAILED' && eraseAt === null && error !== null && LATE.has(error.code);
}

/** How long an attempt to archive a result holds its job unless it renews that, in milliseconds. */
export const ARCHIVE_CLAIM_MS = 30_000;

/** Whether nothing more will happen that a follower would wait for. */
export function isSettled(job: Job): boolean {
  // A first attempt to copy is worth waiting for; after it failed, the copy may take days.
  return isFinal(job.status) && (job.archiveAt === null || job.archiveAttempts > 0);
}

/** Whether Akool has accepted the job and not finished it. */
export function isAtProvider(status: JobStatus): boolean {
  return AT_PROVIDER.has(status);
}

/**
 * Whether a report with this `_id` can be about this job: the `_id` is the job's own, or the job has none
 * yet. The latter includes WAITING jobs: an attempt may have been accepted after all, or the job was sent
 * after the restored backup was made.
 */
export function isReportFor({ providerId: own }: Job, providerId: string): boolean {
  return own === null || own === providerId;
}
