/**
 * Limits the bytes of one operation's answer: counts them before something large is read for it, and holds them until
 * the client has read the answer. Single answers are limited, and so are all answers of a caller together.
 */
import { GatewayError } from '../../errors.js';
import type { Holding } from './held-bytes.js';

/** Per answer, or per event of a subscription. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export class AnswerBudget {
  readonly #held: Holding;
  readonly #accepted: { readonly size: number } | null;
  #bytes = 0;
  #isOver = false;

  /** @param accepted the jobs that a mutation has stored: if there are any, it is answered even without room */
  constructor(held: Holding, accepted: { readonly size: number } | null) {
    this.#held = held;
    this.#accepted = accepted;
  }

  /**
   * Counts bytes that are about to be read for it.
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
   * Counts the bytes of the finished answer, as far as they were not counted before.
   *
   * @throws GatewayError BAD_USER_INPUT, RATE_LIMITED
   */
  reach(bytes: number): void {
    if (bytes > this.#bytes) this.take(bytes - this.#bytes);
  }

  /** Call it when the client has read an event, before the next one. */
  release(): void {
    this.#held.release();
    this.#bytes = 0;
  }

  /** Call it when the client has left or read everything: from then on nothing is held. */
  end(): void {
    this.#isOver = true;
    this.#held.release();
  }
}
