import { createCipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCallback } from '../../../src/services/akool/callback.js';
import { CallbackError, type CallbackErrorCode } from '../../../src/services/akool/callback-error.js';

interface Vector {
  name: string;
  clientId: string;
  clientSecret: string;
  body: { signature: string; dataEncrypt: string; timestamp: number; nonce: string | number };
  payload: { _id: string; status: number; url?: string; msg?: string };
}

const vectors: Vector[] = JSON.parse(readFileSync('test/fixtures/akool/webhook-vectors.json', 'utf8'));
const keys = { clientId: 'QkZ8yLmN3pRstuVwXyZ01A', clientSecret: 's3cr3tKeyOf24Characters!' };

/** A body as it arrives: bytes, text, or what is sent as JSON. */
function bytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));
}

/** The code of the thrown error. */
function failure(
  body: unknown,
  withKeys: Parameters<typeof readCallback>[1] = keys,
): CallbackErrorCode | string {
  try {
    return readCallback(bytes(body), withKeys).kind;
  } catch (error) {
    return error instanceof CallbackError ? error.code : String(error);
  }
}

function sign(clientId: string, timestamp: string, nonce: string, dataEncrypt: string): string {
  return createHash('sha1').update([clientId, timestamp, nonce, dataEncrypt].sort().join('')).digest('hex');
}

/** A body with a valid signature, whatever it contains. */
function signed(dataEncrypt: string, timestamp = 1710757981609, nonce: string | number = '1529') {
  const signature = sign(keys.clientId, String(timestamp), String(nonce), dataEncrypt);
  return { signature, dataEncrypt, timestamp, nonce };
}

/** A correctly signed body around exactly these bytes, which have to fill whole blocks. */
function sealed(padded: Buffer) {
  const cipher = createCipheriv('aes-192-cbc', keys.clientSecret, keys.clientId.slice(0, 16)).setAutoPadding(
    false,
  );
  return signed(Buffer.concat([cipher.update(padded), cipher.final()]).toString('base64'));
}

/** `content`, padded to a multiple of `block`. */
function pkcs7(content: string | Buffer, block = 16): Buffer {
  const bytes = Buffer.from(content);
  const count = block - (bytes.length % block);
  return Buffer.concat([bytes, Buffer.alloc(count, count)]);
}

const PAYLOAD = '{"_id":"6593c94c0ef703e8c055e3c8","status":2,"type":"faceswap","url":""}';

describe('a callback made with openssl', () => {
  const expected = ({ payload, body }: Vector) => ({
    kind: 'event',
    event: {
      providerId: payload._id,
      status: payload.status,
      url: payload.url || null,
      reason: payload.msg ?? null,
      timestamp: body.timestamp,
    },
  });

  it.each(vectors)('is read: $name', (vector) => {
    expect(readCallback(bytes(vector.body), vector)).toEqual(expected(vector));
  });

  it.each(vectors)('is a doorbell without the client id: $name', ({ body, clientSecret }) => {
    expect(readCallback(bytes(body), { clientId: null, clientSecret })).toEqual({ kind: 'doorbell' });
    expect(readCallback(bytes(body), { clientId: '', clientSecret })).toEqual({ kind: 'doorbell' });
  });

  it.each(vectors)('is a doorbell with a secret of no AES length: $name', ({ body, clientId }) => {
    expect(readCallback(bytes(body), { clientId, clientSecret: 'seventeen-letters' })).toEqual({
      kind: 'doorbell',
    });
  });

  it.each(vectors)('is never read when cut short anywhere: $name', (vector) => {
    const raw = JSON.stringify(vector.body);
    for (let length = 0; length < raw.length; length++) {
      expect(failure(Buffer.from(raw).subarray(0, length), vector)).toBe('BODY_SHAPE');
    }
    for (let length = 0; length < vector.body.dataEncrypt.length; length++) {
      const dataEncrypt = vector.body.dataEncrypt.slice(0, length);
      expect(failure({ ...vector.body, dataEncrypt }, vector)).toBe('SIGNATURE');
    }
  });
});

describe('a callback that is wrong in one way', () => {
  const good = vectors[0]?.body;

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a list', [good]],
    ['empty bytes', Buffer.alloc(0)],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['text that is no JSON', 'hello'],
    ['JSON null', 'null'],
    ['no signature', { ...good, signature: undefined }],
    ['a signature that is no sha1', { ...good, signature: 'abc' }],
    ['a signature of 40 other letters', { ...good, signature: 'z'.repeat(40) }],
    ['no data', { ...good, dataEncrypt: undefined }],
    ['data that is no string', { ...good, dataEncrypt: 5 }],
    ['no timestamp', { ...good, timestamp: undefined }],
    ['a timestamp of letters', { ...good, timestamp: 'yesterday' }],
    ['a timestamp that is no number', { ...good, timestamp: Number.NaN }],
    ['a timestamp beyond all numbers', JSON.stringify(good).replace(/:1710757981609/, ':1e999')],
    ['no nonce', { ...good, nonce: undefined }],
    ['a nonce that is an object', { ...good, nonce: {} }],
    ['a nonce that can be no string', { ...good, nonce: { toString: [null] } }],
    [
      'a timestamp that can be no string',
      JSON.stringify({ ...good, timestamp: { toString: 1, valueOf: 2 } }),
    ],
    [
      'JSON with a byte that is not UTF-8',
      Buffer.from(JSON.stringify({ ...good, more: '\u00ff' }), 'latin1'),
    ],
    ['a megabyte', JSON.stringify({ ...good, more: 'x'.repeat(1_000_000) })],
    ['a megabyte of data', { ...good, dataEncrypt: 'A'.repeat(1_000_000) }],
  ])('says BODY_SHAPE for %s', (_what, body) => {
    expect(failure(body)).toBe('BODY_SHAPE');
    expect(failure(body, { ...keys, clientId: null })).toBe('BODY_SHAPE');
  });

  it.each([
    ['another signature', { ...good, signature: '0'.repeat(40) }],
    ['another timestamp', { ...good, timestamp: 1710757981610 }],
    ['another nonce', { ...good, nonce: '1530' }],
    ['other data', { ...good, dataEncrypt: `B${good?.dataEncrypt.slice(1)}` }],
  ])('says SIGNATURE for %s', (_what, body) => {
    expect(failure(body)).toBe('SIGNATURE');
  });

  it('says SIGNATURE for another client id', () => {
    expect(failure(good, { ...keys, clientId: 'AkZ8yLmN3pRstuVwXyZ01A' })).toBe('SIGNATURE');
  });

  const twoBlocks = Buffer.alloc(32, 7).toString('base64');
  it.each([
    ['a blank', `${twoBlocks} `],
    ['a line break', `${twoBlocks.slice(0, 20)}\n${twoBlocks.slice(20)}`],
    ['no padding', twoBlocks.replace(/=+$/, '')],
    ['the letters of base64url', twoBlocks.replace(/./, '-')],
    ['bits left over', twoBlocks.replace(/.=$/, 'd=')],
    ['another alphabet', '%%%%'],
  ])('says BASE64 for %s', (_what, dataEncrypt) => {
    expect(failure(signed(dataEncrypt))).toBe('BASE64');
    expect(failure(signed(dataEncrypt), { ...keys, clientId: null })).toBe('BASE64');
  });

  it.each([0, 1, 15, 17, 31])('says LENGTH for %d bytes', (length) => {
    const body = signed(Buffer.alloc(length).toString('base64'));
    expect(failure(body)).toBe('LENGTH');
    expect(failure(body, { ...keys, clientId: null })).toBe('LENGTH');
  });

  it.each([
    ['none', Buffer.from('0123456789abcdef')],
    ['zero', Buffer.alloc(16)],
    ['33', Buffer.alloc(48, 33)],
    ['more than there is', Buffer.alloc(16, 17)],
    ['unequal bytes', Buffer.from([...Buffer.alloc(12, 65), 4, 3, 4, 4])],
    [
      '32 bytes, the first of them unequal',
      Buffer.from([...Buffer.alloc(16, 65), 31, ...Buffer.alloc(31, 32)]),
    ],
  ])('says PADDING for padding of %s', (_what, padded) => {
    expect(failure(sealed(padded))).toBe('PADDING');
  });

  it('says PADDING or JSON for another secret of the same length', () => {
    const clientSecret = 'another-Key-24-letters-!';
    for (const { body, clientId } of vectors) {
      if (clientId !== keys.clientId) continue;
      expect(['PADDING', 'JSON']).toContain(failure(body, { clientId, clientSecret }));
    }
  });

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['half of it', PAYLOAD.slice(0, 30)],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('says JSON for %s', (_what, content) => {
    expect(failure(sealed(pkcs7(content)))).toBe('JSON');
  });

  it.each([
    ['null', null],
    ['a list', []],
    ['no _id', { status: 3 }],
    ['an empty _id', { _id: '', status: 3 }],
    ['an _id that is a number', { _id: 5, status: 3 }],
    ['no status', { _id: 'a' }],
    ['status 0', { _id: 'a', status: 0 }],
    ['status 5', { _id: 'a', status: 5 }],
    ['status in words', { _id: 'a', status: 'done' }],
  ])('says PAYLOAD for %s', (_what, payload) => {
    expect(failure(sealed(pkcs7(JSON.stringify(payload))))).toBe('PAYLOAD');
  });
});

describe('a callback as Akool may also make it', () => {
  const event = {
    kind: 'event',
    event: expect.objectContaining({
      providerId: '6593c94c0ef703e8c055e3c8',
      status: 2,
      url: null,
      reason: null,
    }),
  };

  it.each([16, 32])('may be padded to %d bytes', (block) => {
    // Trailing blanks after the JSON produce every length of padding.
    for (let blanks = 0; blanks < block; blanks++) {
      expect(readCallback(bytes(sealed(pkcs7(PAYLOAD + ' '.repeat(blanks), block))), keys)).toEqual(event);
    }
  });

  it.each(['1710757981609.0', '-0', '1.710757981609e12', '17107579816091234567'])(
    'is signed with its timestamp as written: %s',
    (digits) => {
      const { dataEncrypt } = sealed(pkcs7(PAYLOAD));
      const signature = sign(keys.clientId, digits, '1529', dataEncrypt);
      const raw = `{"nonce":"15\\u00329","timestamp":${digits},"dataEncrypt":"${dataEncrypt}","signature":"${signature}","more":[1,{"timestamp":2}]}`;
      expect(readCallback(bytes(raw), keys)).toEqual(event);
    },
  );

  it('may have a signature in capitals', () => {
    const body = sealed(pkcs7(PAYLOAD));
    expect(readCallback(bytes({ ...body, signature: body.signature.toUpperCase() }), keys)).toEqual(event);
  });

  it.each([5, {}, '', ' ', null])('gives no address with %j', (url) => {
    const read = readCallback(bytes(sealed(pkcs7(JSON.stringify({ _id: 'a', status: 3, url })))), keys);
    expect(read).toMatchObject({ event: { status: 3, url: null } });
  });

  it.each(['alg_msg', 'msg', 'message'])('never repeats our keys in the reason that %s gives', (field) => {
    const payload = {
      _id: 'a',
      status: 4,
      [field]: `failed for ${keys.clientSecret} of\n${keys.clientId}`,
    };
    const read = readCallback(bytes(sealed(pkcs7(JSON.stringify(payload)))), keys);
    expect(read).toMatchObject({ event: { reason: 'failed for [hidden] of [hidden]' } });
  });
});

describe('whatever arrives', () => {
  const anyKeys = fc.record({
    clientId: fc.option(fc.string()),
    clientSecret: fc.oneof(fc.string(), fc.constant(keys.clientSecret)),
  });

  it('gives an event, a doorbell or a CallbackError, and nothing else', () => {
    const anyBody = fc.oneof(
      fc.anything(),
      fc.uint8Array(),
      fc.json(),
      fc.record({
        signature: fc.stringMatching(/^[0-9a-f]{40}$/),
        dataEncrypt: fc.oneof(fc.base64String(), fc.string()),
        timestamp: fc.oneof(fc.integer(), fc.double()),
        nonce: fc.oneof(fc.integer(), fc.string()),
      }),
    );
    fc.assert(
      fc.property(anyBody, anyKeys, (body, someKeys) => {
        expect(failure(body, someKeys)).toMatch(
          /^(event|doorbell|BODY_SHAPE|SIGNATURE|BASE64|LENGTH|PADDING|JSON|PAYLOAD)$/,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('and well signed, gives the same', () => {
    const blocks = fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 4 });
    fc.assert(
      fc.property(blocks, (parts) => {
        const body = signed(Buffer.concat(parts).toString('base64'));
        expect(failure(body)).toMatch(/^(event|LENGTH|PADDING|JSON|PAYLOAD)$/);
      }),
      { numRuns: 500 },
    );
  });
});
