/**
 * A job and its life, as a pure state machine: no clock, no store, no network.
 *
 * In prose. A job is born WAITING: stored, not yet sent. When a provider slot is free it is leased to one
 * dispatcher and is SUBMITTING, until the answer of the one request that may cost money is known:
 * accepted (QUEUED), refused for good (FAILED), surely never accepted (back to WAITING), refused for the account's
 * sake (back to WAITING: see account-hold.ts), or nobody knows (UNCONFIRMED: never sent again). From then on Akool reports, by webhook or when asked: QUEUED,
 * PROCESSING, COMPLETED, FAILED. Reports may come twice, late and out of order, so a status only ever moves
 * forward, and an event that has nothing new to say changes nothing.
 *
 * COMPLETED, FAILED and CANCELED are final, and a COMPLETED job may still gain a new version, when its result is
 * archived. Evidence outweighs an end in two cases only. A job that FAILED because time ran out while Akool had it,
 * or may have had it (DEADLINE_EXCEEDED, SUBMIT_UNCONFIRMED), becomes COMPLETED when its result arrives after all,
 * because it was paid; until then it can still be bound to its `_id` and asked about. And when the answer to the
 * submit names another `_id` than a callback that came before it, the answer is right: what that callback said was
 * not about this job, so even an end that it brought is taken back to QUEUED.
 */
import type { AccountHold } from './account-hold.js';
import type { JobError, JobErrorCode } from './job-error.js';
import type { JobRequest } from './job-request.js';

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

/** One accepted submit. Times are milliseconds since 1970, UTC. */
export interface Job {
  readonly id: string;
  readonly tenant: string;
  readonly request: JobRequest;
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

/** What can happen to a job. `at` is when the gateway learned of it. */
export type JobEvent =
  | { readonly type: 'leased'; readonly at: number; readonly deadlineAt: number }
  | {
      readonly type: 'moved';
      readonly at: number;
      readonly position: number;
      /** What blocks dispatch now. */
      readonly hold?: Pick<AccountHold, 'reason' | 'since'> | null;
    }
  | { readonly type: 'prepared'; readonly at: number; readonly request: JobRequest }
  | {
      readonly type: 'accepted';
      readonly at: number;
      readonly pollAt: number;
      readonly providerId: string;
      readonly providerJobId: string | null;
    }
  | { readonly type: 'refused'; readonly at: number; readonly error: JobError }
  | {
      readonly type: 'not-accepted';
      readonly at: number;
      /** Null: as soon as it is its turn again. */
      readonly retryAt: number | null;
      readonly deadlineAt: number;
      readonly reason: string;
    }
  /** Akool refused it for the account's sake. */
  | {
      readonly type: 'held';
      readonly at: number;
      readonly retryAt: number | null;
      readonly deadlineAt: number;
      readonly hold: Pick<AccountHold, 'reason' | 'since'>;
      /** The balance at which it was refused for want of credit; null: for another reason. */
      readonly creditRefused: number | null;
      readonly error: JobError;
    }
  | {
      readonly type: 'unconfirmed';
      readonly at: number;
      readonly slotFreeAt: number;
      readonly reason: string;
    }
  | {
      readonly type: 'reported';
      readonly at: number;
      readonly pollAt: number;
      readonly deadlineAt: number;
      readonly source: 'WEBHOOK' | 'POLL';
      readonly providerId: string;
      readonly report: ProviderReport;
    }
  | {
      readonly type: 'expired';
      readonly at: number;
      readonly error: JobError;
      /** When Akool is asked all the same, in case the result comes late; for a job that has an `_id`. */
      readonly pollAt?: number;
    }
  | { readonly type: 'canceled'; readonly at: number }
  | { readonly type: 'archived'; readonly at: number; readonly archive: ArchivedFile }
  | { readonly type: 'deleted'; readonly at: number };

/** What Akool says of a job. */
export type ProviderReport =
  | { readonly status: 'QUEUED' | 'PROCESSING' }
  | {
      readonly status: 'COMPLETED';
      readonly url: string;
      readonly expiresAt: number;
      /** Whether the result is to be kept. */
      readonly keep: boolean;
    }
  | { readonly status: 'FAILED'; readonly error: JobError };

/** A stored change: the job as it is afterwards, and the line of history that says why. */
export interface Change {
  readonly job: Job;
  readonly update: JobUpdate;
  /** What it sets. The rest stays as it is stored, also what was rescheduled meanwhile: that is no version. */
  readonly changes: Partial<Job>;
}

const FINAL: ReadonlySet<JobStatus> = new Set(['COMPLETED', 'FAILED', 'CANCELED']);
const AT_PROVIDER: ReadonlySet<JobStatus> = new Set(['QUEUED', 'PROCESSING']);

export function isFinal(status: JobStatus): boolean {
  return FINAL.has(status);
}

/** Why a job failed whose result may still arrive: Akool has it, or may have it. */
const LATE: ReadonlySet<JobErrorCode> = new Set<JobErrorCode>(['DEADLINE_EXCEEDED', 'SUBMIT_UNCONFIRMED']);

/** It failed only because time ran out: its result completes it, whenever it comes. */
export function isHealable({ status, error, attempts, eraseAt }: Job): boolean {
  return status === 'FAILED' && attempts > 0 && eraseAt === null && error !== null && LATE.has(error.code);
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

/** What followers were told of waiting is over with it. */
const NOTHING_ANNOUNCED = { announcedPosition: null, announcedHold: null } as const;

/** A job as it is born, and the first line of its history. `sequence` is the store's to give. */
export function newJob(born: {
  readonly id: string;
  readonly tenant: string;
  readonly request: JobRequest;
  readonly callbackToken: string;
  readonly at: number;
  readonly deadlineAt: number;
  readonly turn: number;
}): Change {
  const job: Job = {
    id: born.id,
    tenant: born.tenant,
    request: born.request,
    status: 'WAITING',
    version: 1,
    createdAt: born.at,
    updatedAt: born.at,
    finishedAt: null,
    providerId: null,
    providerJobId: null,
    callbackToken: born.callbackToken,
    turn: born.turn,
    sequence: 0,
    ...NOTHING_ANNOUNCED,
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
  };
}

/** The first line of any job's history. */
export function birthOf({ createdAt }: Pick<Job, 'createdAt'>): JobUpdate {
  return { version: 1, status: 'WAITING', at: createdAt, source: 'CLIENT', note: null };
}

/**
 * What `event` makes of `job`, or null when it changes nothing: a duplicate, something late, or something
 * that no longer applies. Never throws.
 */
export function transition(job: Job, event: JobEvent): Change | null {
  switch (event.type) {
    case 'leased':
      if (job.status !== 'WAITING') return null;
      return change(job, event.at, 'GATEWAY', job.attempts === 0 ? null : `try ${job.attempts + 1}`, {
        status: 'SUBMITTING',
        attempts: job.attempts + 1,
        sentAt: event.at,
        deadlineAt: event.deadlineAt,
        retryAt: null,
        ...NOTHING_ANNOUNCED,
      });
    case 'moved':
      return moved(job, event);
    case 'prepared':
      if (job.status !== 'SUBMITTING') return null;
      // Looking for faces took its time; only now the sending begins.
      return change(job, event.at, 'GATEWAY', 'faces found', { request: event.request, sentAt: event.at });
    case 'accepted':
      return accepted(job, event);
    case 'refused':
      if (!awaitsAnswer(job)) return null;
      return change(job, event.at, 'SUBMIT', event.error.code, failed(event.error));
    case 'not-accepted':
      if (!awaitsAnswer(job)) return null;
      return change(job, event.at, 'SUBMIT', event.reason, {
        status: 'WAITING',
        retryAt: event.retryAt,
        slotFreeAt: null,
        deadlineAt: event.deadlineAt,
      });
    case 'held':
      if (!awaitsAnswer(job)) return null;
      return change(job, event.at, 'SUBMIT', event.error.code, {
        status: 'WAITING',
        retryAt: event.retryAt,
        slotFreeAt: null,
        deadlineAt: event.deadlineAt,
        announcedHold: event.hold.since,
        ...(event.creditRefused !== null && { creditRefused: event.creditRefused }),
      });
    case 'unconfirmed':
      if (job.status !== 'SUBMITTING') return null;
      return change(job, event.at, 'GATEWAY', event.reason, {
        status: 'UNCONFIRMED',
        slotFreeAt: event.slotFreeAt,
      });
    case 'reported':
      return reported(job, event);
    case 'expired':
      if (isFinal(job.status) || job.status === 'SUBMITTING') return null;
      return change(job, event.at, 'GATEWAY', event.error.code, {
        ...failed(event.error),
        pollAt: job.providerId === null ? null : (event.pollAt ?? null),
      });
    case 'canceled':
      if (job.status !== 'WAITING') return null;
      return change(job, event.at, 'CLIENT', null, {
        status: 'CANCELED',
        ...NOTHING_ANNOUNCED,
      });
    case 'archived':
      if (job.result === null || job.result.archive !== null || job.eraseAt !== null) return null;
      return change(job, event.at, 'GATEWAY', 'archived', {
        result: { ...job.result, archive: event.archive },
        archiveAt: null,
      });
    case 'deleted':
      if (!isFinal(job.status) || job.eraseAt !== null) return null;
      return change(job, event.at, 'CLIENT', 'deleted', {
        eraseAt: event.at,
        archiveAt: null,
        pollAt: null,
      });
    default:
      return unreachable(event);
  }
}

/**
 * Whether the answer to the one try under way would still be news. UNCONFIRMED counts: the answer may come
 * after another instance took this one for dead.
 */
function awaitsAnswer(job: Job): boolean {
  return job.status === 'SUBMITTING' || job.status === 'UNCONFIRMED';
}

function moved(job: Job, { at, position, hold = null }: Extract<JobEvent, { type: 'moved' }>): Change | null {
  const since = hold?.since ?? null;
  if (job.status !== 'WAITING') return null;
  if (job.announcedPosition === position && job.announcedHold === since) return null;
  const note = job.announcedHold === since ? `position ${position}` : (hold?.reason ?? 'dispatch goes on');
  return change(job, at, 'GATEWAY', note, { announcedPosition: position, announcedHold: since });
}

/** The answer to the submit. A callback may have overtaken it: then it adds what is still unknown, or sets it right. */
function accepted(job: Job, event: Extract<JobEvent, { type: 'accepted' }>): Change | null {
  const { at, providerId, providerJobId, pollAt } = event;
  const ids = { providerId, providerJobId };
  if (awaitsAnswer(job)) {
    return change(job, at, 'SUBMIT', null, { ...ids, status: 'QUEUED', slotFreeAt: null, pollAt });
  }
  if (job.providerId === providerId) {
    const isNews = job.providerJobId === null && providerJobId !== null;
    return isNews ? change(job, at, 'SUBMIT', null, { providerJobId }) : null;
  }
  const note = job.providerId === null ? 'accepted after all' : 'a callback named another _id';
  if (isHealable(job)) return change(job, at, 'SUBMIT', note, { ...ids, pollAt });
  // Only an answer brings a `job_id`: it was here already.
  if (job.providerId === null || job.providerJobId !== null) return null;
  // Being deleted: the right one is what has to be deleted at Akool.
  if (job.eraseAt !== null) return change(job, at, 'SUBMIT', note, ids);
  if (isAtProvider(job.status)) return change(job, at, 'SUBMIT', note, { ...ids, pollAt });
  // It may be the `_id` of an earlier try that was accepted after all: then its result is as good.
  if (job.attempts > 1 && job.status === 'COMPLETED') return null;
  return change(job, at, 'SUBMIT', note, {
    ...ids,
    status: 'QUEUED',
    pollAt,
    result: null,
    error: null,
    archiveAt: null,
    archiveAttempts: 0,
  });
}

/** How far along a status is; a report that is not further than the job changes nothing. */
const PROGRESS: Readonly<Record<JobStatus, number>> = {
  WAITING: 0,
  SUBMITTING: 0,
  UNCONFIRMED: 0,
  QUEUED: 1,
  PROCESSING: 2,
  COMPLETED: 3,
  FAILED: 3,
  CANCELED: 3,
};

function reported(job: Job, event: Extract<JobEvent, { type: 'reported' }>): Change | null {
  if (!isReportFor(job, event.providerId)) return null;
  const { report } = event;
  if (isHealable(job)) return reportedLate(job, event);
  if (PROGRESS[report.status] <= PROGRESS[job.status]) return null;
  const bound: Partial<Job> = {
    providerId: event.providerId,
    slotFreeAt: null,
    ...NOTHING_ANNOUNCED,
    deadlineAt: event.deadlineAt,
  };
  switch (report.status) {
    case 'QUEUED':
    case 'PROCESSING':
      return change(job, event.at, event.source, null, {
        ...bound,
        status: report.status,
        pollAt: event.pollAt,
      });
    case 'COMPLETED':
      return change(job, event.at, event.source, null, { ...bound, ...completed(report, event.at) });
    case 'FAILED':
      return change(job, event.at, event.source, report.error.code, {
        ...bound,
        ...failed(report.error),
      });
    default:
      return unreachable(report);
  }
}

/** A report about a job that failed because time ran out. */
function reportedLate(job: Job, event: Extract<JobEvent, { type: 'reported' }>): Change | null {
  const { report, at, source, providerId, pollAt } = event;
  if (report.status === 'COMPLETED') {
    const note = `its result came after ${job.error?.code}`;
    return change(job, at, source, note, { providerId, error: null, ...completed(report, at) });
  }
  // What else is said of it is no end, but names what to ask for.
  if (job.providerId !== null || report.status === 'FAILED') return null;
  return change(job, at, source, 'accepted after all', { providerId, pollAt });
}

/**
 * Whether a report by this `_id` can be about this job: the `_id` is the job's own, or the job was sent and
 * has none yet. That holds for WAITING too once it was sent: then a try that looked unaccepted was accepted.
 */
export function isReportFor(job: Job, providerId: string): boolean {
  return job.providerId === null ? job.attempts > 0 : job.providerId === providerId;
}

function completed(
  report: Extract<ProviderReport, { readonly status: 'COMPLETED' }>,
  at: number,
): Partial<Job> {
  return {
    status: 'COMPLETED',
    pollAt: null,
    archiveAt: report.keep ? at : null,
    result: { providerUrl: report.url, providerUrlExpiresAt: report.expiresAt, archive: null },
  };
}

function failed(error: JobError): Partial<Job> {
  return {
    status: 'FAILED',
    error,
    pollAt: null,
    slotFreeAt: null,
    ...NOTHING_ANNOUNCED,
  };
}

function change(
  job: Job,
  at: number,
  source: JobUpdateSource,
  note: string | null,
  news: Partial<Job>,
): Change {
  const version = job.version + 1;
  // A clock that was set back must not make history run backwards.
  const updatedAt = Math.max(at, job.updatedAt);
  const status = news.status ?? job.status;
  // The last time that it ended, where that happened more than once.
  const finishedAt = !isFinal(status) ? null : status === job.status ? job.finishedAt : updatedAt;
  const changes = { ...news, version, updatedAt, finishedAt };
  return {
    job: { ...job, ...changes },
    update: { version, status, at: updatedAt, source, note },
    changes,
  };
}

function unreachable(value: never): never {
  throw new Error(`Unhandled case: ${JSON.stringify(value)}`);
}
