/** Determines the caller from the credentials of a request. */
import type { Logger } from 'pino';
import type { ApiKey } from '../../config/api-keys.js';
import { GatewayError } from '../../errors.js';
import { TenantNameError } from '../../tenant-name.js';
import { tenantOfKey } from './api-keys.js';
import type { Caller } from './caller.js';
import { type FollowTokens, isFollowToken } from './follow-tokens.js';
import { isExpired, type JwtVerifier, KeysUnavailableError } from './jwt.js';

/**
 * The credentials are missing, wrong or expired. Expired ones were valid once, so fresh ones of the same kind
 * may work.
 */
export class AuthenticationError extends GatewayError {
  /** `missing`: also if there is an `Authorization`, but not of the form `Bearer …`. */
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
  expired: 'The credentials have expired; get fresh ones.',
};

const RETRY_AFTER_SECONDS = 5;

/** The caller of an open gateway: all callers are one tenant. */
const ANYBODY: Caller = { tenant: 'default', expiresAt: null, onlyJob: null };

export class Authenticator {
  readonly #isOpen: boolean;
  readonly #keys: readonly ApiKey[];
  readonly #jwt: JwtVerifier | null;
  readonly #followTokens: FollowTokens;
  readonly #log: Logger;

  constructor(parts: {
    /** No credentials are required. */
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
   * @throws AuthenticationError; GatewayError AUTHENTICATION_UNAVAILABLE if the credentials can't be checked
   *   right now
   */
  async authenticate(authorization: string | undefined): Promise<Caller> {
    const token = /^Bearer +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1];
    // A follow token restricts its bearer even at an open gateway.
    if (token !== undefined && isFollowToken(token)) return this.#verified(this.#followTokens.verify(token));
    if (this.#isOpen) return ANYBODY;
    if (token === undefined) throw new AuthenticationError('missing');
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
        throw new GatewayError(
          'AUTHENTICATION_UNAVAILABLE',
          'Your credentials cannot be checked right now.',
          {
            cause: error,
            extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS },
          },
        );
      }
      // Messages of JOSE errors name claims, but never contain the token.
      this.#log.debug({ reason: error instanceof Error ? error.message : 'unknown' }, 'credentials refused');
      throw new AuthenticationError(isExpired(error) ? 'expired' : 'wrong', error);
    }
  }
}
