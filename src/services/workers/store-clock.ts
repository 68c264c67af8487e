/**
 * The clock that stored times go by: of this machine where the store is a file of its own, of the database's server
 * where gateways share it. So the clocks of their machines need not agree, and setting one of those does no harm.
 *
 * Setting the one clock that counts is noticed by comparing it with this process's monotonic clock. Until then `now`
 * goes on as if nothing had happened; then what is due is moved by as much, in one transaction, and `now` follows.
 * NTP's slewing stays far below a step, and is followed as it goes.
 *
 * Gateways that share a database must move things once, and not because one of them stood still (a virtual machine
 * that was suspended sees the clock jump, too). So the database holds when its clock was last read. Whoever finds
 * the clock further on than it should be, but read by another within that leap, or back, but not before the last
 * reading, is the only one that lags behind: it follows, and moves nothing.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { ClockReading, JobStore } from '../jobs/job-store.js';

const CHECK_EVERY_MS = 5000;
/** Less is no step: the clock is slewed, or was read late. */
const STEP_MS = 5000;
/** How inexact the time of the last reading may be. */
const INEXACT_MS = 1000;

export class StoreClock implements Clock {
  readonly #store: Pick<JobStore, 'readClock' | 'exclusive'>;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  #state: State = { ownOffset: ownOffset(), skew: 0, leapMs: 0, isRead: false };
  #checks: Promise<void> = Promise.resolve();

  constructor(parts: { readonly store: Pick<JobStore, 'readClock' | 'exclusive'>; readonly log: Logger }) {
    this.#store = parts.store;
    this.#log = parts.log;
    this.#loop = new PeriodicLoop(CHECK_EVERY_MS, () => this.check(), this.#log);
  }

  /** Resolves when the clock was read, and what it was set to while nobody looked is dealt with. */
  async start(): Promise<void> {
    await this.check();
    this.#loop.start();
  }

  /** Safe to call twice. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  now(): number {
    const { ownOffset, skew } = this.#state;
    const expected = performance.now() + ownOffset + skew;
    // As long as the machine's clock was not set it is the one to read: it gives all of this process the same time.
    const read = Date.now() + Math.round(skew);
    return Math.abs(read - expected) < STEP_MS ? read : Math.round(expected);
  }

  steady(): number {
    return performance.now();
  }

  agreesWith(at: number): boolean {
    return Math.abs(at - this.now()) < STEP_MS;
  }

  /** One at a time, each begun after it was asked for. */
  check(): Promise<void> {
    const check = this.#checks.catch(() => {}).then(() => this.#check());
    this.#checks = check;
    return check;
  }

  async #check(): Promise<void> {
    const before = this.#state;
    let movedMs = 0;
    try {
      await this.#store.readClock((reading) => {
        const leapMs = leapOf(before, reading);
        movedMs = this.#isOthers(before, reading, leapMs) ? 0 : leapMs;
        // Within the transaction: whatever is written after it is written by the clock as it is now.
        this.#state = follow(before, reading, leapMs);
        // Who reads for the first time can't know of a leap forward: noted, it would hide it from those who do.
        const isNoted = before.isRead || movedMs !== 0;
        return { due: movedMs, strayPolls: Math.min(0, before.leapMs), isNoted };
      });
    } catch (error) {
      // Should it have been committed nevertheless, the next check finds the clock read since, and only follows.
      this.#state = before;
      throw error;
    }
    this.#tell(this.#state.leapMs, movedMs, this.#state.ownOffset - before.ownOffset);
  }

  /** Whether other gateways have moved what is due, or never saw a leap, because it was this one that stood still. */
  #isOthers({ isRead }: State, { at, lastAt }: ClockReading, leapMs: number): boolean {
    if (!isRead || this.#store.exclusive) return false;
    return leapMs > 0 ? at - lastAt < leapMs - INEXACT_MS : at >= lastAt;
  }

  #tell(leapMs: number, movedMs: number, ownLeapMs: number): void {
    const seconds = Math.round(leapMs / 1000);
    if (movedMs !== 0) {
      this.#log.warn({ seconds }, 'the clock was set; due times were moved with it');
    } else if (leapMs !== 0) {
      this.#log.warn(
        { seconds },
        'the clock was set, or this gateway stood still; the others go by it already, and nothing was moved',
      );
    } else if (Math.abs(ownLeapMs) >= STEP_MS) {
      this.#log.warn(
        { seconds: Math.round(ownLeapMs / 1000) },
        "this machine's clock was set; due times go by the database's, and stay as they are",
      );
    }
  }
}

interface State {
  /** What the machine's clock is ahead of the monotonic one. */
  readonly ownOffset: number;
  /** What the store's clock is ahead of the machine's. */
  readonly skew: number;
  /** How far the store's clock was off when it was read; 0 for what is no step. */
  readonly leapMs: number;
  readonly isRead: boolean;
}

function ownOffset(): number {
  return Date.now() - performance.now();
}

/** How far the clock is from where it should be; 0 for what is no step. */
function leapOf({ ownOffset, skew, isRead }: State, reading: ClockReading): number {
  const { at, lastAt } = reading;
  // Nobody can tell how far it was set forward while no gateway ran, but it can't have gone back by itself.
  const leapMs = isRead ? outside(ownOffset + skew, offsetsIn(reading)) : Math.min(0, at - lastAt);
  return Math.abs(leapMs) < STEP_MS ? 0 : Math.round(leapMs);
}

/** The skew stays as it was unless the reading proves it wrong: so the time that a reading takes makes no noise. */
function follow({ skew }: State, reading: ClockReading, leapMs: number): State {
  const own = ownOffset();
  const [least, most] = offsetsIn(reading);
  return { ownOffset: own, skew: skew + outside(own + skew, [least - 1, most]), leapMs, isRead: true };
}

/** What the store's clock was ahead of the monotonic one: at least, and at most. It gives whole milliseconds. */
function offsetsIn({ at, earliest, latest }: ClockReading): Range {
  return [at - latest, at + 1 - earliest];
}

type Range = readonly [least: number, most: number];

/** How far a value has to go to be in the range. */
function outside(value: number, [least, most]: Range): number {
  return Math.min(Math.max(value, least), most) - value;
}
