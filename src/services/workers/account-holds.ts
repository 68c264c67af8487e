/** This instance's view of the account hold. Each change is stored, logged, and passed to listeners. */
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AccountHold } from '../jobs/account-hold.js';
import type { JobStore } from '../jobs/job-store.js';

export class AccountHolds {
  readonly #store: Pick<JobStore, 'accountHold' | 'changeAccountHold'>;
  readonly #log: Logger;
  readonly #listeners = new Set<() => void>();
  #reading: Promise<AccountHold | null> | null = null;
  #last: AccountHold | null = null;

  constructor(parts: {
    readonly store: Pick<JobStore, 'accountHold' | 'changeAccountHold'>;
    readonly log: Logger;
  }) {
    this.#store = parts.store;
    this.#log = parts.log;
  }

  /** The hold as last read or changed by this instance. */
  get last(): AccountHold | null {
    return this.#last;
  }

  /** The stored hold. Calls within one turn of the event loop share one read. */
  present(): Promise<AccountHold | null> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  /** @returns the hold afterwards */
  async change<After extends AccountHold | null>(
    change: (before: AccountHold | null) => After,
  ): Promise<After> {
    const { before, after } = await this.#store.changeAccountHold(change);
    this.#last = after;
    this.#tell(before, after);
    for (const listener of this.#listeners) listener();
    return after;
  }

  /** Calls `listener` after each change made by this instance, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #read(): Promise<AccountHold | null> {
    await setImmediate();
    // Later callers may need changes that this read can't see.
    this.#reading = null;
    this.#last = await this.#store.accountHold();
    return this.#last;
  }

  #tell(before: AccountHold | null, after: AccountHold | null): void {
    if (after?.blocks && !(before?.blocks && before.reason === after.reason)) {
      const { reason, error } = after;
      this.#log.error(
        { reason, providerCode: error.providerCode, error: error.code, detail: error.message },
        `dispatch paused: Akool refuses the account (${reason}). Waiting jobs are kept, and continue on their own once it does not`,
      );
    }
    if (before?.blocks && !after?.blocks) {
      this.#log.warn({ reason: before.reason }, 'dispatch resumed: Akool no longer refuses the account');
    }
  }
}
