/**
 * Limits the bytes that callers send per second, in total and for each of them, before any of them is parsed. Rate
 * limits on operations apply too late, because operations are only known after parsing.
 */
import type { Owner } from '../auth/caller.js';
import { SMALL_BYTES } from './held-bytes.js';
import { Shares } from './shares.js';

/** Per second: about 200 ms of work. */
const MAX_HEARD_BYTES = 64 * 1024 * 1024;
const WINDOW_MS = 1000;

interface Heard {
  readonly sender: Owner;
  readonly bytes: number;
  readonly until: number;
}

export class HeardBytes {
  readonly #shares = new Shares(MAX_HEARD_BYTES, SMALL_BYTES);
  /** Entries within the window, oldest first, starting at `#next`. */
  #heard: Heard[] = [];
  #next = 0;

  /** Returns false, and counts nothing, if the sender would exceed the limit. */
  take(sender: Owner, bytes: number): boolean {
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
    // Removing them one by one would move all others each time.
    if (this.#next > this.#heard.length / 2) {
      this.#heard = this.#heard.slice(this.#next);
      this.#next = 0;
    }
  }
}
