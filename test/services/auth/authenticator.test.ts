/** JWTs of the operator's identity provider, follow tokens, and that neither is accepted as the other. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readApiKeys } from '../../../src/config/api-keys.js';
import { NO_PROXIES } from '../../../src/outgoing.js';
import { Authenticator } from '../../../src/services/auth/authenticator.js';
import type { Caller } from '../../../src/services/auth/caller.js';
import { FollowTokens, isFollowToken } from '../../../src/services/auth/follow-tokens.js';
import { type JwtSettings, JwtVerifier } from '../../../src/services/auth/jwt.js';
import { USER_AGENT } from '../../../src/user-agent.js';
import { startConnectProxy } from '../../support/connect-proxy.js';
import { recordedLog, startGateway } from '../../support/harness.js';

const SECRET = 'a shared secret of the operator, long enough';
const API_KEY = 'acme-key-which-nobody-may-see';
const STORE_SECRET = new Uint8Array(32).fill(7);
/** In seconds, unless a test sets another. */
const TOLERANCE_S = 5;
const NOW = Math.floor(Date.now() / 1000);

interface Pair {
  readonly jwk: JWK;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly publicPem: string;
}

async function makeKey(kid: string): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  return { jwk, privateKey, publicPem: await exportSPKI(publicKey) };
}

let first: Pair;
let second: Pair;
let jwks: Server;
let jwksUrl: string;
/** The keys that the identity provider returns, and how often they were requested. */
let published: JWK[];
let status: number;
let asked: number;
/** How the keys are encoded, and who asked for them. */
let coding: 'identity' | 'gzip';
let askedBy: string | undefined;
let logged: string;

beforeAll(async () => {
  [first, second] = await Promise.all([makeKey('one'), makeKey('two')]);
  jwks = createServer((request, response) => {
    asked += 1;
    askedBy = request.headers['user-agent'];
    const body = JSON.stringify({ keys: published });
    response
      .writeHead(status, { 'content-type': 'application/json', 'content-encoding': coding })
      .end(coding === 'gzip' ? gzipSync(body) : body);
  });
  jwks.listen(0, '127.0.0.1');
  await once(jwks, 'listening');
  jwksUrl = `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/keys`;
});
afterAll(() => {
  jwks.closeAllConnections();
  jwks.close();
});
beforeEach(() => {
  published = [first.jwk];
  status = 200;
  asked = 0;
  coding = 'identity';
  logged = '';
});
afterEach(() => {
  vi.useRealTimers();
});

const write = (line: string): void => {
  logged += line;
};

function authenticator(jwt: Partial<JwtSettings> | null, isOpen = false): Authenticator {
  return new Authenticator({
    isOpen,
    keys: readApiKeys(`acme:${API_KEY}`) ?? [],
    jwt:
      jwt === null
        ? null
        : new JwtVerifier({
            jwksUrl: null,
            secret: null,
            issuer: null,
            audience: null,
            clockToleranceS: TOLERANCE_S,
            proxies: NO_PROXIES,
            ...jwt,
          }),
    followTokens: new FollowTokens(STORE_SECRET),
    log: pino({ level: 'trace' }, { write }),
  });
}

function hmac(claims: JWTPayload, secret = SECRET, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', ...header })
    .sign(new TextEncoder().encode(secret));
}

function rsa(claims: JWTPayload, { privateKey, jwk }: Pair): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: String(jwk.kid) }).sign(privateKey);
}

function nameless({ kid, ...jwk }: JWK): JWK {
  expect(kid).toBeDefined();
  return jwk;
}

/** The caller, or why it was refused. */
async function whoIs(auth: Authenticator, token: string | undefined): Promise<Caller | string> {
  try {
    return await auth.authenticate(token === undefined ? undefined : `Bearer ${token}`);
  } catch (error) {
    const { code, reason = '' } = error as { code: string; reason?: string };
    expect(JSON.stringify(error) + String(error)).not.toContain(token ?? 'no token');
    return `${code} ${reason}`.trim();
  }
}

const WRONG = 'UNAUTHENTICATED wrong';
const EXPIRED = 'UNAUTHENTICATED expired';
const acme = (expiresAt: number | null = null): Caller => ({ tenant: 'acme', expiresAt, onlyJob: null });
/** The caller of a JWT that is checked with the tolerance of `authenticator()`. */
const acmeUntil = (exp: number): Caller => acme((exp + TOLERANCE_S) * 1000);

describe('A JWT of a shared secret', () => {
  it.each<[string, JWTPayload, Caller | string]>([
    ['is its tenant, until it runs out', { tenant: 'acme', exp: NOW + 60 }, acmeUntil(NOW + 60)],
    ['is its subject where it names no tenant', { sub: 'acme' }, acme()],
    ['is its tenant rather than its subject', { tenant: 'acme', sub: 'x' }, acme()],
    ['that has run out is refused as such', { tenant: 'acme', exp: NOW - 60 }, EXPIRED],
    ['is not good yet', { tenant: 'acme', nbf: NOW + 60 }, WRONG],
    ['names no tenant', {}, WRONG],
    ['names an empty tenant', { tenant: '', sub: 'acme' }, WRONG],
    ['names a tenant that is no text', { tenant: 7 }, WRONG],
    ['names a tenant that is a list', { tenant: ['acme'], sub: 'acme' }, WRONG],
  ])('%s', async (_what, claims, caller) => {
    expect(await whoIs(authenticator({ secret: SECRET }), await hmac(claims))).toEqual(caller);
  });

  it('is good for a moment longer, because clocks differ', async () => {
    const exp = Math.floor(Date.now() / 1000) - 1;
    expect(await whoIs(authenticator({ secret: SECRET }), await hmac({ tenant: 'acme', exp }))).toEqual(
      acmeUntil(exp),
    );
  });

  it.each([
    [0, EXPIRED],
    [120, acme((NOW + 60) * 1000)],
  ])('that ran out a minute ago, with a tolerance of %i s, is %j', async (clockToleranceS, caller) => {
    const auth = authenticator({ secret: SECRET, clockToleranceS });
    expect(await whoIs(auth, await hmac({ tenant: 'acme', exp: NOW - 60 }))).toEqual(caller);
  });

  it('is refused with another secret, unsigned, tampered with, or where no JWT is taken', async () => {
    const auth = authenticator({ secret: SECRET });
    const [header, , signature] = (await hmac({ tenant: 'acme' })).split('.');
    const other = Buffer.from(JSON.stringify({ tenant: 'globex' })).toString('base64url');
    for (const token of [
      await hmac({ tenant: 'acme' }, 'another secret, long enough as well'),
      new UnsecuredJWT({ tenant: 'acme' }).encode(),
      `${header}.${other}.${signature}`,
      `${header}.${other}.`,
      'not.a.token',
      '..',
    ]) {
      expect(await whoIs(auth, token)).toBe(WRONG);
    }
    expect(await whoIs(authenticator(null), await hmac({ tenant: 'acme' }))).toBe(WRONG);
  });

  it('must be from the issuer and for the audience, where these are set', async () => {
    const auth = authenticator({ secret: SECRET, issuer: 'https://id.example.com', audience: 'swap' });
    const claims = { tenant: 'acme', iss: 'https://id.example.com', aud: ['other', 'swap'] };
    expect(await whoIs(auth, await hmac(claims))).toEqual(acme());
    expect(await whoIs(auth, await hmac({ ...claims, iss: 'https://evil.example.com' }))).toBe(WRONG);
    expect(await whoIs(auth, await hmac({ ...claims, aud: 'other' }))).toBe(WRONG);
    expect(await whoIs(auth, await hmac({ tenant: 'acme' }))).toBe(WRONG);
  });
});

it.each([
  [31, 1],
  [32, 0],
])('A shared secret of %i characters is warned of %i times at the start', async (length, times) => {
  const { log, lines } = recordedLog('warn');
  const env = { AUTH_JWT_SECRET: 'x'.repeat(length) };
  const started = await startGateway({ env, overrides: { log } });
  await started.stop();
  const warnings = lines.filter(({ msg }) => String(msg).startsWith('AUTH_JWT_SECRET is short'));
  expect(warnings).toHaveLength(times);
  expect(JSON.stringify(lines)).not.toContain('xxx');
});

describe('A JWT by JWKS', () => {
  it('is its tenant; the keys are fetched when first needed, and kept', async () => {
    const auth = authenticator({ jwksUrl });
    expect(asked).toBe(0);
    const token = await rsa({ tenant: 'acme', exp: NOW + 60 }, first);
    expect(await whoIs(auth, token)).toEqual(acmeUntil(NOW + 60));
    expect(await whoIs(auth, await rsa({ tenant: 'acme', exp: NOW - 60 }, first))).toBe(EXPIRED);
    await Promise.all(Array.from({ length: 20 }, () => whoIs(auth, token)));
    expect(asked).toBe(1);
  });

  it('of keys that are sent compressed is its tenant; the gateway says who asks for them', async () => {
    coding = 'gzip';
    expect(await whoIs(authenticator({ jwksUrl }), await rsa({ tenant: 'acme' }, first))).toEqual(acme());
    expect(askedBy).toBe(USER_AGENT);
  });

  it('of a new key has the keys fetched again, and one of a key taken back is refused', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const auth = authenticator({ jwksUrl });
    await whoIs(auth, await rsa({ tenant: 'acme' }, first));
    published = [second.jwk];
    vi.setSystemTime(Date.now() + 31_000);
    expect(await whoIs(auth, await rsa({ tenant: 'acme' }, second))).toEqual(acme());
    expect(asked).toBe(2);
    expect(await whoIs(auth, await rsa({ tenant: 'acme' }, first))).toBe(WRONG);
  });

  it('without kid, of a new key, has the keys fetched again, at most every half minute', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const auth = authenticator({ jwksUrl });
    const sign = ({ privateKey }: Pair) =>
      new SignJWT({ tenant: 'acme' }).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
    published = [nameless(first.jwk)];
    expect(await whoIs(auth, await sign(first))).toEqual(acme());
    published = [nameless(second.jwk)];
    expect(await whoIs(auth, await sign(second))).toBe(WRONG);
    vi.setSystemTime(Date.now() + 31_000);
    expect(await whoIs(auth, await sign(second))).toEqual(acme());
    expect(await whoIs(auth, await sign(first))).toBe(WRONG);
    expect(asked).toBe(2);
  });

  it.each<[string, (first: JWK, second: JWK) => JWK[], { kid?: string }]>([
    ['without kid, among keys with kid', (one, two) => [one, two], {}],
    ['without kid, among keys without kid', (one, two) => [nameless(one), nameless(two)], {}],
    ['with kid, among keys without kid', (one, two) => [nameless(one), nameless(two)], { kid: 'two' }],
    ['with kid, of a single key without kid', (_one, two) => [nameless(two)], { kid: 'two' }],
    ['with kid, among two of the same kid', (one, two) => [{ ...one, kid: 'two' }, two], { kid: 'two' }],
    ['with kid, of a key that is published twice', (one, two) => [one, two, two], { kid: 'two' }],
  ])('%s, is its tenant if any key fits', async (_what, publish, header) => {
    published = publish(first.jwk, second.jwk);
    const auth = authenticator({ jwksUrl });
    const sign = (claims: JWTPayload, key = second.privateKey) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', ...header }).sign(key);
    expect(await whoIs(auth, await sign({ tenant: 'acme' }))).toEqual(acme());
    expect(await whoIs(auth, await sign({ tenant: 'acme', exp: NOW - 60 }))).toBe(EXPIRED);
    const stranger = await generateKeyPair('RS256');
    expect(await whoIs(auth, await sign({ tenant: 'acme' }, stranger.privateKey))).toBe(WRONG);
  });

  it('of keys behind a proxy is its tenant; while the proxy refuses, nobody knows whose it is', async () => {
    const proxy = await startConnectProxy(new Map([['keys.outside.test:80', jwksUrl]]));
    const auth = authenticator({
      jwksUrl: 'http://keys.outside.test/keys',
      proxies: { ...NO_PROXIES, http: proxy.url },
    });
    const token = await rsa({ tenant: 'acme' }, first);
    proxy.fault = 503;
    expect(await whoIs(auth, token)).toBe('AUTHENTICATION_UNAVAILABLE');
    proxy.fault = null;
    expect(await whoIs(auth, token)).toEqual(acme());
    expect([proxy.asked, asked]).toEqual([['keys.outside.test:80', 'keys.outside.test:80'], 1]);
    await proxy.stop();
  });

  it('of unknown keys does not have them fetched each time', async () => {
    const auth = authenticator({ jwksUrl });
    for (let i = 0; i < 20; i += 1) {
      expect(
        await whoIs(auth, await rsa({ tenant: 'acme' }, { ...second, jwk: { kid: `made-up-${i}` } })),
      ).toBe(WRONG);
    }
    expect(asked).toBe(1);
  });

  it('is refused when it is made with the public key for a secret, or is not signed, without asking for keys', async () => {
    const auth = authenticator({ jwksUrl });
    expect(await whoIs(auth, await hmac({ tenant: 'acme' }, first.publicPem, { kid: 'one' }))).toBe(WRONG);
    expect(await whoIs(auth, await hmac({ tenant: 'acme' }, JSON.stringify(first.jwk), { kid: 'one' }))).toBe(
      WRONG,
    );
    expect(await whoIs(auth, new UnsecuredJWT({ tenant: 'acme' }).encode())).toBe(WRONG);
    expect(await whoIs(auth, 'garbage')).toBe(WRONG);
    expect(asked).toBe(0);
  });

  it('stands beside a shared secret, each with its own algorithms', async () => {
    const auth = authenticator({ jwksUrl, secret: SECRET });
    expect(await whoIs(auth, await rsa({ tenant: 'acme' }, first))).toEqual(acme());
    expect(await whoIs(auth, await hmac({ tenant: 'acme' }))).toEqual(acme());
    expect(await whoIs(auth, await hmac({ tenant: 'acme' }, first.publicPem))).toBe(WRONG);
    expect(await whoIs(auth, await rsa({ tenant: 'acme', exp: NOW - 60 }, first))).toBe(EXPIRED);
  });

  it('is nobody knows whose while the keys cannot be had, which is not the fault of the caller', async () => {
    const auth = authenticator({ jwksUrl });
    const token = await rsa({ tenant: 'acme' }, first);
    status = 500;
    expect(await whoIs(auth, token)).toBe('AUTHENTICATION_UNAVAILABLE');
    // API keys do not depend on the identity provider's keys.
    expect(await whoIs(auth, API_KEY)).toEqual(acme());
    status = 200;
    published = [];
    expect(await whoIs(auth, token)).toBe(WRONG);
    const nowhere = authenticator({ jwksUrl: 'http://127.0.0.1:1/keys' });
    expect(await whoIs(nowhere, token)).toBe('AUTHENTICATION_UNAVAILABLE');
    expect(logged).toContain('JWKS_UNAVAILABLE');
    expect(logged).not.toContain(token);
  });
});

describe('A follow token', () => {
  const tokens = new FollowTokens(STORE_SECRET);
  const follower = { tenant: 'acme', onlyJob: 'job-1' };

  it('is good for one job of one tenant, for at least as long as was asked', async () => {
    const wanted = Date.now() + 60_000;
    const { token, expiresAt } = await tokens.create('acme', 'job-1', wanted);
    expect(isFollowToken(token)).toBe(true);
    expect(expiresAt).toBeGreaterThanOrEqual(wanted);
    expect(expiresAt).toBeLessThan(wanted + 1000);
    expect(await whoIs(authenticator(null), token)).toEqual({ ...follower, expiresAt });
  });

  it('narrows what its bearer may do with an open gateway too', async () => {
    const { token, expiresAt } = await tokens.create('default', 'job-1', Date.now() + 60_000);
    expect(await whoIs(authenticator(null, true), token)).toEqual({
      tenant: 'default',
      onlyJob: 'job-1',
      expiresAt,
    });
    expect(await whoIs(authenticator(null, true), `${token}x`)).toBe(WRONG);
  });

  it('runs out', async () => {
    const { token } = await tokens.create('acme', 'job-1', Date.now() - 5000);
    expect(await whoIs(authenticator(null), token)).toBe(EXPIRED);
  });

  it('of another store, tampered with, or incomplete is refused', async () => {
    const auth = authenticator({ secret: SECRET });
    const { token } = await new FollowTokens(new Uint8Array(32).fill(8)).create(
      'acme',
      'job-1',
      Date.now() + 9000,
    );
    const own = await tokens.create('acme', 'job-1', Date.now() + 9000);
    const [header, , signature] = own.token.split('.');
    const body = Buffer.from(JSON.stringify({ tenant: 'acme', job: 'job-2', exp: NOW + 60 })).toString(
      'base64url',
    );
    const bare = await new SignJWT({ tenant: 'acme', exp: NOW + 60 })
      .setProtectedHeader({ alg: 'HS256', typ: 'follow+jwt' })
      .sign(STORE_SECRET);
    for (const bad of [token, `${header}.${body}.${signature}`, bare])
      expect(await whoIs(auth, bad)).toBe(WRONG);
  });

  it("does not pass for a caller's JWT, nor the other way round, though both were signed with one secret", async () => {
    const shared = new TextDecoder().decode(STORE_SECRET);
    const auth = authenticator({ secret: shared });
    const claims = { tenant: 'acme', job: 'job-1', exp: NOW + 60 };
    const posing = await hmac(claims, shared, { typ: 'follow+jwt' });
    expect(await whoIs(auth, posing)).toMatchObject({ onlyJob: 'job-1' });
    for (const typ of ['application/follow+jwt', 'FOLLOW+JWT']) {
      expect(await whoIs(auth, await hmac(claims, shared, { typ }))).toMatchObject({ onlyJob: 'job-1' });
    }
    const theirs = authenticator({ secret: SECRET });
    expect(await whoIs(theirs, await hmac(claims, SECRET, { typ: 'follow+jwt' }))).toBe(WRONG);
  });
});

describe('Credentials', () => {
  it.each([
    undefined,
    '',
    'Basic YWNtZTprZXk=',
    'Bearer',
    `bearer${API_KEY}`,
    `Bearer ${API_KEY} more`,
    API_KEY,
  ])('of the form %j are none', async (authorization) => {
    const refused = authenticator(null).authenticate(authorization);
    await expect(refused).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'missing',
      message: expect.stringContaining('Authorization: Bearer'),
    });
  });

  it('are never logged, good or bad', async () => {
    const auth = authenticator({ secret: SECRET });
    const tokens = [API_KEY, `${API_KEY}x`, await hmac({ tenant: 'acme', exp: NOW - 60 }), 'a.b.c'];
    for (const token of tokens) await whoIs(auth, token);
    expect(logged).toContain('credentials refused');
    for (const token of tokens) expect(logged).not.toContain(token);
  });
});
