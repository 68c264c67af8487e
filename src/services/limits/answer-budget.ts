/**
 * Limits the bytes of an operation's answer, per answer and for all answers of a caller together. Bytes are counted
 * before anything large is read, and held until the client has read the answer.
 */
import { GatewayError } from '../../errors.js';
import type { Holding } from './held-bytes.js';

/** Per answer, or per event of a subscription. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export const NO_ROOM = 'Too many answers are in progress; try again later.';

export class AnswerBudget {
  readonly #held: Holding;
  readonly #accepted: { readonly size: number } | null;
  #bytes = 0;
  #isOver = false;

  /** @param accepted the jobs that a mutation has stored; if there are any, it gets its answer even without room */
  constructor(held: Holding, accepted: { readonly size: number } | null) {
    this.#held = held;
    this.#accepted = accepted;
  }

  /** Whether nothing has been counted for this answer or event. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /**
   * Counts bytes that are about to be read for the answer.
   *
   * @throws GatewayError BAD_USER_INPUT, RATE_LIMITED
   */
  take(bytes: number): void {
    if (this.#bytes + bytes > MAX_ANSWER_BYTES) {
      throw new GatewayError(
        'BAD_USER_INPUT',
        `The answer would exceed ${MAX_ANSWER_BYTES / 1024 / 1024} MiB: request fewer jobs at once, or fewer fields of each.`,
      );
    }
    const more = this.#bytes + bytes - this.#held.bytes;
    const hasRoom = this.#isOver || more <= 0 || this.#held.add(more);
    if (!hasRoom && (this.#accepted?.size ?? 0) === 0) {
      throw new GatewayError('RATE_LIMITED', NO_ROOM, { extensions: { retryAfterSeconds: 1 } });
    }
    this.#bytes += bytes;
  }

  /**
   * Counts those bytes of the finished answer that were not counted before.
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

  /** Call it when the client has left or read everything; nothing is held afterwards. */
  end(): void {
    this.#isOver = true;
    this.#held.release();
  }
}
