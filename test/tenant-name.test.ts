/** Tenant names that layers interpret differently are refused wherever a caller is created. */
import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../src/config/config.js';
import { FollowTokens } from '../src/services/auth/follow-tokens.js';
import { MAX_TENANT_LENGTH } from '../src/tenant-name.js';
import { knock } from './support/doors.js';
import { startGateway, type TestGateway } from './support/harness.js';

const SECRET = new TextEncoder().encode('a shared secret of the operator, long enough');
const MALFORMED = 'is not well-formed Unicode';
const CONTROL = 'has a control character in its name';
const LONG = 'has a name of more than 256 characters';

const REFUSED: readonly (readonly [what: string, name: string, fault: string])[] = [
  ['a lone high surrogate', 'acme\ud800', MALFORMED],
  ['another lone high surrogate', 'acme\ud801', MALFORMED],
  ['a lone low surrogate', '\udfffacme', MALFORMED],
  ['surrogates in the wrong order', '\udc00\ud800', MALFORMED],
  ['what has become of undecodable bytes', 'acme\ufffd', MALFORMED],
  ['U+0000', 'acme\u0000', CONTROL],
  ['a line feed', 'ac\nme', CONTROL],
  ['DEL', 'acme\u007f', CONTROL],
  ['a C1 control', 'acme\u0085', CONTROL],
  ['one character too many', 'x'.repeat(MAX_TENANT_LENGTH + 1), LONG],
  ['one character of two code units too many', '😀'.repeat(MAX_TENANT_LENGTH + 1), LONG],
];
const TAKEN: readonly (readonly [what: string, name: string])[] = [
  ['as many characters as there may be', 'x'.repeat(MAX_TENANT_LENGTH)],
  ['as many of two code units', '😀'.repeat(MAX_TENANT_LENGTH)],
  ['letters of any script, spaces, quotes and colons', `Müller & Söhne: "東京" 'x'`],
];

function jwt(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(SECRET);
}

describe('A tenant name with', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ env: { AUTH_JWT_SECRET: new TextDecoder().decode(SECRET) } });
  });
  afterAll(async () => {
    await gateway.stop();
  });

  it.each(REFUSED)('%s is refused in a JWT, and the refusal says why', async (_what, name, fault) => {
    for (const token of [await jwt({ tenant: name }), await jwt({ sub: name })]) {
      const request = { query: '{ jobs { edges { cursor } } }' };
      const { status, data, errors } = await knock('http', gateway.url, request, token);
      expect([status, data]).toEqual([401, null]);
      expect(errors[0]).toMatchObject({
        message: `The credentials name a tenant that ${fault}.`,
        extensions: { code: 'UNAUTHENTICATED' },
      });
      const socket = await knock('socket', gateway.url, request, token);
      expect([socket.closed, socket.text]).toEqual([4401, errors[0]?.message]);
    }
  });

  it.each(REFUSED)('%s is refused in a follow token', async (_what, name, fault) => {
    const tokens = new FollowTokens(SECRET);
    const { token } = await tokens.create(name, 'job-1', Date.now() + 60_000);
    await expect(tokens.verify(token)).rejects.toThrow(fault);
  });

  it.each(TAKEN)('%s is a tenant', async (_what, name) => {
    const token = await jwt({ tenant: name });
    const { errors } = await knock('http', gateway.url, { query: '{ jobs { edges { cursor } } }' }, token);
    expect(errors).toEqual([]);
    const tokens = new FollowTokens(SECRET);
    const follow = await tokens.create(name, 'job-1', Date.now() + 60_000);
    expect(await tokens.verify(follow.token)).toMatchObject({ tenant: name });
  });

  it('bytes that are no UTF-8 is refused: all such names would be one', async () => {
    const claims = Buffer.concat([Buffer.from('{"tenant":"acme'), Buffer.from([0xff]), Buffer.from('"}')]);
    const signed = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${claims.toString('base64url')}`;
    const token = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
    const { errors } = await knock('http', gateway.url, { query: '{ jobs { edges { cursor } } }' }, token);
    expect(errors[0]?.extensions?.code).toBe('UNAUTHENTICATED');
  });

  it('a fault stops the start, which says where it is and repeats neither name nor key', () => {
    for (const [, name, fault] of REFUSED.filter(([, name]) => !/\s/.test(name))) {
      expect(() => readConfig({ AUTH_API_KEYS: `acme:first-key,${name}:second-key` })).toThrow(
        new RegExp(`^AUTH_API_KEYS: entry 2 is for a tenant that ${fault}$`),
      );
    }
    for (const [, name] of TAKEN.filter(([, name]) => !/[\s:]/.test(name))) {
      expect(readConfig({ AUTH_API_KEYS: `${name}:key` }).secrets.apiKeys[0]?.tenant).toBe(name);
    }
  });
});
