/**
 * The states of a job, as a pure state machine: no clock, no store, no network.
 *
 * A job starts WAITING: stored, not yet sent. When a provider slot is free, the job is leased to one
 * dispatcher and is SUBMITTING until the answer to the one request that may cost money is known: accepted
 * (QUEUED), refused for good (FAILED), definitely not accepted (back to WAITING), refused because of the
 * account (back to WAITING, see account-hold.ts), or unknown (UNCONFIRMED, never sent again). From then on
 * Akool reports by callback or poll: QUEUED, PROCESSING, COMPLETED, FAILED. Reports may be duplicated, late
 * and out of order, so a status only moves forward, and an event without news changes nothing. A report about
 * a WAITING job shows that it was sent after all: an attempt that seemed unaccepted was accepted, or the
 * record of sending was lost by restoring an older backup. The job then gets the `_id` of the report, and is
 * not sent again.
 *
 * COMPLETED, FAILED and CANCELED are final, although a COMPLETED job gets one more version when its result is
 * archived. Evidence overrides a final state in only two cases. First, a job that FAILED because time ran out
 * while Akool had it or may have had it (DEADLINE_EXCEEDED, SUBMIT_UNCONFIRMED) becomes COMPLETED when its
 * result arrives after all, because it was paid for; until then it can still get its `_id` and be polled.
 * Second, if the answer to the submit names a different `_id` than an earlier callback, the answer is right:
 * that callback was not about this job, so even a final state that it set is reverted to QUEUED.
 */
import {
  ARCHIVE_CLAIM_MS,
  type Change,
  isAtProvider,
  isFinal,
  isHealable,
  isReportFor,
  type Job,
  type JobStatus,
  type JobUpdateSource,
} from './job.js';
import type { JobError } from './job-error.js';
import type { JobEvent, ProviderReport } from './job-event.js';

/** Announcements about waiting end when the job stops waiting. */
const NOTHING_ANNOUNCED = { announcedPosition: null, announcedHold: null } as const;

/**
 * Returns the change that `event` makes to `job`; null if it changes nothing, because it is a duplicate,
 * late, or no longer applies. Never throws.
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
      return prepared(job, event);
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
    case 'deleted': {
      if (!isFinal(job.status) || job.eraseAt !== null) return null;
      const claimedTo = event.at + ARCHIVE_CLAIM_MS;
      return change(job, event.at, 'CLIENT', 'deleted', {
        eraseAt: event.at,
        pollAt: null,
        // A time beyond any claim is a pause between attempts, in which nobody is writing the copy.
        ...((job.archiveAt ?? 0) > claimedTo && { archiveAt: claimedTo }),
      });
    }
    default:
      return unreachable(event);
  }
}

/**
 * Whether the answer to the current attempt would still be news. This includes UNCONFIRMED: the answer may
 * come after another instance considered this one dead.
 */
function awaitsAnswer(job: Job): boolean {
  return job.status === 'SUBMITTING' || job.status === 'UNCONFIRMED';
}

function moved(job: Job, { at, position, hold = null }: Extract<JobEvent, { type: 'moved' }>): Change | null {
  const since = hold?.since ?? null;
  if (job.status !== 'WAITING') return null;
  if (job.announcedPosition === position && job.announcedHold === since) return null;
  const note = job.announcedHold === since ? `position ${position}` : (hold?.reason ?? 'dispatch resumed');
  return change(job, at, 'GATEWAY', note, { announcedPosition: position, announcedHold: since });
}

function prepared(job: Job, { at, request }: Extract<JobEvent, { type: 'prepared' }>): Change {
  const text = JSON.stringify(request);
  // Sending begins only now, after face detection.
  const news = { requestBytes: Buffer.byteLength(text), sentAt: at };
  return { ...change(job, at, 'GATEWAY', 'faces found', news), request: text };
}

/**
 * Handles the answer to the submit. If a callback overtook it, the answer adds what is missing or corrects
 * it.
 */
function accepted(job: Job, event: Extract<JobEvent, { type: 'accepted' }>): Change | null {
  const { at, providerId, providerJobId, pollAt } = event;
  const ids = { ...boundTo(providerId, job), providerJobId };
  if (awaitsAnswer(job)) {
    return change(job, at, 'SUBMIT', null, { ...ids, status: 'QUEUED', slotFreeAt: null, pollAt });
  }
  if (job.providerId === providerId) {
    const isNews = job.providerJobId === null && providerJobId !== null;
    return isNews ? change(job, at, 'SUBMIT', null, { providerJobId }) : null;
  }
  const note = job.providerId === null ? 'accepted after all' : 'a callback named another _id';
  if (isHealable(job)) return change(job, at, 'SUBMIT', note, { ...ids, pollAt });
  // Only an answer has a `job_id`, so the answer was already applied.
  if (job.providerId === null || job.providerJobId !== null) return null;
  // The job is being deleted: store the right `_id`, which must be deleted at Akool.
  if (job.eraseAt !== null) return change(job, at, 'SUBMIT', note, ids);
  if (isAtProvider(job.status)) return change(job, at, 'SUBMIT', note, { ...ids, pollAt });
  // It may be the `_id` of an earlier attempt that was accepted after all; its result is just as good.
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

/** The order of statuses; a report that is not ahead of the job changes nothing. */
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
    ...boundTo(event.providerId, job),
    slotFreeAt: null,
    ...NOTHING_ANNOUNCED,
    deadlineAt: event.deadlineAt,
  };
  const note = job.attempts === 0 ? 'had been sent before' : null;
  switch (report.status) {
    case 'QUEUED':
    case 'PROCESSING':
      return change(job, event.at, event.source, note, {
        ...bound,
        status: report.status,
        pollAt: event.pollAt,
      });
    case 'COMPLETED':
      return change(job, event.at, event.source, note, { ...bound, ...completed(report, event.at) });
    case 'FAILED':
      return change(job, event.at, event.source, report.error.code, {
        ...bound,
        ...failed(report.error),
      });
    default:
      return unreachable(report);
  }
}

/** Handles a report about a job that failed because time ran out. */
function reportedLate(job: Job, event: Extract<JobEvent, { type: 'reported' }>): Change | null {
  const { report, at, source, providerId, pollAt } = event;
  if (report.status === 'COMPLETED') {
    const note = `its result came after ${job.error?.code}`;
    return change(job, at, source, note, {
      ...boundTo(providerId, job),
      error: null,
      ...completed(report, at),
    });
  }
  // Any other report does not end the job, but provides the `_id` for polling.
  if (job.providerId !== null || report.status === 'FAILED') return null;
  return change(job, at, source, 'accepted after all', { ...boundTo(providerId, job), pollAt });
}

/**
 * Only the recipient of the job knows its callback URL, so a report proves that it was sent even without a
 * record, at the earliest when the job was created.
 */
function boundTo(providerId: string, { attempts, createdAt }: Job): Partial<Job> {
  return { providerId, ...(attempts === 0 && { attempts: 1, sentAt: createdAt }) };
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
  // History must not run backwards if a clock was set back.
  const updatedAt = Math.max(at, job.updatedAt);
  const status = news.status ?? job.status;
  // If it ended more than once, the last time counts.
  const finishedAt = !isFinal(status) ? null : status === job.status ? job.finishedAt : updatedAt;
  const changes = { ...news, version, updatedAt, finishedAt };
  return {
    job: { ...job, ...changes },
    update: { version, status, at: updatedAt, source, note },
    changes,
    request: null,
  };
}

function unreachable(value: never): never {
  throw new Error(`Unhandled case: ${JSON.stringify(value)}`);
}
