/** Limits how many operations of each kind a tenant may start. */
import { type RateLimiterAbstract, RateLimiterMemory } from 'rate-limiter-flexible';
import { GatewayError } from '../errors.js';
import { allowanceOf, type Caller } from '../services/auth/caller.js';

interface RateLimitSettings {
  /** Per minute; null: no limit. */
  readonly queriesPerMinute: number | null;
  readonly mutationsPerMinute: number | null;
}

/** Subscriptions count as queries. */
export type RateKind = 'queries' | 'mutations';

/** Rejects with its counts if the limit is reached. */
type Limiter = Pick<RateLimiterAbstract, 'consume'>;

/** Creates a limiter of this many points per minute; in Redis if instances share the count. */
export type LimiterFactory = (name: RateKind, pointsPerMinute: number) => Limiter;

/** Limiters that count for all instances together. */
export interface SharedLimiters {
  readonly create: LimiterFactory;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

export const inMemory: LimiterFactory = (name, points) =>
  new RateLimiterMemory({ keyPrefix: name, points, duration: 60 });

export class RateLimits {
  readonly #limiters: Readonly<Record<RateKind, Limiter | null>>;

  constructor(
    { queriesPerMinute, mutationsPerMinute }: RateLimitSettings,
    create: LimiterFactory = inMemory,
  ) {
    this.#limiters = {
      queries: queriesPerMinute === null ? null : create('queries', queriesPerMinute),
      mutations: mutationsPerMinute === null ? null : create('mutations', mutationsPerMinute),
    };
  }

  /**
   * Returns undefined if there is no limit.
   *
   * @throws GatewayError RATE_LIMITED, with `retryAfterSeconds`
   */
  take(caller: Caller, kind: RateKind, points: number): Promise<void> | undefined {
    const limiter = this.#limiters[kind];
    return limiter === null ? undefined : take(limiter, caller, kind, points);
  }
}

async function take(limiter: Limiter, caller: Caller, kind: RateKind, points: number): Promise<void> {
  try {
    await limiter.consume(allowanceOf(caller), points);
  } catch (refusal) {
    // The limiter rejects with its counts. An Error means that the limiter itself failed, which must not stop callers.
    if (refusal instanceof Error) return;
    const { msBeforeNext } = refusal as { readonly msBeforeNext: number };
    const retryAfterSeconds = Math.max(1, Math.ceil(msBeforeNext / 1000));
    throw new GatewayError('RATE_LIMITED', `Too many ${kind}; try again in ${retryAfterSeconds} s.`, {
      extensions: { retryAfterSeconds },
    });
  }
}
