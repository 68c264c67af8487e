import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ARCHIVE_CLAIM_MS,
  type Change,
  isAtProvider,
  isFinal,
  isHealable,
  isReportFor,
  isSettled,
  JOB_STATUSES,
  type Job,
  type JobStatus,
  type JobUpdate,
} from '../../../src/services/jobs/job.js';
import { JOB_ERROR_CODES, type JobErrorCode } from '../../../src/services/jobs/job-error.js';
import type { JobEvent, ProviderReport } from '../../../src/services/jobs/job-event.js';
import { newJob } from '../../../src/services/jobs/new-job.js';
import { transition } from '../../../src/services/jobs/transition.js';
import { HOUR, jobWith, NOON, newJobOf, refusal, request } from '../../support/samples.js';

const AT = NOON + 1000;
const OURS = '6593c94c0ef703e8c055e3c8';
const FOREIGN = '000000000000000000000000';

/** A job that has reached `status` in the usual way. */
function jobIn(status: JobStatus): Job {
  const sent = { attempts: 1, sentAt: NOON, deadlineAt: NOON + 3 * HOUR };
  const bound = { ...sent, providerId: OURS, providerJobId: 'job-1', pollAt: NOON + 30_000 };
  const ended = { finishedAt: NOON, pollAt: null };
  switch (status) {
    case 'WAITING':
      return jobWith();
    case 'SUBMITTING':
      return jobWith({ status, version: 2, ...sent });
    case 'UNCONFIRMED':
      return jobWith({ status, version: 3, ...sent, slotFreeAt: NOON + 600_000 });
    case 'QUEUED':
    case 'PROCESSING':
      return jobWith({ status, version: 3, ...bound });
    case 'COMPLETED': {
      const result = { providerUrl: 'https://cdn.example/1.png', providerUrlExpiresAt: AT, archive: null };
      return jobWith({ status, version: 4, ...bound, ...ended, result });
    }
    case 'FAILED':
      return jobWith({ status, version: 4, ...bound, ...ended, error: refusal });
    case 'CANCELED':
      return jobWith({ status, version: 2, ...ended });
  }
}

function reported(report: ProviderReport, providerId = OURS): JobEvent {
  return {
    type: 'reported',
    at: AT,
    pollAt: AT + 30_000,
    deadlineAt: AT + HOUR,
    source: 'WEBHOOK',
    providerId,
    report,
  };
}

const completed: ProviderReport = {
  status: 'COMPLETED',
  url: 'https://cdn.example/1.png',
  expiresAt: AT + HOUR,
  keep: false,
};
const archive = { name: 'name.png', contentType: 'image/png', byteSize: 3, sha256: 'ab' };

const tooLate = { ...refusal, code: 'DEADLINE_EXCEEDED' } as const;

const EVENTS = {
  leased: { type: 'leased', at: AT, deadlineAt: AT + HOUR },
  moved: { type: 'moved', at: AT, position: 7 },
  prepared: { type: 'prepared', at: AT, request },
  accepted: { type: 'accepted', at: AT, pollAt: AT + 1, providerId: OURS, providerJobId: 'job-1' },
  refused: { type: 'refused', at: AT, error: refusal },
  'not-accepted': { type: 'not-accepted', retryAt: null, at: AT, deadlineAt: AT + HOUR, reason: 'too many' },
  held: {
    type: 'held',
    at: AT,
    retryAt: null,
    deadlineAt: AT + HOUR,
    hold: { reason: 'NO_CREDIT', since: AT },
    creditRefused: 3,
    error: refusal,
  },
  unconfirmed: { type: 'unconfirmed', at: AT, slotFreeAt: AT + 600_000, reason: 'timeout' },
  'reported queued': reported({ status: 'QUEUED' }),
  'reported processing': reported({ status: 'PROCESSING' }),
  'reported completed': reported(completed),
  'reported failed': reported({ status: 'FAILED', error: refusal }),
  'reported by a foreign _id': reported(completed, FOREIGN),
  expired: { type: 'expired', at: AT, error: tooLate, pollAt: AT + HOUR },
  canceled: { type: 'canceled', at: AT },
  archived: { type: 'archived', at: AT, archive },
  deleted: { type: 'deleted', at: AT },
} as const satisfies Record<string, JobEvent>;
type EventName = keyof typeof EVENTS;

/** Fails to compile if an event type is missing above. */
type Missing = Exclude<JobEvent['type'], (typeof EVENTS)[EventName]['type']>;
const nothingMissing: [Missing] extends [never] ? true : Missing = true;

/** The status after each event in each status; events that are not listed change nothing. */
const TABLE: Readonly<Record<JobStatus, Partial<Record<EventName, JobStatus>>>> = {
  WAITING: {
    leased: 'SUBMITTING',
    moved: 'WAITING',
    expired: 'FAILED',
    canceled: 'CANCELED',
    // It was sent after all, without a record of it.
    'reported queued': 'QUEUED',
    'reported processing': 'PROCESSING',
    'reported completed': 'COMPLETED',
    'reported failed': 'FAILED',
    'reported by a foreign _id': 'COMPLETED',
  },
  SUBMITTING: {
    prepared: 'SUBMITTING',
    accepted: 'QUEUED',
    refused: 'FAILED',
    'not-accepted': 'WAITING',
    held: 'WAITING',
    unconfirmed: 'UNCONFIRMED',
    'reported queued': 'QUEUED',
    'reported processing': 'PROCESSING',
    'reported completed': 'COMPLETED',
    'reported failed': 'FAILED',
    // It has no `_id` yet, so it adopts the first one that arrives at its own URL.
    'reported by a foreign _id': 'COMPLETED',
  },
  UNCONFIRMED: {
    accepted: 'QUEUED',
    refused: 'FAILED',
    'not-accepted': 'WAITING',
    held: 'WAITING',
    'reported queued': 'QUEUED',
    'reported processing': 'PROCESSING',
    'reported completed': 'COMPLETED',
    'reported failed': 'FAILED',
    'reported by a foreign _id': 'COMPLETED',
    expired: 'FAILED',
  },
  QUEUED: {
    'reported processing': 'PROCESSING',
    'reported completed': 'COMPLETED',
    'reported failed': 'FAILED',
    expired: 'FAILED',
  },
  PROCESSING: {
    'reported completed': 'COMPLETED',
    'reported failed': 'FAILED',
    expired: 'FAILED',
  },
  COMPLETED: { archived: 'COMPLETED', deleted: 'COMPLETED' },
  FAILED: { deleted: 'FAILED' },
  CANCELED: { deleted: 'CANCELED' },
};

describe('a transition', () => {
  test('is asserted below for every type of event', () => {
    expect(nothingMissing).toBe(true);
  });

  for (const status of JOB_STATUSES) {
    for (const name of Object.keys(EVENTS) as EventName[]) {
      const expected = TABLE[status][name] ?? null;
      test(`${status} and "${name}" give ${expected ?? 'nothing'}`, () => {
        const job = jobIn(status);
        const change = transition(job, EVENTS[name]);
        expect(change?.job.status ?? null).toBe(expected);
        if (change !== null) expectWellFormed(job, change);
      });
    }
  }

  test('that ends a job says when, and leaves nothing to poll and no slot', () => {
    for (const name of ['reported completed', 'reported failed', 'refused', 'expired'] as const) {
      const { job } = transition(jobIn('UNCONFIRMED'), EVENTS[name]) ?? {};
      expect(job).toMatchObject({ finishedAt: AT, pollAt: null, slotFreeAt: null });
    }
  });

  test('that deletes a job leaves nothing to be done but to erase it, once its copy is not being written', () => {
    const job = expectChange(
      transition(jobIn('PROCESSING'), reported({ ...completed, keep: true } as ProviderReport)),
    ).job;
    expect(job.archiveAt).toBe(AT);
    const deleted = expectChange(transition(job, EVENTS.deleted)).job;
    expect(deleted).toMatchObject({ eraseAt: AT, archiveAt: AT, pollAt: null });
    expect(transition(deleted, EVENTS.archived)).toBeNull();
  });

  test('that deletes a job writes no time of its copy, which a claim may have moved, unless that is a pause', () => {
    const job = { ...jobIn('COMPLETED'), archiveAt: AT + ARCHIVE_CLAIM_MS };
    expect(expectChange(transition(job, EVENTS.deleted)).changes).not.toHaveProperty('archiveAt');
    const pausing = { ...job, archiveAt: AT + HOUR };
    expect(expectChange(transition(pausing, EVENTS.deleted)).job.archiveAt).toBe(AT + ARCHIVE_CLAIM_MS);
  });

  test('never ends a job before its last change, even when the clock was set back', () => {
    const job = { ...jobIn('PROCESSING'), updatedAt: NOON + HOUR };
    for (const name of ['reported completed', 'reported failed', 'expired'] as const) {
      const change = transition(job, EVENTS[name]);
      expect(change?.job.updatedAt).toBe(NOON + HOUR);
      expect(change?.job.finishedAt).toBe(NOON + HOUR);
      expect(change?.update.at).toBe(NOON + HOUR);
    }
    const waiting = { ...jobIn('WAITING'), updatedAt: NOON + HOUR };
    expect(transition(waiting, EVENTS.canceled)?.job.finishedAt).toBe(NOON + HOUR);
  });

  test('changes neither the job nor the event that it is given', () => {
    const job = Object.freeze(jobIn('SUBMITTING'));
    expect(() => transition(job, Object.freeze({ ...EVENTS.accepted }))).not.toThrow();
    expect(job.status).toBe('SUBMITTING');
  });
});

describe('the history of a job', () => {
  test('begins with its submit', () => {
    const { job, update } = newJob({ ...newJobOf('tenant'), turn: 3 });
    expect(update).toEqual({
      version: 1,
      status: 'WAITING',
      at: job.createdAt,
      source: 'CLIENT',
      note: null,
    });
  });

  const waiting = jobIn('WAITING');
  const submitting = jobIn('SUBMITTING');
  test.each<[EventName, Job, JobUpdate['source'], note: string | null]>([
    ['leased', waiting, 'GATEWAY', null],
    ['moved', waiting, 'GATEWAY', 'position 7'],
    ['canceled', waiting, 'CLIENT', null],
    ['prepared', submitting, 'GATEWAY', 'faces found'],
    ['accepted', submitting, 'SUBMIT', null],
    ['refused', submitting, 'SUBMIT', 'INVALID_PARAMETERS'],
    ['not-accepted', submitting, 'SUBMIT', 'too many'],
    ['held', submitting, 'SUBMIT', 'INVALID_PARAMETERS'],
    ['unconfirmed', submitting, 'GATEWAY', 'timeout'],
    ['accepted', { ...jobIn('QUEUED'), providerJobId: null }, 'SUBMIT', null],
    ['reported processing', jobIn('QUEUED'), 'WEBHOOK', null],
    ['reported failed', jobIn('QUEUED'), 'WEBHOOK', 'INVALID_PARAMETERS'],
    ['expired', jobIn('QUEUED'), 'GATEWAY', 'DEADLINE_EXCEEDED'],
    ['archived', jobIn('COMPLETED'), 'GATEWAY', 'archived'],
    ['deleted', jobIn('COMPLETED'), 'CLIENT', 'deleted'],
  ])('names for "%s" who brought it about, and why', (name, job, source, note) => {
    expect(transition(job, EVENTS[name])?.update).toMatchObject({ source, note });
  });
});

describe('whoever follows a job', () => {
  test('has nothing to wait for once it has ended and its copy is made, or is known to take long', () => {
    for (const status of JOB_STATUSES)
      expect([status, isSettled(jobIn(status))]).toEqual([status, isFinal(status)]);
    const keeping = { ...jobIn('COMPLETED'), archiveAt: AT };
    expect([isSettled(keeping), isSettled({ ...keeping, archiveAttempts: 1 })]).toEqual([false, true]);
  });
});

describe('a job whose faces were found', () => {
  test('is sent with what they add to its request, from then on', () => {
    const found = {
      ...request,
      sourceImage: [{ path: 'https://example.com/ü.jpg', opts: '1,1:2,2:3,3:4,4' }],
    };
    const change = expectChange(
      transition(jobIn('SUBMITTING'), { type: 'prepared', at: AT, request: found }),
    );
    expect(JSON.parse(change.request ?? '')).toEqual(found);
    expect(change.job).toMatchObject({ sentAt: AT, requestBytes: Buffer.byteLength(JSON.stringify(found)) });
  });
});

describe('a job that Akool refuses for the sake of the account', () => {
  const held = { ...EVENTS.held, retryAt: AT + 5 };

  test('waits again, for as long as it may, and knows the balance that was too small', () => {
    const { job } = expectChange(transition({ ...jobIn('UNCONFIRMED'), creditRefused: 1 }, held));
    expect(job).toMatchObject({
      status: 'WAITING',
      retryAt: AT + 5,
      deadlineAt: AT + HOUR,
      slotFreeAt: null,
      announcedHold: AT,
      creditRefused: 3,
    });
    const again = { ...jobIn('SUBMITTING'), creditRefused: 3 };
    expect(transition(again, { ...held, creditRefused: null })?.job.creditRefused).toBe(3);
  });

  test('tells its followers why it waits, and that it goes on', () => {
    const hold = { reason: 'NO_CREDIT', since: AT } as const;
    const stopped = expectChange(transition(jobIn('WAITING'), { ...EVENTS.moved, hold }));
    expect(stopped.update.note).toBe('NO_CREDIT');
    expect(stopped.job).toMatchObject({ announcedHold: AT, announcedPosition: 7 });
    expect(transition(stopped.job, { ...EVENTS.moved, hold })).toBeNull();
    const further = expectChange(transition(stopped.job, { ...EVENTS.moved, hold, position: 6 }));
    expect(further.update.note).toBe('position 6');
    const free = expectChange(transition(further.job, { ...EVENTS.moved, position: 6 }));
    expect(free.update.note).toBe('dispatch resumed');
    expect(free.job.announcedHold).toBeNull();
  });
});

describe('the number of tries', () => {
  test('grows with each lease and is told from the second on', () => {
    const first = expectChange(transition(jobIn('WAITING'), EVENTS.leased));
    const back = expectChange(transition(first.job, EVENTS['not-accepted']));
    const second = expectChange(transition(back.job, EVENTS.leased));
    expect(first.job.attempts).toBe(1);
    expect(first.update.note).toBeNull();
    expect(back.job).toMatchObject({ status: 'WAITING', attempts: 1, turn: first.job.turn });
    expect(second.job.attempts).toBe(2);
    expect(second.update.note).toBe('try 2');
  });
});

describe('a webhook that overtakes the answer of the submit', () => {
  test('binds the _id, and the answer then only adds the job_id', () => {
    const webhook = expectChange(transition(jobIn('SUBMITTING'), reported({ status: 'PROCESSING' })));
    const answer = expectChange(transition(webhook.job, EVENTS.accepted));
    expect(webhook.job).toMatchObject({ status: 'PROCESSING', providerId: OURS, providerJobId: null });
    expect(answer.job).toMatchObject({ status: 'PROCESSING', providerId: OURS, providerJobId: 'job-1' });
    expect(transition(answer.job, EVENTS.accepted)).toBeNull();
  });

  test('may even have finished the job, which stays finished', () => {
    const webhook = expectChange(transition(jobIn('SUBMITTING'), EVENTS['reported completed']));
    const answer = expectChange(transition(webhook.job, EVENTS.accepted));
    expect(answer.job).toMatchObject({ status: 'COMPLETED', providerJobId: 'job-1' });
    expect(answer.job.finishedAt).toBe(webhook.job.finishedAt);
  });

  describe('and names another _id than the answer: the answer is right', () => {
    const contradicted = (report: ProviderReport) => {
      const callback = expectChange(transition(jobIn('SUBMITTING'), reported(report, FOREIGN))).job;
      return { callback, answer: expectChange(transition(callback, EVENTS.accepted)) };
    };

    test.each(['QUEUED', 'PROCESSING'] as const)('while it is %s', (status) => {
      const { callback, answer } = contradicted({ status });
      expectWellFormed(callback, answer);
      expect(answer.job).toMatchObject({ status, providerId: OURS, providerJobId: 'job-1', pollAt: AT + 1 });
      expect(answer.update.note).toBe('a callback named another _id');
      expect(isReportFor(answer.job, FOREIGN)).toBe(false);
    });

    test.each([completed, { status: 'FAILED' as const, error: refusal }])(
      'also when that callback ended it as $status, which is taken back',
      (report) => {
        const { callback, answer } = contradicted(report);
        expectWellFormed(callback, answer);
        expect(answer.job).toMatchObject({
          status: 'QUEUED',
          providerId: OURS,
          result: null,
          error: null,
          finishedAt: null,
          archiveAt: null,
          pollAt: AT + 1,
        });
        expect(transition(answer.job, EVENTS['reported completed'])?.job.status).toBe('COMPLETED');
      },
    );

    test('but an earlier try that was accepted after all, and completed, counts as well', () => {
      const second = { ...jobIn('SUBMITTING'), attempts: 2 };
      const callback = expectChange(transition(second, reported(completed, FOREIGN))).job;
      expect(transition(callback, EVENTS.accepted)).toBeNull();
      const failed = expectChange(transition(second, EVENTS['reported failed'])).job;
      const answer = transition(failed, { ...EVENTS.accepted, providerId: FOREIGN });
      expect(answer?.job).toMatchObject({ status: 'QUEUED', providerId: FOREIGN });
    });

    test('but no second answer counts', () => {
      for (const status of ['QUEUED', 'COMPLETED', 'FAILED'] as const) {
        expect(transition(jobIn(status), { ...EVENTS.accepted, providerId: FOREIGN })).toBeNull();
      }
    });

    test('and what is being deleted stays so, and is deleted at Akool by the right _id', () => {
      const { callback } = contradicted(completed);
      const deleted = expectChange(transition(callback, EVENTS.deleted)).job;
      const answer = expectChange(transition(deleted, EVENTS.accepted)).job;
      expect(answer).toMatchObject({ status: 'COMPLETED', providerId: OURS, eraseAt: AT });
    });
  });
});

describe('a job that failed because time ran out', () => {
  const late = (status: JobStatus, code: JobErrorCode): Job => {
    const error = { ...refusal, code };
    return expectChange(transition(jobIn(status), { type: 'expired', at: AT, error, pollAt: AT + HOUR })).job;
  };
  const unconfirmed = late('UNCONFIRMED', 'SUBMIT_UNCONFIRMED');
  const cases = [
    ['DEADLINE_EXCEEDED', late('PROCESSING', 'DEADLINE_EXCEEDED')],
    ['SUBMIT_UNCONFIRMED', unconfirmed],
  ] as const;

  test.each(cases)('(%s) is completed by its result, as a new version that says why', (code, job) => {
    const result = { ...EVENTS['reported completed'], at: AT + HOUR };
    const change = expectChange(transition(job, result));
    expectWellFormed(job, change);
    expect(change.job).toMatchObject({
      status: 'COMPLETED',
      version: job.version + 1,
      error: null,
      providerId: OURS,
      pollAt: null,
      finishedAt: AT + HOUR,
      result: { providerUrl: 'https://cdn.example/1.png' },
    });
    expect(change.update).toMatchObject({ status: 'COMPLETED', note: `its result came after ${code}` });
    expect(transition(change.job, result)).toBeNull();
  });

  test('is asked about later when it has an _id, and not any more once it is deleted', () => {
    const job = late('QUEUED', 'DEADLINE_EXCEEDED');
    expect(job.pollAt).toBe(AT + HOUR);
    expect(unconfirmed.pollAt).toBeNull();
    const deleted = expectChange(transition(job, EVENTS.deleted)).job;
    expect(deleted.pollAt).toBeNull();
    expect(transition(deleted, EVENTS['reported completed'])).toBeNull();
  });

  test.each(['accepted', 'reported queued', 'reported processing'] as const)(
    'without an _id is bound to the one that comes late ("%s"), and asked about',
    (name) => {
      const change = expectChange(transition(unconfirmed, EVENTS[name]));
      expectWellFormed(unconfirmed, change);
      expect(change.job).toMatchObject({ status: 'FAILED', providerId: OURS, pollAt: expect.any(Number) });
      expect(change.job.finishedAt).toBe(unconfirmed.finishedAt);
      expect(change.update.note).toBe('accepted after all');
      expect(transition(change.job, EVENTS['reported completed'])?.job.status).toBe('COMPLETED');
    },
  );

  test('is completed by the result of the _id that the answer names, not of another', () => {
    const bound = expectChange(transition(unconfirmed, reported({ status: 'QUEUED' }, FOREIGN))).job;
    const answer = expectChange(transition(bound, EVENTS.accepted)).job;
    expect(answer).toMatchObject({ status: 'FAILED', providerId: OURS });
    expect(transition(answer, reported(completed, FOREIGN))).toBeNull();
    expect(transition(answer, EVENTS['reported completed'])?.job.status).toBe('COMPLETED');
  });

  test('stays as it is when Akool says that it failed', () => {
    for (const [, job] of cases) expect(transition(job, EVENTS['reported failed'])).toBeNull();
  });

  test('is completed also when there is no record of its sending', () => {
    const change = expectChange(
      transition(late('WAITING', 'DEADLINE_EXCEEDED'), EVENTS['reported completed']),
    );
    expect(change.job).toMatchObject({ status: 'COMPLETED', attempts: 1, sentAt: NOON, providerId: OURS });
  });

  test('is not completed when it failed for another reason', () => {
    for (const code of JOB_ERROR_CODES.filter((other) => !cases.some(([known]) => known === other))) {
      const job = { ...jobIn('FAILED'), error: { ...refusal, code } };
      expect(transition(job, EVENTS['reported completed'])).toBeNull();
    }
  });
});

describe('reports that come twice or out of order', () => {
  test('change nothing the second time', () => {
    for (const name of ['reported processing', 'reported completed', 'reported failed'] as const) {
      const once = expectChange(transition(jobIn('QUEUED'), EVENTS[name]));
      expect(transition(once.job, EVENTS[name])).toBeNull();
    }
  });

  test('never take a job back', () => {
    const done = expectChange(transition(jobIn('QUEUED'), EVENTS['reported completed']));
    for (const name of ['reported queued', 'reported processing', 'reported failed'] as const) {
      expect(transition(done.job, EVENTS[name])).toBeNull();
    }
    expect(transition(jobIn('PROCESSING'), EVENTS['reported queued'])).toBeNull();
  });
});

describe('a job that came back WAITING', () => {
  const back = expectChange(transition(jobIn('SUBMITTING'), EVENTS['not-accepted'])).job;

  test('is bound by a report, because the try that looked unaccepted was accepted', () => {
    const change = expectChange(transition(back, EVENTS['reported processing']));
    expect(change.job).toMatchObject({ status: 'PROCESSING', providerId: OURS });
  });

  test('can be canceled, and is then not revived by a report', () => {
    const canceled = expectChange(transition(back, EVENTS.canceled)).job;
    expect(transition(canceled, EVENTS['reported completed'])).toBeNull();
  });
});

describe('a report', () => {
  test('about a job of whose sending there is no record keeps it from being sent, and says so', () => {
    const waiting = jobIn('WAITING');
    const bound = expectChange(transition(waiting, EVENTS['reported queued']));
    expectWellFormed(waiting, bound);
    expect(bound.job).toMatchObject({ status: 'QUEUED', providerId: OURS, attempts: 1, sentAt: NOON });
    expect(bound.update).toMatchObject({ source: 'WEBHOOK', note: 'had been sent before' });
    expect(transition(bound.job, EVENTS.leased)).toBeNull();
    expect(transition(bound.job, EVENTS['reported by a foreign _id'])).toBeNull();
    expect(transition(bound.job, EVENTS['reported completed'])?.update.note).toBeNull();
  });

  test('does not revive what was canceled', () => {
    for (const name of ['reported processing', 'reported completed'] as const) {
      expect(transition(jobIn('CANCELED'), EVENTS[name])).toBeNull();
    }
  });

  test('is for a job that has no _id, and else only for its own', () => {
    expect(isReportFor(jobIn('WAITING'), OURS)).toBe(true);
    expect(isReportFor(jobIn('UNCONFIRMED'), OURS)).toBe(true);
    expect(isReportFor(jobIn('QUEUED'), OURS)).toBe(true);
    expect(isReportFor(jobIn('QUEUED'), FOREIGN)).toBe(false);
  });
});

describe('a queue position', () => {
  test('that was announced already is no news', () => {
    const moved = expectChange(transition(jobIn('WAITING'), EVENTS.moved));
    expect(moved.job.announcedPosition).toBe(7);
    expect(transition(moved.job, EVENTS.moved)).toBeNull();
  });

  test('is forgotten when the job leaves the queue', () => {
    const moved = expectChange(transition(jobIn('WAITING'), EVENTS.moved)).job;
    for (const name of ['leased', 'canceled', 'expired'] as const) {
      expect(transition(moved, EVENTS[name])?.job.announcedPosition).toBeNull();
    }
  });
});

describe('an archived result', () => {
  test('is a new version of the finished job, once', () => {
    const kept = expectChange(transition(jobIn('COMPLETED'), EVENTS.archived));
    expect(kept.job.result?.archive).toEqual(archive);
    expect(transition(kept.job, EVENTS.archived)).toBeNull();
  });
});

/** Ranks of progress: a status changes only to one of a higher rank, except for the ways back. */
const RANK: Readonly<Record<JobStatus, number>> = {
  WAITING: 0,
  SUBMITTING: 1,
  UNCONFIRMED: 2,
  QUEUED: 3,
  PROCESSING: 4,
  COMPLETED: 5,
  FAILED: 5,
  CANCELED: 5,
};

const moment = fc.integer({ min: NOON - HOUR, max: NOON + 24 * HOUR });
const providerId = fc.constantFrom(OURS, FOREIGN, 'third');
const report: fc.Arbitrary<ProviderReport> = fc.oneof(
  fc.record({ status: fc.constantFrom('QUEUED' as const, 'PROCESSING' as const) }),
  fc.record({
    status: fc.constant('COMPLETED' as const),
    url: fc.webUrl(),
    expiresAt: moment,
    keep: fc.boolean(),
  }),
  fc.record({ status: fc.constant('FAILED' as const), error: fc.constant(refusal) }),
);
const event: fc.Arbitrary<JobEvent> = fc.oneof(
  fc.record({ type: fc.constant('leased' as const), at: moment, deadlineAt: moment }),
  fc.record({
    type: fc.constant('moved' as const),
    at: moment,
    position: fc.integer({ min: 1, max: 5 }),
    hold: fc.constantFrom(null, { reason: 'ACCOUNT' as const, since: 1 }),
  }),
  fc.record({ type: fc.constant('prepared' as const), at: moment, request: fc.constant(request) }),
  fc.record({
    type: fc.constant('accepted' as const),
    at: moment,
    pollAt: moment,
    providerId,
    providerJobId: fc.constantFrom(null, 'job-1', 'job-2'),
  }),
  fc.record({ type: fc.constant('refused' as const), at: moment, error: fc.constant(refusal) }),
  fc.record({
    type: fc.constant('not-accepted' as const),
    retryAt: fc.constantFrom(null, 1),
    at: moment,
    deadlineAt: moment,
    reason: fc.string(),
  }),
  fc.record({
    type: fc.constant('held' as const),
    at: moment,
    retryAt: fc.constantFrom(null, 1),
    deadlineAt: moment,
    hold: fc.record({ reason: fc.constantFrom('NO_CREDIT' as const, 'ACCOUNT' as const), since: moment }),
    creditRefused: fc.constantFrom(null, 3),
    error: fc.constant(refusal),
  }),
  fc.record({
    type: fc.constant('unconfirmed' as const),
    at: moment,
    slotFreeAt: moment,
    reason: fc.string(),
  }),
  fc.record({
    type: fc.constant('reported' as const),
    at: moment,
    pollAt: moment,
    deadlineAt: moment,
    source: fc.constantFrom('WEBHOOK' as const, 'POLL' as const),
    providerId,
    report,
  }),
  fc.record({
    type: fc.constant('expired' as const),
    at: moment,
    error: fc.constantFrom(tooLate, { ...tooLate, code: 'SUBMIT_UNCONFIRMED' as const }),
    pollAt: moment,
  }),
  fc.record({ type: fc.constant('canceled' as const), at: moment }),
  fc.record({ type: fc.constant('archived' as const), at: moment, archive: fc.constant(archive) }),
  fc.record({ type: fc.constant('deleted' as const), at: moment }),
);

test('whatever happens in whatever order, a life of a job keeps its promises', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let { job } = newJob({ ...newJobOf('tenant'), turn: 3 });
      for (const next of events) {
        const change = transition(job, next);
        if (change === null) continue;
        expectWellFormed(job, change);
        job = change.job;
        // Repeating an event changes nothing, except `prepared`, which the dispatcher never reports twice.
        if (next.type !== 'prepared') expect(transition(job, next)).toBeNull();
      }
    }),
    { numRuns: 500 },
  );
});

/** Invariants of every change of every job. */
function expectWellFormed(before: Job, { job, update }: Change): void {
  expect(job.version).toBe(before.version + 1);
  expect(update).toMatchObject({ version: job.version, status: job.status, at: job.updatedAt });
  expect(job.updatedAt).toBeGreaterThanOrEqual(before.updatedAt);
  const isHealed = isHealable(before) && job.status === 'COMPLETED';
  // The answer contains another `_id` than the callback that ended the job.
  const isTakenBack =
    isFinal(before.status) && job.status === 'QUEUED' && job.providerId !== before.providerId;
  if (isTakenBack) expect(update.source).toBe('SUBMIT');
  if (isFinal(before.status) && !isHealed && !isTakenBack) expect(job.status).toBe(before.status);
  const goesBack = RANK[job.status] < RANK[before.status];
  if (goesBack && !isTakenBack) {
    expect(['SUBMITTING', 'UNCONFIRMED']).toContain(before.status);
    expect(job.status).toBe('WAITING');
    expect(update.source).toBe('SUBMIT');
  }
  if (update.source !== 'SUBMIT' && before.providerId !== null) {
    expect([job.providerId, job.providerJobId]).toEqual([before.providerId, before.providerJobId]);
  }
  expect(job.finishedAt !== null).toBe(isFinal(job.status));
  if (before.finishedAt !== null && job.status === before.status) {
    expect(job.finishedAt).toBe(before.finishedAt);
  }
  expect(job.result !== null).toBe(job.status === 'COMPLETED');
  expect(job.error !== null).toBe(job.status === 'FAILED');
  if (!isHealable(job)) expect(job.pollAt !== null).toBe(isAtProvider(job.status));
  else if (job.providerId === null) expect(job.pollAt).toBeNull();
  expect(job.slotFreeAt !== null).toBe(job.status === 'UNCONFIRMED');
  if (job.announcedPosition !== null || job.announcedHold !== null) expect(job.status).toBe('WAITING');
  const leased = before.status === 'WAITING' && job.status === 'SUBMITTING';
  // A report proves that it was sent.
  const hadBeenSent = before.attempts === 0 && job.providerId !== null;
  expect(job.attempts).toBe(before.attempts + (leased || hadBeenSent ? 1 : 0));
  const fixed = ['id', 'tenant', 'createdAt', 'callbackToken', 'turn', 'sequence'] as const;
  for (const field of fixed) expect(job[field]).toBe(before[field]);
}

function expectChange(change: Change | null): Change {
  expect(change).not.toBeNull();
  if (change === null) throw new Error('nothing changed');
  return change;
}
