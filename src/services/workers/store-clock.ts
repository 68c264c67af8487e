/**
 * The clock of stored times: this machine's if the store is a local file, the database server's if gateways share it.
 * So the clocks of their machines need not agree, and setting one of them does no harm.
 *
 * A step of the clock of stored times is detected by comparing it with this process's monotonic clock. Until then `now`
 * continues as if nothing had happened; then due times are moved by the same amount, in one transaction, and `now`
 * follows. NTP slewing stays far below a step, and is followed continuously.
 *
 * Gateways that share a database must move due times only once, and not because one of them was suspended (a virtual
 * machine that was suspended sees the clock jump, too). So the database stores the last reading of its clock. If a
 * gateway finds the clock ahead, but another has read it within that leap, or finds it back, but not before the last
 * reading, then this gateway is the only one that lags behind: it follows the clock, and moves nothing.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { ClockReading, JobStore } from '../jobs/job-store.js';

const CHECK_EVERY_MS = 5000;
/** A smaller difference is no step: the clock is slewed, or was read late. */
const STEP_MS = 5000;
/** The tolerance for the time of the last reading. */
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

  /** Resolves when the clock has been read, and any step before the start has been handled. */
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
    // Use the machine's clock unless it was set, so that all of this process gets the same time.
    const read = Date.now() + Math.round(skew);
    return Math.abs(read - expected) < STEP_MS ? read : Math.round(expected);
  }

  steady(): number {
    return performance.now();
  }

  agreesWith(at: number): boolean {
    return Math.abs(at - this.now()) < STEP_MS;
  }

  /** Runs one check at a time; each begins after its call. */
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
        // Within the transaction, so that everything written after it uses the new time.
        this.#state = follow(before, reading, leapMs);
        // A first reading can't detect a leap forward; storing it would hide the leap from gateways that can.
        const isNoted = before.isRead || movedMs !== 0;
        return { due: movedMs, strayPolls: Math.min(0, before.leapMs), isNoted };
      });
    } catch (error) {
      // If it was committed nevertheless, the next check finds a newer reading, and only follows.
      this.#state = before;
      throw error;
    }
    this.#tell(this.#state.leapMs, movedMs, this.#state.ownOffset - before.ownOffset);
  }

  /** Whether other gateways have moved due times, or never saw a leap, because only this one was suspended. */
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
  /** How far the machine's clock is ahead of the monotonic one. */
  readonly ownOffset: number;
  /** How far the store's clock is ahead of the machine's. */
  readonly skew: number;
  /** How far the store's clock was off when it was read; 0 if that is no step. */
  readonly leapMs: number;
  readonly isRead: boolean;
}

function ownOffset(): number {
  return Date.now() - performance.now();
}

/** How far the clock is from where it should be; 0 if that is no step. */
function leapOf({ ownOffset, skew, isRead }: State, reading: ClockReading): number {
  const { at, lastAt } = reading;
  // While no gateway ran, a step forward can't be detected, but the clock can't have gone back by itself.
  const leapMs = isRead ? outside(ownOffset + skew, offsetsIn(reading)) : Math.min(0, at - lastAt);
  return Math.abs(leapMs) < STEP_MS ? 0 : Math.round(leapMs);
}

/** Keeps the skew unless the reading disproves it, so that the duration of a reading adds no noise. */
function follow({ skew }: State, reading: ClockReading, leapMs: number): State {
  const own = ownOffset();
  const [least, most] = offsetsIn(reading);
  return { ownOffset: own, skew: skew + outside(own + skew, [least - 1, most]), leapMs, isRead: true };
}

/** By how much the store's clock, in whole milliseconds, was ahead of the monotonic one: at least, and at most. */
function offsetsIn({ at, earliest, latest }: ClockReading): Range {
  return [at - latest, at + 1 - earliest];
}

type Range = readonly [least: number, most: number];

/** How far a value must move to be in the range. */
function outside(value: number, [least, most]: Range): number {
  return Math.min(Math.max(value, least), most) - value;
}
