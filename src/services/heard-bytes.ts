/**
 * What callers have sent within the last second: bounded in all and for each of them, like what they make the program
 * hold, before any of it is read. Rates of operations come too late, because what a text asks for is known only once it
 * has been parsed.
 */
import type { Caller } from './auth/caller.js';
import { HeldBytes } from './held-bytes.js';

/** In a second: some 200 ms of work. */
const MAX_HEARD_BYTES = 64 * 1024 * 1024;
const WINDOW_MS = 1000;

export class HeardBytes {
  readonly #held = new HeldBytes(MAX_HEARD_BYTES);

  /** False: the caller would have sent too many, and nothing has changed. */
  take(caller: Pick<Caller, 'tenant' | 'onlyJob'>, bytes: number): boolean {
    const heard = this.#held.open(caller);
    if (!heard.add(bytes)) return false;
    setTimeout(() => heard.release(), WINDOW_MS).unref();
    return true;
  }
}
