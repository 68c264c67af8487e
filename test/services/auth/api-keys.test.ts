import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readApiKeys } from '../../../src/config/api-keys.js';
import { readConfig } from '../../../src/config/config.js';
import { tenantOfKey } from '../../../src/services/auth/api-keys.js';

const hashed = (key: string): string => `sha256:${createHash('sha256').update(key).digest('hex')}`;

describe('AUTH_API_KEYS', () => {
  it('names the tenant of each key, plain or as its digest', () => {
    const keys = readApiKeys(`acme:first-key, globex:${hashed('second-key')},acme:third:key`) ?? [];
    expect(tenantOfKey(keys, 'first-key')).toBe('acme');
    expect(tenantOfKey(keys, 'second-key')).toBe('globex');
    expect(tenantOfKey(keys, 'third:key')).toBe('acme');
  });

  it('takes no digest for a key, no part of one, and nothing that is none', () => {
    const keys = readApiKeys(`acme:first-key,globex:${hashed('second-key')}`) ?? [];
    for (const wrong of [
      hashed('second-key'),
      hashed('second-key').slice(7),
      'first-ke',
      'first-keyy',
      '',
      'acme',
    ]) {
      expect(tenantOfKey(keys, wrong)).toBeNull();
    }
  });

  it('takes no key whose digest is a little off, wherever', () => {
    const digest = createHash('sha256').update('first-key').digest();
    expect(tenantOfKey(readApiKeys(`acme:sha256:${digest.toString('hex')}`) ?? [], 'first-key')).toBe('acme');
    for (let i = 0; i < digest.length; i += 1) {
      const off = Buffer.from(digest);
      off[i] = (off[i] ?? 0) ^ 1;
      expect(tenantOfKey(readApiKeys(`acme:sha256:${off.toString('hex')}`) ?? [], 'first-key')).toBeNull();
    }
  });

  it('keeps no key: only digests are in memory', () => {
    const keys = readApiKeys('acme:first-key') ?? [];
    expect(JSON.stringify(keys) + keys.map(({ sha256 }) => String(sha256)).join()).not.toContain('first-key');
  });

  it.each([
    'acme',
    ':key',
    'acme:',
    'acme:key,',
    'a b:key',
    'acme:sha256:12',
    'acme:ke y',
    'acme:k,globex:k',
  ])('%j is a mistake, and is not repeated', (text) => {
    expect(readApiKeys(text)).toBeNull();
    const start = () => readConfig({ AUTH_API_KEYS: text });
    expect(start).toThrow(/^AUTH_API_KEYS is not valid; it must be tenant:key,tenant:key/);
  });
});

describe('Without AUTH_API_KEYS, AUTH_JWKS_URL and AUTH_JWT_SECRET', () => {
  it.each(['127.0.0.1', '127.8.9.1', 'localhost', '::1'])('HOST=%s starts, open to this machine', (HOST) => {
    expect(readConfig({ HOST }).config.auth).toMatchObject({ isOpen: true, onlyThisMachine: true });
  });

  it.each([
    '0.0.0.0',
    '::',
    '192.168.1.5',
    'example.com',
    '127.evil.example',
    '10.127.0.1',
    'localhost.example.com',
  ])('HOST=%s does not start, unless AUTH=none', (HOST) => {
    expect(() => readConfig({ HOST })).toThrow(/AUTH=none opens the gateway to everyone/);
    const { auth } = readConfig({ HOST, AUTH: 'none' }).config;
    expect(auth).toMatchObject({ isOpen: true, onlyThisMachine: false });
  });

  it('nobody is limited, because everybody is one tenant', () => {
    expect(readConfig({}).config.rates).toEqual({ queriesPerMinute: null, mutationsPerMinute: null });
  });
});

describe('With callers who prove who they are', () => {
  const ways = [
    { AUTH_API_KEYS: 'acme:key' },
    { AUTH_JWKS_URL: 'https://id.example.com/keys' },
    { AUTH_JWT_SECRET: 'x'.repeat(32) },
  ];

  it.each(ways)('any HOST starts, nobody else may call, and rates hold: %o', (way) => {
    const { auth, rates } = readConfig({ HOST: '0.0.0.0', ...way }).config;
    expect(auth).toMatchObject({ isOpen: false, onlyThisMachine: false });
    expect(rates).toEqual({ queriesPerMinute: 30_000, mutationsPerMinute: 6000 });
  });

  it.each(ways)('AUTH=none contradicts %o', (way) => {
    expect(() => readConfig({ AUTH: 'none', ...way })).toThrow(/^AUTH is "none", but/);
  });

  it('a shared secret of any length is taken, and is no part of what can be logged', () => {
    const { config, secrets } = readConfig({ AUTH_JWT_SECRET: 'correct horse battery' });
    expect(secrets.jwtSecret).toBe('correct horse battery');
    expect(JSON.stringify(config)).not.toContain('correct horse');
  });
});
