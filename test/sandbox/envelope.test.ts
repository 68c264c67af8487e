import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encrypt, seal } from '../../src/sandbox/envelope.js';

interface Vector {
  name: string;
  clientId: string;
  clientSecret: string;
  body: { signature: string; dataEncrypt: string; timestamp: number; nonce: string | number };
  payload: Record<string, unknown>;
}

const vectors: Vector[] = JSON.parse(
  readFileSync(new URL('../fixtures/akool/webhook-vectors.json', import.meta.url), 'utf8'),
);

describe('a sealed webhook', () => {
  it.each(vectors)('has the bytes that openssl makes: $name', ({ clientId, clientSecret, body, payload }) => {
    const { timestamp, nonce } = body;
    expect(seal(payload, { clientId, clientSecret, timestamp, nonce })).toEqual(body);
  });

  it('takes keys of 16, 24 and 32 bytes and no others', () => {
    for (const length of [16, 24, 32])
      expect(encrypt('{}', { clientId: 'id', clientSecret: 'k'.repeat(length) })).toMatch(
        /^[A-Za-z0-9+/]{22}==$/,
      );
    expect(() => encrypt('{}', { clientId: 'id', clientSecret: 'k'.repeat(20) })).toThrow();
  });
});
