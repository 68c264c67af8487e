/** From what a request carries to who asks. */
import type { Logger } from 'pino';
import { GatewayError } from '../../errors.js';
import { type ApiKey, tenantOfKey } from './api-keys.js';
import type { Caller } from './caller.js';
import { type FollowTokens, isFollowToken } from './follow-tokens.js';
import { isExpired, type JwtVerifier, KeysUnavailableError } from './jwt.js';
import { TenantNameError } from './tenant-name.js';

/** Not known, or not any more. `expired` credentials were good once: a fresh one of the same kind may do. */
export class AuthenticationError extends GatewayError {
  readonly reason: 'missing' | 'wrong' | 'expired';

  constructor(reason: AuthenticationError['reason'], cause?: unknown) {
    super('UNAUTHENTICATED', cause instanceof TenantNameError ? cause.message : MESSAGES[reason], { cause });
    this.name = 'AuthenticationError';
    this.reason = reason;
  }
}

const MESSAGES: Readonly<Record<AuthenticationError['reason'], string>> = {
  missing: 'Send Authorization: Bearer … with an API key, a JWT or a follow token.',
  wrong: 'The credentials are not valid.',
  expired: 'The credentials have run out; get fresh ones.',
};

const RETRY_AFTER_SECONDS = 5;

/** Whoever calls a gateway that asks nobody who they are: all are one tenant. */
const ANYBODY: Caller = { tenant: 'default', expiresAt: null, onlyJob: null };

export class Authenticator {
  readonly #isOpen: boolean;
  readonly #keys: readonly ApiKey[];
  readonly #jwt: JwtVerifier | null;
  readonly #followTokens: FollowTokens;
  readonly #log: Logger;

  constructor(parts: {
    /** Nobody is asked for credentials. */
    readonly isOpen: boolean;
    readonly keys: readonly ApiKey[];
    readonly jwt: JwtVerifier | null;
    readonly followTokens: FollowTokens;
    readonly log: Logger;
  }) {
    this.#isOpen = parts.isOpen;
    this.#keys = parts.keys;
    this.#jwt = parts.jwt;
    this.#followTokens = parts.followTokens;
    this.#log = parts.log;
  }

  /**
   * @param authorization `Bearer …`, as a header or as `connectionParams.authorization`
   * @throws AuthenticationError; GatewayError AUTHENTICATION_UNAVAILABLE when that can't be told at present
   */
  async authenticate(authorization: string | undefined): Promise<Caller> {
    const token = /^Bearer +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1];
    // A follow token narrows what its bearer may do, with an open gateway too.
    if (token !== undefined && isFollowToken(token)) return this.#verified(this.#followTokens.verify(token));
    if (this.#isOpen) return ANYBODY;
    if (token === undefined) throw new AuthenticationError(authorization ? 'wrong' : 'missing');
    const tenant = tenantOfKey(this.#keys, token);
    if (tenant !== null) return { tenant, expiresAt: null, onlyJob: null };
    if (this.#jwt === null) throw new AuthenticationError('wrong');
    return this.#verified(this.#jwt.verify(token));
  }

  async #verified(verification: Promise<Caller>): Promise<Caller> {
    try {
      return await verification;
    } catch (error) {
      if (error instanceof KeysUnavailableError) {
        this.#log.warn({ err: error }, 'JWTs cannot be checked');
        throw new GatewayError('AUTHENTICATION_UNAVAILABLE', 'Who you are cannot be checked at present.', {
          cause: error,
          extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS },
        });
      }
      // Messages of JOSE errors name claims, never the token.
      this.#log.debug({ reason: error instanceof Error ? error.message : 'unknown' }, 'credentials refused');
      throw new AuthenticationError(isExpired(error) ? 'expired' : 'wrong', error);
    }
  }
}
