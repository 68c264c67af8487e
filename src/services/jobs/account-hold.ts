/**
 * What Akool holds against the account, as a pure state machine: no clock, no store, no network. It is stored beside
 * the queue, so all instances know it and it survives a restart.
 *
 * In prose. A submit that Akool refuses for the account's sake says nothing about its job: the job waits again, and
 * the hold blocks dispatch. From then on one instance at a time looks at the balance, which is free. Once that looks
 * well, one job is tried; only when Akool accepts it does the block end.
 *
 * ACCOUNT may also be about one job: a firewall before Akool refuses an address in it with 403. So each trial is of
 * the job that was tried the longest ago. Where all that wait were tried in vain, although the balance is told, one
 * new job is let in to be tried: else those few would keep everybody out until their time to wait is over.
 *
 * NO_CREDIT is also about what a job costs, and Akool publishes no prices. So the gateway learns: a job that was
 * refused at some balance is too dear until the balance is higher, and so is every job that makes as many pictures or
 * more. Those wait, and do not block the others: the hold stays without blocking. What was learned may be wrong (a
 * quota that the balance does not show, videos of other lengths), so one of the jobs that are too dear is tried from
 * time to time nevertheless.
 */
import type { Job } from './job.js';
import type { JobError } from './job-error.js';

export const HOLD_REASONS = ['NO_CREDIT', 'ACCOUNT'] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];

export interface AccountHold {
  readonly reason: HoldReason;
  /** Nothing is sent but single trials. False: only jobs that are too dear wait. */
  readonly blocks: boolean;
  /** Since when it is so; also tells one hold from the next. */
  readonly since: number;
  /** What Akool said last: the error of a job whose time to wait ends meanwhile. */
  readonly error: JobError;
  /** The balance as last seen; null: not seen since the last refusal, or Akool refuses to tell. */
  readonly credit: number | null;
  /** Jobs that make so many pictures or more were refused at this balance. */
  readonly tooDear: { readonly pictures: number; readonly credit: number } | null;
  /** When the balance is looked at next. */
  readonly lookAt: number;
  /** When a job is tried though nothing looks better than at the last trial. */
  readonly trialAt: number;
  /** How many trials were refused since anything looked better. */
  readonly trials: number;
}

/** Above any balance: of a refusal whose balance is not known yet. */
export const UNKNOWN_CREDIT = Number.MAX_SAFE_INTEGER;
/** More pictures than a job can make. */
const NO_LIMIT = 2 ** 31 - 1;
const FIRST_PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** So many are refused before another job than those that wait is wanted. */
const TRIALS_OF_THE_SAME = 3;

/** A refusal for the account's sake. */
export interface AccountRefusal {
  readonly reason: HoldReason;
  readonly error: JobError;
  /** See `picturesOf`. */
  readonly pictures: number | null;
  /** Of the one job that was sent to see whether the hold has passed. */
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
      // At once: it tells what the job was too dear for.
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

/** The balance at which the job was refused, for its record; null where it is not about the balance. */
export function creditRefusedAt(hold: AccountHold, { reason, isTrial }: AccountRefusal): number | null {
  if (reason !== 'NO_CREDIT') return null;
  // Before a trial, and only then, the balance was looked at.
  return (isTrial ? hold.credit : null) ?? UNKNOWN_CREDIT;
}

/**
 * When the refused job is sent again at the earliest; null: as soon as it is its turn. One for which Akool refuses
 * the account while it takes others must not keep all of them.
 */
export function retryAfter({ reason, at }: AccountRefusal, tries: number): number | null {
  return reason === 'ACCOUNT' && tries > 1 ? at + trialPause(tries - 1) : null;
}

/** The balance was told. */
export function afterLook(before: AccountHold, credit: number, at: number): AccountHold {
  const tooDear =
    before.tooDear?.credit === UNKNOWN_CREDIT ? { ...before.tooDear, credit } : (before.tooDear ?? null);
  // What keeps the account from being told its balance is gone; or there is more of it.
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

/** The balance was not told. */
export function afterFailedLook(before: AccountHold, at: number): AccountHold {
  return {
    ...before,
    credit: before.reason === 'ACCOUNT' ? null : before.credit,
    lookAt: at + lookPause(before, at),
  };
}

/** A trial ended, but not in a refusal for the account's sake. Null: the hold is over. */
export function afterTrial(
  before: AccountHold,
  job: Job,
  wasAccepted: boolean,
  at: number,
): AccountHold | null {
  if (!wasAccepted) return { ...before, lookAt: at + FIRST_PAUSE_MS };
  const { credit, pictures } = priceLimits(before);
  if (before.reason === 'ACCOUNT' || wasRefusedAt(job, credit)) return null;
  // Others that make as many pictures may cost less as well.
  const tooDear = makes(job) >= pictures ? null : before.tooDear;
  return { ...unblocked(before, at), tooDear, trials: 0, trialAt: at + FIRST_PAUSE_MS };
}

/** There was no slot for the trial. */
export function withoutTrial(before: AccountHold, at: number): AccountHold {
  return { ...before, lookAt: at + FIRST_PAUSE_MS };
}

/** Lets those go on that are not too dear. */
export function unblocked(before: AccountHold, at: number): AccountHold {
  return before.blocks ? { ...before, blocks: false, since: at, lookAt: at + FIRST_PAUSE_MS } : before;
}

/** Whoever looks, or tries a job, has so long for it until another one does. */
export function claimed(before: AccountHold, at: number, claimMs: number): AccountHold {
  return { ...before, lookAt: at + Math.min(claimMs, LONGEST_PAUSE_MS) };
}

/** Whoever starts a gateway may have mended what was wrong. */
export function hurried(before: AccountHold, at: number): AccountHold {
  return { ...before, lookAt: at, trialAt: at };
}

/** The clock was set. */
export function movedBy(before: AccountHold, ms: number): AccountHold {
  const { since, lookAt, trialAt } = before;
  return { ...before, since: since + ms, lookAt: lookAt + ms, trialAt: trialAt + ms };
}

/** A time further away than any pause is what a clock that was set back leaves behind. */
export function isLookDue({ lookAt }: AccountHold, now: number): boolean {
  return lookAt <= now || lookAt > now + 2 * LONGEST_PAUSE_MS;
}

/** Akool tells the balance, so the key is good; yet one trial after the other was refused. */
export function mayBeTheJobs({ reason, credit, trials }: AccountHold): boolean {
  return reason === 'ACCOUNT' && credit !== null && trials >= TRIALS_OF_THE_SAME;
}

export function isTrialDue({ trialAt }: AccountHold, now: number): boolean {
  return trialAt <= now || trialAt > now + 2 * LONGEST_PAUSE_MS;
}

/** Whether even the smallest job that can come was refused at this balance. */
export function blocksAllJobs({ reason, tooDear }: AccountHold): boolean {
  return reason === 'ACCOUNT' || (tooDear !== null && tooDear.pictures <= 1);
}

/** A job is too dear that was refused at this `credit` or more, or that makes so many `pictures` or more. */
export function priceLimits(hold: AccountHold | null): {
  readonly credit: number;
  readonly pictures: number;
} {
  return hold?.reason === 'NO_CREDIT'
    ? { credit: hold.credit ?? UNKNOWN_CREDIT, pictures: hold.tooDear?.pictures ?? NO_LIMIT }
    : { credit: Number.MAX_VALUE, pictures: NO_LIMIT };
}

export function isTooDear(hold: AccountHold, job: Job): boolean {
  const { credit, pictures } = priceLimits(hold);
  return wasRefusedAt(job, credit) || makes(job) >= pictures;
}

/** Whether the longest pause between two looks is reached. */
export function isSlow(hold: AccountHold, now: number): boolean {
  return lookPause(hold, now) === LONGEST_PAUSE_MS;
}

/** An eighth of the time that it has lasted: five seconds during the first forty, five minutes after forty minutes. */
function lookPause({ since }: AccountHold, now: number): number {
  return Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, Math.round((now - since) / 8)));
}

function wasRefusedAt({ creditRefused }: Job, credit: number): boolean {
  return creditRefused !== null && creditRefused >= credit;
}

/** A video is compared with nothing. */
function makes({ pictures }: Job): number {
  return pictures ?? 0;
}

/** Twice as long after each that was refused. */
function trialPause(trials: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(trials - 1, 16));
}

function learned(
  before: AccountHold['tooDear'],
  { pictures }: AccountRefusal,
  credit: number,
): AccountHold['tooDear'] {
  if (pictures === null) return before;
  return { pictures: Math.min(pictures, before?.pictures ?? pictures), credit };
}
