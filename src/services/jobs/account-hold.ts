/**
 * The account hold (Akool refuses the account) as a pure state machine: no clock, no store, no network. It is stored
 * with the queue, so all instances share it and it survives a restart.
 *
 * If Akool refuses a submit because of the account, that says nothing about the job: the job waits again, and the hold
 * blocks dispatch. From then on one instance at a time checks the balance, which is free. Once the balance looks fine,
 * one job is tried; the block ends only when Akool accepts that job.
 *
 * ACCOUNT may also be caused by a single job: a firewall in front of Akool refuses a URL in it with 403. So each trial
 * takes the job that was tried longest ago. If a few trials fail although Akool does return the balance, new jobs are
 * accepted as trials, one at a time; and a job that was refused in an earlier hold begins no other. Otherwise those few
 * jobs would block everyone until they expire.
 *
 * NO_CREDIT also depends on what a job costs, and Akool publishes no prices. So the gateway learns: a job that was
 * refused at some balance is too expensive until the balance is higher, and so is every job that makes as many pictures
 * or more. Those jobs wait without blocking the others: the hold stays, but does not block. What was learned may be
 * wrong (a quota that the balance does not show, videos of different lengths), so one of the jobs that are too
 * expensive is still tried from time to time.
 */
import type { Job } from './job.js';
import type { JobError } from './job-error.js';

export const HOLD_REASONS = ['NO_CREDIT', 'ACCOUNT'] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];

export interface AccountHold {
  readonly reason: HoldReason;
  /** True: only single trials are sent. False: only jobs that are too expensive wait. */
  readonly blocks: boolean;
  /** When the hold began; also identifies it. */
  readonly since: number;
  /** Akool's last refusal; becomes the error of a job that expires during the hold. */
  readonly error: JobError;
  /** The last known balance; null: unknown since the last refusal, or Akool does not return it. */
  readonly credit: number | null;
  /** Jobs that make this many pictures or more were refused at this balance. */
  readonly tooDear: { readonly pictures: number; readonly credit: number } | null;
  /** When the balance is checked next. */
  readonly lookAt: number;
  /** When a job is tried even if nothing has improved since the last trial. */
  readonly trialAt: number;
  /** Trials refused since anything last improved. */
  readonly trials: number;
}

/** Higher than any balance; stands for the still unknown balance of a refusal. */
export const UNKNOWN_CREDIT = Number.MAX_SAFE_INTEGER;
/** More pictures than a job can make. */
const NO_LIMIT = 2 ** 31 - 1;
const FIRST_PAUSE_MS = 5000;
const MAX_PAUSE_MS = 5 * 60_000;
/** After this many refused trials, a job other than the waiting ones is accepted as a trial. */
const TRIALS_OF_THE_SAME = 3;

/** A submit that Akool refused because of the account. */
interface AccountRefusal {
  readonly reason: HoldReason;
  readonly error: JobError;
  /** See `picturesOf`. */
  readonly pictures: number | null;
  /** Whether this was the one job sent to test whether the hold has passed. */
  readonly isTrial: boolean;
  readonly at: number;
}

export function afterRefusal(before: AccountHold | null, refusal: AccountRefusal): AccountHold {
  const { reason, error, isTrial, at } = refusal;
  if (before?.reason !== reason || !(before.blocks || isTrial)) {
    return {
      reason,
      error,
      blocks: true,
      since: at,
      credit: null,
      tooDear: reason === 'NO_CREDIT' ? learned(before?.tooDear ?? null, refusal, UNKNOWN_CREDIT) : null,
      // Immediately, because it shows at which balance the job was too expensive.
      lookAt: reason === 'NO_CREDIT' ? at : at + FIRST_PAUSE_MS,
      trialAt: at + FIRST_PAUSE_MS,
      trials: 0,
    };
  }
  const credit = isTrial ? before.credit : null;
  const tooDear = learned(before.tooDear, refusal, credit ?? UNKNOWN_CREDIT);
  const known = { ...before, error, credit, tooDear: reason === 'NO_CREDIT' ? tooDear : null };
  if (!isTrial) return known;
  const trials = before.trials + 1;
  return {
    ...known,
    trials,
    trialAt: at + trialPause(trials),
    lookAt: at + lookPause(before, at),
  };
}

/**
 * The balance at which the job was refused, to be stored with it; null if the refusal is not about the
 * balance.
 */
export function creditRefusedAt(hold: AccountHold, { reason, isTrial }: AccountRefusal): number | null {
  if (reason !== 'NO_CREDIT') return null;
  // The balance is checked only before a trial.
  return (isTrial ? hold.credit : null) ?? UNKNOWN_CREDIT;
}

/**
 * The earliest time at which the refused job is sent again; null: as soon as it is its turn. If Akool refuses
 * the account for one job but accepts others, that job must not hold up all of them.
 */
export function retryAfter({ reason, at }: AccountRefusal, tries: number): number | null {
  return reason === 'ACCOUNT' && tries > 1 ? at + trialPause(tries - 1) : null;
}

/** Returns the hold after Akool returned the balance. */
export function afterLook(before: AccountHold, credit: number, at: number): AccountHold {
  const tooDear =
    before.tooDear?.credit === UNKNOWN_CREDIT ? { ...before.tooDear, credit } : (before.tooDear ?? null);
  // Better: Akool returns the balance again, or the balance has grown.
  const isBetter =
    before.reason === 'ACCOUNT' ? before.credit === null : before.credit !== null && credit > before.credit;
  return {
    ...before,
    credit,
    tooDear: tooDear !== null && credit > tooDear.credit ? null : tooDear,
    lookAt: at + lookPause(before, at),
    ...(isBetter && { trialAt: at, trials: 0 }),
  };
}

/** Returns the hold after Akool failed to return the balance. */
export function afterFailedLook(before: AccountHold, at: number): AccountHold {
  return {
    ...before,
    credit: before.reason === 'ACCOUNT' ? null : before.credit,
    lookAt: at + lookPause(before, at),
  };
}

/** Returns the hold after a trial that was not refused because of the account; null: the hold is over. */
export function afterTrial(
  before: AccountHold,
  job: Job,
  wasAccepted: boolean,
  at: number,
): AccountHold | null {
  if (!wasAccepted) return { ...before, lookAt: at + FIRST_PAUSE_MS };
  const { credit, pictures } = priceLimits(before);
  if (before.reason === 'ACCOUNT' || wasRefusedAt(job, credit)) return null;
  // Other jobs with as many pictures may cost less too.
  const tooDear = makes(job) >= pictures ? null : before.tooDear;
  return { ...unblocked(before, at), tooDear, trials: 0, trialAt: at + FIRST_PAUSE_MS };
}

/** Returns the hold if there was no slot for the trial. */
export function withoutTrial(before: AccountHold, at: number): AccountHold {
  return { ...before, lookAt: at + FIRST_PAUSE_MS };
}

/** Lets jobs that are not too expensive continue. */
export function unblocked(before: AccountHold, at: number): AccountHold {
  return before.blocks ? { ...before, blocks: false, since: at, lookAt: at + FIRST_PAUSE_MS } : before;
}

/** Claims the next check or trial; after `claimMs` another instance may do it. */
export function claimed(before: AccountHold, at: number, claimMs: number): AccountHold {
  return { ...before, lookAt: at + Math.min(claimMs, MAX_PAUSE_MS) };
}

/** Checks at once after a start, because the operator may have fixed the problem. */
export function hurried(before: AccountHold, at: number): AccountHold {
  return { ...before, lookAt: at, trialAt: at };
}

/** Moves all times after the clock was set. */
export function movedBy(before: AccountHold, ms: number): AccountHold {
  const { since, lookAt, trialAt } = before;
  return { ...before, since: since + ms, lookAt: lookAt + ms, trialAt: trialAt + ms };
}

/** A time further away than the longest pause is due too: it was stored before the clock was set back. */
export function isLookDue({ lookAt }: AccountHold, now: number): boolean {
  return lookAt <= now || lookAt > now + 2 * MAX_PAUSE_MS;
}

/**
 * Whether the waiting jobs may be the cause: the key works, because Akool returns the balance, but trials are refused.
 */
export function mayBeTheJobs({ reason, credit, trials }: AccountHold): boolean {
  return reason === 'ACCOUNT' && credit !== null && trials >= TRIALS_OF_THE_SAME;
}

export function isTrialDue({ trialAt }: AccountHold, now: number): boolean {
  return trialAt <= now || trialAt > now + 2 * MAX_PAUSE_MS;
}

/** Whether even the smallest possible job was refused at this balance. */
export function blocksAllJobs({ reason, tooDear }: AccountHold): boolean {
  return reason === 'ACCOUNT' || (tooDear !== null && tooDear.pictures <= 1);
}

/** A job is too expensive if it was refused at this `credit` or more, or makes this many `pictures` or more. */
export interface PriceLimits {
  readonly credit: number;
  readonly pictures: number;
}

export function priceLimits(hold: AccountHold | null): PriceLimits {
  return hold?.reason === 'NO_CREDIT'
    ? { credit: hold.credit ?? UNKNOWN_CREDIT, pictures: hold.tooDear?.pictures ?? NO_LIMIT }
    : { credit: Number.MAX_VALUE, pictures: NO_LIMIT };
}

export function isTooDear(hold: AccountHold, job: Job): boolean {
  const { credit, pictures } = priceLimits(hold);
  return wasRefusedAt(job, credit) || makes(job) >= pictures;
}

/** Whether the pause between two checks has reached its maximum. */
export function isSlow(hold: AccountHold, now: number): boolean {
  return lookPause(hold, now) === MAX_PAUSE_MS;
}

/** An eighth of the hold's age: five seconds during the first forty, five minutes after forty minutes. */
function lookPause({ since }: AccountHold, now: number): number {
  return Math.min(MAX_PAUSE_MS, Math.max(FIRST_PAUSE_MS, Math.round((now - since) / 8)));
}

function wasRefusedAt({ creditRefused }: Job, credit: number): boolean {
  return creditRefused !== null && creditRefused >= credit;
}

/** Videos are never compared. */
function makes({ pictures }: Job): number {
  return pictures ?? 0;
}

/** Doubles with each refused trial. */
function trialPause(trials: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(trials - 1, 16));
}

function learned(
  before: AccountHold['tooDear'],
  { pictures }: AccountRefusal,
  credit: number,
): AccountHold['tooDear'] {
  if (pictures === null) return before;
  return { pictures: Math.min(pictures, before?.pictures ?? pictures), credit };
}
