/**
 * Checks whether an account hold has passed: one instance at a time queries the balance, which is free, every
 * five seconds at first and every five minutes in the end. If the balance looks fine, one job is tried.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { PeriodicLoop } from '../../periodic-loop.js';
import type { AkoolClient } from '../akool/akool-client.js';
import { AkoolCallError } from '../akool/call-error.js';
import { holdReasonOf } from '../akool/codes.js';
import { jobErrorOf } from '../akool/error-mapping.js';
import {
  type AccountHold,
  afterFailedLook,
  afterLook,
  blocksAllJobs,
  claimed,
  hurried,
  isLookDue,
  isSlow,
  isTrialDue,
  unblocked,
  withoutTrial,
} from '../jobs/account-hold.js';
import type { JobStore, Trial } from '../jobs/job-store.js';
import type { AccountHolds } from './account-holds.js';
import type { Dispatcher } from './dispatcher.js';

interface AccountWatchSettings {
  /** A check or trial that takes longer than this was abandoned by its instance; in milliseconds. */
  readonly abandonedAfterMs: number;
}

/** Changes by other instances are seen no later than this. */
const TICK_MS = 1000;

export class AccountWatch {
  readonly #holds: AccountHolds;
  readonly #store: Pick<JobStore, 'countHeld'>;
  readonly #akool: Pick<AkoolClient, 'credit'>;
  readonly #dispatcher: Pick<Dispatcher, 'tryOne'>;
  readonly #clock: Clock;
  readonly #settings: AccountWatchSettings;
  readonly #log: Logger;
  readonly #loop: PeriodicLoop;
  readonly #calls = new AbortController();
  #isFirst = true;
  #unsubscribe: (() => void) | null = null;

  constructor(parts: {
    readonly holds: AccountHolds;
    readonly store: Pick<JobStore, 'countHeld'>;
    readonly akool: Pick<AkoolClient, 'credit'>;
    readonly dispatcher: Pick<Dispatcher, 'tryOne'>;
    readonly clock: Clock;
    readonly settings: AccountWatchSettings;
    readonly log: Logger;
  }) {
    this.#holds = parts.holds;
    this.#store = parts.store;
    this.#akool = parts.akool;
    this.#dispatcher = parts.dispatcher;
    this.#clock = parts.clock;
    this.#settings = parts.settings;
    this.#log = parts.log;
    this.#loop = new PeriodicLoop(TICK_MS, () => this.#watch(), this.#log);
  }

  start(): void {
    this.#unsubscribe ??= this.#holds.onChange(() => this.#loop.wake());
    this.#loop.start();
  }

  /** Aborts a check in progress. May be called twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#calls.abort();
    await this.#loop.stop();
  }

  /** Resolves after a check, if one is due, that began after this call. */
  pass(): Promise<void> {
    return this.#loop.pass();
  }

  async #watch(): Promise<void> {
    const hold = await this.#holds.present();
    if (hold === null) {
      this.#isFirst = false;
      return;
    }
    if (this.#isFirst) {
      this.#log.warn(
        { reason: hold.reason, since: new Date(hold.since) },
        'Akool refused the account before this start',
      );
      await this.#holds.change((before) => before && hurried(before, this.#clock.now()));
      this.#isFirst = false;
    } else if (!isLookDue(hold, this.#clock.now())) {
      this.#loop.wakeIn(hold.lookAt - this.#clock.now());
      return;
    }
    if (await this.#claim()) await this.#look();
  }

  /** Returns false if another instance was faster. */
  async #claim(): Promise<boolean> {
    let isMine = false;
    await this.#holds.change((before) => {
      const now = this.#clock.now();
      isMine = before !== null && isLookDue(before, now);
      return before !== null && isMine ? claimed(before, now, this.#settings.abandonedAfterMs) : before;
    });
    return isMine;
  }

  /** Changes the hold unless another one has replaced it meanwhile. */
  async #changeThis(hold: AccountHold, change: (before: AccountHold, now: number) => AccountHold | null) {
    await this.#holds.change((before) =>
      before !== null && before.since === hold.since ? change(before, this.#clock.now()) : before,
    );
  }

  async #look(): Promise<void> {
    const looked = await this.#creditNow();
    if (this.#calls.signal.aborted) return;
    const hold = await this.#holds.change((before) => {
      if (before === null) return null;
      const now = this.#clock.now();
      return looked.kind === 'told' ? afterLook(before, looked.credit, now) : afterFailedLook(before, now);
    });
    this.#log.info({ reason: hold?.reason, ...looked }, 'checked whether Akool still refuses the account');
    if (hold !== null && this.#looksPassed(hold, looked)) await this.#try(hold);
  }

  #looksPassed(hold: AccountHold, looked: Looked): boolean {
    switch (looked.kind) {
      case 'told':
        return hold.reason === 'ACCOUNT' || looked.credit > 0;
      case 'refused':
        return false;
      case 'unclear':
        // If Akool never returns the balance, only a trial can show anything.
        return isSlow(hold, this.#clock.now());
    }
  }

  async #try(hold: AccountHold): Promise<void> {
    const now = this.#clock.now();
    const { all, tooDear } = await this.#store.countHeld(hold, now);
    const isOver = hold.blocks ? all === 0 : tooDear === 0;
    // No job is left to try; the next new one will show whether the hold is over.
    if (isOver) return this.#changeThis(hold, () => null);
    const trial = this.#trialOf(hold, all > tooDear, now);
    if (trial !== null) {
      await this.#changeThis(hold, (before, at) => claimed(before, at, this.#settings.abandonedAfterMs));
      if (!(await this.#dispatcher.tryOne(trial))) await this.#changeThis(hold, withoutTrial);
    } else if (!blocksAllJobs(hold)) {
      await this.#changeThis(hold, unblocked);
    }
  }

  /** Returns null if all waiting jobs are known to be too expensive and none is due for another trial. */
  #trialOf(hold: AccountHold, doesAnyFit: boolean, now: number): Trial | null {
    if (hold.reason === 'NO_CREDIT' && hold.blocks && doesAnyFit) return 'fitting';
    if (!isTrialDue(hold, now)) return null;
    return hold.blocks ? 'any' : 'too-dear';
  }

  async #creditNow(): Promise<Looked> {
    try {
      return { kind: 'told', credit: await this.#akool.credit({ signal: this.#calls.signal }) };
    } catch (error) {
      if (!(error instanceof AkoolCallError)) throw error;
      const isRefused = error.code === 'REFUSED' && holdReasonOf(jobErrorOf(error).code) !== null;
      return { kind: isRefused ? 'refused' : 'unclear', why: error.message };
    }
  }
}

type Looked =
  | { readonly kind: 'told'; readonly credit: number }
  /** Akool refuses to return the balance because of the account. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unclear'; readonly why: string };
