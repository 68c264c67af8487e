/**
 * Follow tokens: submit in the back end, follow in the browser. Each may read and follow one job, for a time.
 *
 * They are JWTs signed with a secret of the store's own, so that every instance and every restart knows them,
 * and with a type of their own, so that none of them can pass for a caller's JWT or the other way round
 * (RFC 8725, section 3.11).
 */
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import type { Caller } from './caller.js';
import { readTenantName } from './tenant-name.js';

const TYPE = 'follow+jwt';

export interface FollowToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export class FollowTokens {
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  async create(tenant: string, jobId: string, expiresAt: number): Promise<FollowToken> {
    // JWT counts in whole seconds (RFC 7519, section 2, NumericDate); up, so that none is born expired.
    const seconds = Math.ceil(expiresAt / 1000);
    const token = await new SignJWT({ tenant, job: jobId })
      .setProtectedHeader({ alg: 'HS256', typ: TYPE })
      .setExpirationTime(seconds)
      .sign(this.#secret);
    return { token, expiresAt: seconds * 1000 };
  }

  /** @throws a JOSE error; code ERR_JWT_EXPIRED when it was good once; TenantNameError */
  async verify(token: string): Promise<Caller> {
    const { payload } = await jwtVerify(token, this.#secret, {
      algorithms: ['HS256'],
      typ: TYPE,
      requiredClaims: ['exp', 'tenant', 'job'],
    });
    return {
      tenant: readTenantName(payload['tenant']),
      onlyJob: String(payload['job']),
      expiresAt: (payload.exp ?? 0) * 1000,
    };
  }
}

export function isFollowToken(token: string): boolean {
  try {
    // A media type: in any case, and "application/" may be left out (RFC 7515, section 4.1.9).
    const { typ = '' } = decodeProtectedHeader(token);
    return typ.toLowerCase().replace(/^application\//, '') === TYPE;
  } catch {
    return false;
  }
}
