/**
 * What callers have sent within the last second: bounded in all and for each of them, like what they make the program
 * hold, before any of it is parsed. Rates of operations come too late, because what a text asks for is known only once it
 * has been parsed.
 */
import type { Caller } from '../auth/caller.js';
import { SMALL_BYTES } from './held-bytes.js';
import { Shares } from './shares.js';

/** In a second: some 200 ms of work. */
const MAX_HEARD_BYTES = 64 * 1024 * 1024;
const WINDOW_MS = 1000;

type Sender = Pick<Caller, 'tenant' | 'onlyJob'>;

interface Heard {
  readonly sender: Sender;
  readonly bytes: number;
  readonly until: number;
}

export class HeardBytes {
  readonly #shares = new Shares(MAX_HEARD_BYTES, SMALL_BYTES);
  /** What was heard within the window, oldest first, from the next one to forget on. */
  #heard: Heard[] = [];
  #next = 0;

  /** False: the sender would have sent too many, and nothing has changed. */
  take(sender: Sender, bytes: number): boolean {
    const now = performance.now();
    this.#forget(now);
    if (!this.#shares.take(sender, bytes)) return false;
    this.#heard.push({ sender, bytes, until: now + WINDOW_MS });
    return true;
  }

  #forget(now: number): void {
    for (; this.#next < this.#heard.length; this.#next += 1) {
      const { sender, bytes, until } = this.#heard[this.#next] as Heard;
      if (until > now) break;
      this.#shares.take(sender, -bytes);
    }
    // Not one by one: that would move all the others each time.
    if (this.#next > this.#heard.length / 2) {
      this.#heard = this.#heard.slice(this.#next);
      this.#next = 0;
    }
  }
}
