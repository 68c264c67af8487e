/** The tables for Kysely, and the conversion between rows and jobs. Times are milliseconds since 1970. */
import { type Generated, type Selectable, sql, type Updateable } from 'kysely';
import type { Change, Job, JobStatus, JobUpdateSource } from '../jobs/job.js';
import type { JobKind } from '../jobs/job-request.js';

export interface Tables {
  jobs: JobTable;
  job_updates: JobUpdateTable;
  idempotency_keys: IdempotencyKeyTable;
  queue: QueueTable;
  secrets: SecretTable;
  instances: InstanceTable;
  compatibility: CompatibilityTable;
  face_swap_migrations: MigrationTable;
  kysely_migration: KyselyMigrationTable;
  job_changes: JobChangeTable;
  batches: BatchTable;
  clock: ClockTable;
  uploads: UploadTable;
  job_uploads: JobUploadTable;
}

export interface JobTable {
  sequence: Generated<number>;
  id: string;
  tenant: string;
  status: JobStatus;
  version: number;
  turn: number;
  created_at: number;
  updated_at: number;
  finished_at: number | null;
  provider_id: string | null;
  provider_job_id: string | null;
  callback_token: string;
  announced_position: number | null;
  announced_hold: number | null;
  credit_refused: number | null;
  /** See `picturesOf`. */
  pictures: number | null;
  /** Null if the previous version stored the job. */
  kind: JobKind | null;
  attempts: number;
  sent_at: number | null;
  retry_at: number | null;
  slot_free_at: number | null;
  deadline_at: number;
  poll_at: number | null;
  archive_at: number | null;
  archive_attempts: number;
  erase_at: number | null;
  /** When the provider's copy expires, as long as it is the only one. */
  expires_at: number | null;
  /** JSON, of the types with the same names. */
  result: string | null;
  error: string | null;
  reference: string | null;
  /** JSON. */
  metadata: string | null;
  request: string;
}

export interface JobUpdateTable {
  job_id: string;
  version: number;
  status: JobStatus;
  at: number;
  source: JobUpdateSource;
  note: string | null;
}

/** Outlives its job, so that a late retry is still recognized. */
interface IdempotencyKeyTable {
  tenant: string;
  key: string;
  fingerprint: string;
  job_id: string;
  created_at: number;
  /** Null as long as the job exists. */
  forget_at: number | null;
}

/** One row. */
export interface QueueTable {
  id: number;
  /** The turn being served. */
  turn: number;
  /** JSON, of the type with the same name. */
  account_hold: string | null;
}

/** Secrets that all instances share. */
interface SecretTable {
  name: string;
  /** Base64url. */
  value: string;
}

/** The gateways that share the store. */
interface InstanceTable {
  id: string;
  seen_at: number;
}

/** One row. */
interface CompatibilityTable {
  id: number;
  /** The migration that a program must know to use the tables. */
  usable_from: string;
}

/** The migrations that have run. */
interface MigrationTable {
  name: string;
  /** ISO 8601. */
  at: string;
}

/** The same, of the previous release or of another program. */
interface KyselyMigrationTable {
  name: string;
  timestamp: string;
}

/** A change of a job, numbered in the order of commits. Kept for a day, even if the job is gone. */
interface JobChangeTable {
  number: Generated<number>;
  tenant: string;
  job_id: string;
  at: number;
}

/** The last batch of writes that each instance has committed: see `PostgresTransactions`. */
interface BatchTable {
  writer: string;
  number: number;
}

/** One row. */
interface ClockTable {
  id: number;
  /** The last reading of the clock of stored times; 0: none. */
  read_at: number;
}

export interface UploadTable {
  sequence: Generated<number>;
  id: string;
  tenant: string;
  name: string;
  put_token: string;
  created_at: number;
  /** See `Upload.expiresAt`. While an unfinished job needs it, it is moved on each time it is reached. */
  expires_at: number;
  /** Set if nobody can see it any more: when the next attempt to erase the rest is due. */
  erase_at: number | null;
  /** The attempt to send its bytes that is under way, or has succeeded. */
  claim: string | null;
  claim_until: number | null;
  /** Counts for the tenant's quota: as announced, then as stored. */
  bytes: number;
  /** Of the bytes as they were sent; null until it is `READY`. */
  sent_sha256: string | null;
  /** 1 if no job has named it since it was handed out, so that no deleted job takes it along; otherwise 0. */
  handed_out: number;
  /** JSON, of the types `Announcement` and `KeptUpload`. */
  announced: string;
  kept: string | null;
}

/** Which uploads a job names. The previous release leaves these rows when it erases a job. */
interface JobUploadTable {
  upload_id: string;
  job_id: string;
}

/** All columns of a job except its request and its metadata, of which only the sizes are read. */
export const jobColumns = [
  'sequence',
  'id',
  'tenant',
  'status',
  'version',
  'turn',
  'created_at',
  'updated_at',
  'finished_at',
  'provider_id',
  'provider_job_id',
  'callback_token',
  'announced_position',
  'announced_hold',
  'credit_refused',
  'pictures',
  'attempts',
  'sent_at',
  'retry_at',
  'slot_free_at',
  'deadline_at',
  'poll_at',
  'archive_at',
  'archive_attempts',
  'erase_at',
  'result',
  'error',
  'reference',
  // The JSON of a request begins with its kind.
  sql<JobKind>`coalesce(kind, case substr(request, 1, 14) when '{"kind":"PLUS"' then 'PLUS' else 'PRO' end)`.as(
    'kind',
  ),
  sql<number>`octet_length(request)`.as('request_bytes'),
  sql<number>`coalesce(octet_length(metadata), 0)`.as('metadata_bytes'),
] as const;

export type JobRow = Omit<Selectable<JobTable>, 'kind' | 'expires_at' | 'request' | 'metadata'> & {
  readonly kind: JobKind;
  readonly request_bytes: number;
  readonly metadata_bytes: number;
};

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    tenant: row.tenant,
    kind: row.kind,
    requestBytes: row.request_bytes,
    reference: row.reference,
    metadataBytes: row.metadata_bytes,
    pictures: row.pictures,
    status: row.status,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    finishedAt: row.finished_at,
    providerId: row.provider_id,
    providerJobId: row.provider_job_id,
    callbackToken: row.callback_token,
    turn: row.turn,
    sequence: row.sequence,
    announcedPosition: row.announced_position,
    announcedHold: row.announced_hold,
    creditRefused: row.credit_refused,
    attempts: row.attempts,
    sentAt: row.sent_at,
    retryAt: row.retry_at,
    slotFreeAt: row.slot_free_at,
    deadlineAt: row.deadline_at,
    pollAt: row.poll_at,
    archiveAt: row.archive_at,
    archiveAttempts: row.archive_attempts,
    eraseAt: row.erase_at,
    result: row.result === null ? null : (JSON.parse(row.result) as Job['result']),
    error: row.error === null ? null : (JSON.parse(row.error) as Job['error']),
  };
}

/** Converts a change to columns. Those that did not change are undefined, and left alone. */
export function toChangedColumns({ changes, request }: Change): Updateable<JobTable> {
  const { result, error } = changes;
  return {
    status: changes.status,
    version: changes.version,
    updated_at: changes.updatedAt,
    finished_at: changes.finishedAt,
    provider_id: changes.providerId,
    provider_job_id: changes.providerJobId,
    announced_position: changes.announcedPosition,
    announced_hold: changes.announcedHold,
    credit_refused: changes.creditRefused,
    attempts: changes.attempts,
    sent_at: changes.sentAt,
    retry_at: changes.retryAt,
    slot_free_at: changes.slotFreeAt,
    deadline_at: changes.deadlineAt,
    poll_at: changes.pollAt,
    archive_at: changes.archiveAt,
    archive_attempts: changes.archiveAttempts,
    erase_at: changes.eraseAt,
    expires_at: result && (result.archive === null ? result.providerUrlExpiresAt : null),
    result: result && JSON.stringify(result),
    error: error && JSON.stringify(error),
    request: request ?? undefined,
  };
}
