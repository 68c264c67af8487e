/**
 * Follow tokens let a back end submit and a browser follow. Each may read and follow one job, for a limited
 * time.
 *
 * They are JWTs signed with a secret from the store, so that they are valid on every instance and after a
 * restart. They have their own type, so that they can't be confused with a caller's JWT (RFC 8725, section
 * 3.11).
 */
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { readTenantName } from '../../tenant-name.js';
import type { Caller } from './caller.js';

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
    // JWT uses whole seconds (RFC 7519, section 2, NumericDate). Round up, so that no token starts out
    // expired.
    const seconds = Math.ceil(expiresAt / 1000);
    const token = await new SignJWT({ tenant, job: jobId })
      .setProtectedHeader({ alg: 'HS256', typ: TYPE })
      .setExpirationTime(seconds)
      .sign(this.#secret);
    return { token, expiresAt: seconds * 1000 };
  }

  /** @throws a JOSE error, with code ERR_JWT_EXPIRED if it was valid once; TenantNameError */
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
    // A media type: case-insensitive, and "application/" may be omitted (RFC 7515, section 4.1.9).
    const { typ = '' } = decodeProtectedHeader(token);
    return typ.toLowerCase().replace(/^application\//, '') === TYPE;
  } catch {
    return false;
  }
}
