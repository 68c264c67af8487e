/**
 * The bytes of one operation's answer: counted before what is large is read for it, and held until the caller has
 * read it. One answer is bounded, and so are all of a caller that are under way.
 */
import { GatewayError } from '../../errors.js';
import type { Holding } from './held-bytes.js';

/** Of one answer, or of one event of a subscription. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export class AnswerBudget {
  readonly #held: Holding;
  readonly #accepted: { readonly size: number } | null;
  #bytes = 0;
  #isOver = false;

  /** @param accepted what a mutation has stored: once there is something, the client is told whatever room there is */
  constructor(held: Holding, accepted: { readonly size: number } | null) {
    this.#held = held;
    this.#accepted = accepted;
  }

  /**
   * So much more is about to be read for it.
   *
   * @throws GatewayError BAD_USER_INPUT, RATE_LIMITED
   */
  take(bytes: number): void {
    if (this.#bytes + bytes > MAX_ANSWER_BYTES) {
      throw new GatewayError(
        'BAD_USER_INPUT',
        `The answer would have more than ${MAX_ANSWER_BYTES / 1024 / 1024} MiB: ask for fewer jobs at once, or for less of each.`,
      );
    }
    const more = this.#bytes + bytes - this.#held.bytes;
    const hasRoom = this.#isOver || more <= 0 || this.#held.add(more);
    if (!hasRoom && (this.#accepted?.size ?? 0) === 0) {
      throw new GatewayError('RATE_LIMITED', 'Too many answers are under way; ask again later.', {
        extensions: { retryAfterSeconds: 1 },
      });
    }
    this.#bytes += bytes;
  }

  /**
   * It has so many bytes, whatever was read for it.
   *
   * @throws GatewayError BAD_USER_INPUT, RATE_LIMITED
   */
  reach(bytes: number): void {
    if (bytes > this.#bytes) this.take(bytes - this.#bytes);
  }

  /** The caller has read it; the next event begins anew. */
  release(): void {
    this.#held.release();
    this.#bytes = 0;
  }

  /** Nothing is held any more, whatever is still read for it. */
  end(): void {
    this.#isOver = true;
    this.#held.release();
  }
}
