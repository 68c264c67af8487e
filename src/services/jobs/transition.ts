/**
 * A job and its life, as a pure state machine: no clock, no store, no network.
 *
 * In prose. A job is born WAITING: stored, not yet sent. When a provider slot is free it is leased to one
 * dispatcher and is SUBMITTING, until the answer of the one request that may cost money is known:
 * accepted (QUEUED), refused for good (FAILED), surely never accepted (back to WAITING), refused for the account's
 * sake (back to WAITING: see account-hold.ts), or nobody knows (UNCONFIRMED: never sent again). From then on Akool
 * reports, by webhook or when asked: QUEUED, PROCESSING, COMPLETED, FAILED. Reports may come twice, late and out of
 * order, so a status only ever moves forward, and an event that has nothing new to say changes nothing. A report about
 * a job that is WAITING says that it was sent all the same: a try that looked unaccepted was accepted, or the sending
 * is not on record because an older backup was restored. It is bound to its `_id`, and not sent again.
 *
 * COMPLETED, FAILED and CANCELED are final, and a COMPLETED job may still gain a new version, when its result is
 * archived. Evidence outweighs an end in two cases only. A job that FAILED because time ran out while Akool had it,
 * or may have had it (DEADLINE_EXCEEDED, SUBMIT_UNCONFIRMED), becomes COMPLETED when its result arrives after all,
 * because it was paid; until then it can still be bound to its `_id` and asked about. And when the answer to the
 * submit names another `_id` than a callback that came before it, the answer is right: what that callback said was
 * not about this job, so even an end that it brought is taken back to QUEUED.
 */
import {
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

/** What followers were told of waiting is over with it. */
const NOTHING_ANNOUNCED = { announcedPosition: null, announcedHold: null } as const;

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

function prepared(job: Job, { at, request }: Extract<JobEvent, { type: 'prepared' }>): Change {
  const text = JSON.stringify(request);
  // Looking for faces took its time; only now the sending begins.
  const news = { requestBytes: Buffer.byteLength(text), sentAt: at };
  return { ...change(job, at, 'GATEWAY', 'faces found', news), request: text };
}

/** The answer to the submit. A callback may have overtaken it: then it adds what is still unknown, or sets it right. */
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

/** A report about a job that failed because time ran out. */
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
  // What else is said of it is no end, but names what to ask for.
  if (job.providerId !== null || report.status === 'FAILED') return null;
  return change(job, at, source, 'accepted after all', { ...boundTo(providerId, job), pollAt });
}

/**
 * Only who was sent the job knows its address, so a report proves a sending of which there is no record; that was no
 * earlier than the job.
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
    request: null,
  };
}

function unreachable(value: never): never {
  throw new Error(`Unhandled case: ${JSON.stringify(value)}`);
}
