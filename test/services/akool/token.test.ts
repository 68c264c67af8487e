import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AkoolLogger } from '../../../src/services/akool/http-akool-client.js';
import { type Answer, gate, json, type Received, text } from '../../support/local-server.js';
import { ACCEPTED, akoolThat, proRequest } from './akool-under-test.js';

const credentials = {
  kind: 'token',
  clientId: 'client-id-1234',
  clientSecret: 'client-secret-5678',
} as const;

/** An Akool that issues token-1, token-2, … and accepts those for which `valid` returns true. */
function tokenAkool(valid: (token: string) => boolean, answer: Answer = json(200, ACCEPTED)): Answer {
  let made = 0;
  return (request, response) => {
    if (request.path === '/api/open/v3/getToken') {
      made += 1;
      return json(200, { code: 1000, token: `token-${made}` })(request, response);
    }
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    if (!valid(token)) return json(200, { code: 1101, msg: `token ${token} expired` })(request, response);
    return answer(request, response);
  };
}

const tokensAsked = (received: Received[]): number =>
  received.filter(({ path }) => path.endsWith('/getToken')).length;

describe('the way in by token', () => {
  it('gets one token for many calls at once, keeps it, and never sends both headers', async () => {
    const { client, server } = await akoolThat(
      tokenAkool(() => true),
      { credentials },
    );
    await Promise.all(Array.from({ length: 8 }, () => client.submitFaceSwap(proRequest)));
    await client.submitFaceSwap(proRequest);
    expect(tokensAsked(server.received)).toBe(1);
    const [first, ...rest] = server.received;
    expect(first?.json).toEqual({ clientId: 'client-id-1234', clientSecret: 'client-secret-5678' });
    expect(first?.headers).not.toHaveProperty('authorization');
    for (const { headers } of rest) {
      expect(headers.authorization).toBe('Bearer token-1');
      expect(headers).not.toHaveProperty('x-api-key');
    }
  });

  it('renews once, however many calls fail at the same time, and sends each again once', async () => {
    const { client, server } = await akoolThat(
      tokenAkool((token) => token === 'token-2'),
      { credentials },
    );
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => client.submitFaceSwap(proRequest)));
    expect(outcomes.every(({ kind }) => kind === 'accepted')).toBe(true);
    expect(tokensAsked(server.received)).toBe(2);
    expect(server.received).toHaveLength(2 + 8 + 8);
  });

  it('renews for every other call too', async () => {
    const { client, server } = await akoolThat(
      tokenAkool((token) => token === 'token-2', json(200, { code: 1000, data: { credit: 5 } })),
      { credentials },
    );
    expect(await client.credit()).toBe(5);
    expect(tokensAsked(server.received)).toBe(2);
  });

  it('is refused, for the account, when the new token is turned down too', async () => {
    const { client, server } = await akoolThat(
      tokenAkool(() => false),
      { credentials },
    );
    const outcome = await client.submitFaceSwap(proRequest);
    expect(outcome).toMatchObject({
      kind: 'account-refused',
      reason: 'ACCOUNT',
      error: { code: 'PROVIDER_AUTHENTICATION', providerCode: 1101 },
    });
    expect(JSON.stringify(outcome)).not.toContain('token-2');
    expect(server.received).toHaveLength(4);
  });

  it.each<[string, Answer, object]>([
    [
      'a code',
      json(200, { code: 1109, msg: 'x' }),
      {
        kind: 'account-refused',
        reason: 'ACCOUNT',
        error: { code: 'PROVIDER_AUTHENTICATION', providerCode: 1109 },
      },
    ],
    [
      'HTTP 401',
      text(401, ''),
      {
        kind: 'account-refused',
        reason: 'ACCOUNT',
        error: { code: 'PROVIDER_AUTHENTICATION', providerCode: null },
      },
    ],
    [
      '1005',
      json(200, { code: 1005, msg: 'x' }, { 'retry-after': '2' }),
      { kind: 'not-accepted', retryAfterMs: 2_000 },
    ],
    ['a reset', (_request, response) => void response.socket?.resetAndDestroy(), { kind: 'not-accepted' }],
    ['HTTP 500', text(500, ''), { kind: 'not-accepted' }],
    ['no token in it', json(200, { code: 1000, msg: 'OK' }), { kind: 'not-accepted' }],
    ['a token that is no header', json(200, { code: 1000, token: 'a\r\nb: c' }), { kind: 'not-accepted' }],
    ['silence', () => {}, { kind: 'not-accepted' }],
  ])('sends no submit when getToken gives %s', async (what, answer, outcome) => {
    const timeoutMs = what === 'silence' ? 1000 : 10_000;
    const { client, server } = await akoolThat(answer, { credentials, timeoutMs });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject(outcome);
    expect(server.received.map(({ path }) => path)).toEqual(['/api/open/v3/getToken']);
  });

  it('tries getToken again at the next call', async () => {
    let tries = 0;
    const working = tokenAkool(() => true);
    const { client } = await akoolThat(
      (request, response) => {
        tries += 1;
        if (tries === 1) text(502, '')(request, response);
        else working(request, response);
      },
      { credentials },
    );
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'not-accepted' });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'accepted' });
  });

  it('leaves the token to the others when one call is stopped', async () => {
    const stop = new AbortController();
    const working = tokenAkool(() => true);
    const { client, server } = await akoolThat(
      (request, response) => {
        if (request.path.endsWith('/getToken')) stop.abort();
        working(request, response);
      },
      { credentials },
    );
    const [stopped, other] = await Promise.all([
      client.submitFaceSwap(proRequest, { signal: stop.signal }),
      client.submitFaceSwap(proRequest),
    ]);
    expect(stopped).toMatchObject({ kind: 'not-accepted' });
    expect(other).toMatchObject({ kind: 'accepted' });
    expect(server.received).toHaveLength(2);
  });

  it('logs nothing secret, and no answer that may hold a token', async () => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
    const logger: AkoolLogger = { debug: log, warn: log };
    const { client } = await akoolThat(
      tokenAkool((token) => token === 'token-2'),
      { credentials, logger },
    );
    await client.submitFaceSwap(proRequest);
    const truncated = await akoolThat(text(200, '{"code":1000,"token":"token-truncated'), {
      credentials,
      logger,
    });
    await truncated.client.submitFaceSwap(proRequest);
    const error: unknown = await truncated.client.credit().catch((reason: unknown) => reason);
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.join() + String(error) + JSON.stringify(error)).not.toMatch(
      /token-\w|client-secret|client-id|tokenToken/,
    );
    expect(error).not.toHaveProperty('cause');
  });
});

describe('the time that a submit has', () => {
  afterEach(() => void vi.useRealTimers());

  it('begins when its first byte is written, not while it waits for its token', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const timeoutMs = 8000;
    const [asked, tokenGiven, arrived, answered] = [gate(), gate(), gate(), gate()];
    const { client } = await akoolThat(
      (request, response) => {
        const isToken = request.path.endsWith('/getToken');
        (isToken ? asked : arrived).open();
        void (isToken ? tokenGiven : answered).opened.then(() =>
          json(200, isToken ? { code: 1000, token: 'token-1' } : ACCEPTED)(request, response),
        );
      },
      { credentials, timeoutMs },
    );
    const outcome = client.submitFaceSwap(proRequest);
    await asked.opened;
    vi.advanceTimersByTime(timeoutMs - 1000);
    tokenGiven.open();
    await arrived.opened;
    vi.advanceTimersByTime(timeoutMs - 1000);
    // Before timing out, a call checks once more whether its answer has arrived.
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    answered.open();
    expect(await outcome).toMatchObject({ kind: 'accepted' });
  });
});
