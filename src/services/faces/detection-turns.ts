/**
 * Decides whose face detection runs next. Each tenant has a few lookups running while its others wait, so a
 * tenant with slow lookups takes no connections from the others.
 */
import pLimit, { type LimitFunction } from 'p-limit';
import { GatewayError } from '../../errors.js';

/** Concurrent lookups per tenant. */
const MAX_AT_ONCE = 4;
/** Waiting lookups of all tenants together. One tenant may have as many as half of those still free. */
const MAX_WAITING = 100;
const RETRY_AFTER_SECONDS = 2;

interface Turns {
  readonly limit: LimitFunction;
  /** Running and waiting lookups. */
  count: number;
}

export class DetectionTurns {
  readonly #tenants = new Map<string, Turns>();
  #waiting = 0;

  /**
   * Calls `look` when it is its turn.
   *
   * @throws GatewayError RATE_LIMITED if too many are already waiting
   */
  async take<T>(tenant: string, look: () => Promise<T>): Promise<T> {
    const turns = this.#tenants.get(tenant) ?? { limit: pLimit(MAX_AT_ONCE), count: 0 };
    const waiting = turns.count - MAX_AT_ONCE;
    if (waiting >= 0) {
      if (waiting >= (MAX_WAITING - this.#waiting) / 2) throw tooMany();
      this.#waiting += 1;
    }
    this.#tenants.set(tenant, turns);
    turns.count += 1;
    try {
      return await turns.limit(look);
    } finally {
      turns.count -= 1;
      if (turns.count >= MAX_AT_ONCE) this.#waiting -= 1;
      if (turns.count === 0) this.#tenants.delete(tenant);
    }
  }
}

function tooMany(): GatewayError {
  return new GatewayError(
    'RATE_LIMITED',
    `Too many of your pictures are waiting; try again in ${RETRY_AFTER_SECONDS} s.`,
    { extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS } },
  );
}
