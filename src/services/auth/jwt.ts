/** Authenticates callers by JWTs of the operator's identity provider. */
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { fetch } from 'undici';
import { Outgoing, type Proxies } from '../../outgoing.js';
import { readTenantName, TenantNameError } from '../../tenant-name.js';
import { USER_AGENT } from '../../user-agent.js';
import type { Caller } from './caller.js';

export interface JwtSettings {
  readonly jwksUrl: string | null;
  /** For HS256, HS384 and HS512. */
  readonly secret: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  /** How far clocks may differ, in seconds. */
  readonly clockToleranceS: number;
  readonly proxies: Proxies;
}

/** The algorithms allowed with a JWKS. Not the symmetric ones, for which a public key would be the secret. */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** How long fetching the keys may take. */
const FETCH_MS = 5000;
const SYMMETRIC = ['HS256', 'HS384', 'HS512'];

export class JwtVerifier {
  readonly #ways: readonly ((token: string) => Promise<JWTPayload>)[];
  readonly #clockToleranceS: number;

  /**
   * The keys at `jwksUrl` are fetched when first needed, cached, and fetched again if a token names an
   * unknown key.
   */
  constructor({ jwksUrl, secret, issuer, audience, clockToleranceS, proxies }: JwtSettings) {
    this.#clockToleranceS = clockToleranceS;
    const options: JWTVerifyOptions = {
      clockTolerance: clockToleranceS,
      ...(issuer !== null && { issuer }),
      ...(audience !== null && { audience }),
    };
    const ways: ((token: string) => Promise<JWTPayload>)[] = [];
    if (secret !== null) {
      const key = new TextEncoder().encode(secret);
      ways.push(
        async (token) => (await jwtVerify(token, key, { ...options, algorithms: SYMMETRIC })).payload,
      );
    }
    if (jwksUrl !== null) {
      const keys = keysOf(jwksUrl, new Outgoing(proxies, { connectTimeoutMs: FETCH_MS }));
      ways.push((token) => verifyWithKeys(keys, token, { ...options, algorithms: ASYMMETRIC }));
    }
    this.#ways = ways;
  }

  /**
   * @throws a JOSE error, with code ERR_JWT_EXPIRED if it was valid once; KeysUnavailableError;
   *   TenantNameError
   */
  async verify(token: string): Promise<Caller> {
    let failure: unknown = new Error('JWTs are not accepted');
    for (const way of this.#ways) {
      try {
        return toCaller(await way(token), this.#clockToleranceS);
      } catch (error) {
        failure = error;
        // The signature was valid, so the other method would not accept the token.
        if (isExpired(error) || error instanceof TenantNameError) break;
      }
    }
    throw failure;
  }
}

/** The keys are unavailable, so it is unknown whether the token is valid. */
export class KeysUnavailableError extends Error {
  readonly code = 'JWKS_UNAVAILABLE';
  constructor(cause: unknown) {
    super('The keys at AUTH_JWKS_URL are unavailable', { cause });
    this.name = 'KeysUnavailableError';
  }
}

/** Errors of the key lookup that are the token's fault. */
const FAULTS_OF_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

interface Keys {
  readonly find: JWTVerifyGetKey;
  /** Fetches the keys again, at most every 30 seconds; returns whether it did. */
  readonly renew: () => Promise<boolean>;
}

function keysOf(jwksUrl: string, outgoing: Outgoing): Keys {
  const url = new URL(jwksUrl);
  const get: FetchImplementation = async (_url, { headers, signal }) => {
    const answer = await fetch(url, {
      dispatcher: outgoing.to(url),
      headers: { ...Object.fromEntries(headers), 'user-agent': USER_AGENT },
      redirect: 'manual',
      signal,
    });
    return new Response(await answer.text(), { status: answer.status });
  };
  const keys = createRemoteJWKSet(url, { [customFetch]: get, timeoutDuration: FETCH_MS });
  const find: JWTVerifyGetKey = async (header, token) => {
    try {
      return await keys(header, token).catch((error: unknown) => {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        // `kid` is a hint (RFC 7515, section 4.1.4), and the key may be published without one.
        const { kid, ...nameless } = header;
        return keys(nameless, token);
      });
    } catch (error) {
      throw FAULTS_OF_TOKEN.some((fault) => error instanceof fault) ? error : new KeysUnavailableError(error);
    }
  };
  const renew = async (): Promise<boolean> => {
    if (keys.coolingDown) return false;
    return keys.reload().then(
      () => true,
      () => false,
    );
  };
  return { find, renew };
}

async function verifyWithKeys(
  { find, renew }: Keys,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return await verifyWithAny(find, token, options);
  } catch (error) {
    // Where `kid` is missing on either side, nothing else tells that the key was replaced.
    if (!(error instanceof errors.JWSSignatureVerificationFailed) || !(await renew())) throw error;
    return verifyWithAny(find, token, options);
  }
}

/** If several keys fit, because a `kid` is missing on either side, tries one after the other. */
async function verifyWithAny(
  keys: JWTVerifyGetKey,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (several) {
    if (!(several instanceof errors.JWKSMultipleMatchingKeys)) throw several;
    let failure: unknown = several;
    for await (const key of several) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (error) {
        failure = error;
        // The signature was valid, so no other key would do.
        if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) break;
      }
    }
    throw failure;
  }
}

export function isExpired(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_JWT_EXPIRED';
}

/** The tenant is the claim `tenant`, or else `sub`. The token is valid until `exp` and the tolerance are over. */
function toCaller(payload: JWTPayload, clockToleranceS: number): Caller {
  return {
    tenant: readTenantName(payload['tenant'] ?? payload.sub),
    onlyJob: null,
    expiresAt: payload.exp === undefined ? null : (payload.exp + clockToleranceS) * 1000,
  };
}
