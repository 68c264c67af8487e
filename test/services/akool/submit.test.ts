import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SubmitOutcome } from '../../../src/services/akool/akool-client.js';
import { type Answer, gate, json, text } from '../../support/local-server.js';
import {
  ACCEPTED,
  API_KEY,
  akoolThat,
  clientOf,
  plusRequest,
  proRequest,
  WEBHOOK_TOKEN,
  wireThat,
} from './akool-under-test.js';

const PAGE = '<html>upstream error</html>';
const HTTP_DATE_PAST = 'Sun, 06 Nov 1994 08:49:37 GMT';

describe('a submit that Akool answers', () => {
  it('is accepted with its _id and job_id', async () => {
    const { client, server } = await akoolThat(json(200, ACCEPTED));
    expect(await client.submitFaceSwap(proRequest)).toEqual({
      kind: 'accepted',
      providerId: '6593c94c0ef703e8c055e3c8',
      providerJobId: '20240102082900592-5653',
    });
    const [request] = server.received;
    expect(request).toMatchObject({ method: 'POST', path: '/api/open/v4/faceswap/faceswapByImage' });
    expect(request?.headers).toMatchObject({ 'x-api-key': API_KEY, 'content-type': 'application/json' });
    expect(request?.headers).not.toHaveProperty('authorization');
  });

  it('is accepted as Face Swap Plus the same way', async () => {
    const { client, server } = await akoolThat(json(200, { ...ACCEPTED, data: { _id: 'abc' } }));
    expect(await client.submitFaceSwapPlus(plusRequest)).toEqual({
      kind: 'accepted',
      providerId: 'abc',
      providerJobId: null,
    });
    expect(server.received[0]?.path).toBe('/api/open/v4/faceswap/faceswapPlusByImage');
  });

  it('keeps the path of its base address', async () => {
    const { server } = await akoolThat(json(200, ACCEPTED));
    await clientOf(`${server.url}/proxy/`).submitFaceSwap(proRequest);
    expect(server.received[0]?.path).toBe('/proxy/api/open/v4/faceswap/faceswapByImage');
  });

  const refused = (code: string, providerCode: number | null) => ({
    kind: 'refused',
    error: { code, providerCode },
  });
  const held = (reason: string, code: string, providerCode: number | null) => ({
    kind: 'account-refused',
    reason,
    error: { code, providerCode },
  });
  const limited = (retryAfterMs: number | null) => ({
    kind: 'not-accepted',
    retryAfterMs,
  });
  const unknown = { kind: 'unknown' };
  const accepted = { kind: 'accepted', providerId: ACCEPTED.data._id };

  it.each<[string, Answer, object]>([
    ['1003 is refused', json(200, { code: 1003, msg: 'x' }), refused('INVALID_PARAMETERS', 1003)],
    ...[1006, 1104].map((code): [string, Answer, object] => [
      `${code} is about the credit, not the job`,
      json(200, { code, msg: 'x' }),
      held('NO_CREDIT', 'INSUFFICIENT_CREDIT', code),
    ]),
    ...[1103, 1004, 1109, 1200, 1213, 1221].map((code): [string, Answer, object] => [
      `${code} is about the account, not the job`,
      json(200, { code, msg: 'x' }),
      held('ACCOUNT', 'ACCOUNT_PROBLEM', code),
    ]),
    ...[1101, 1102].map((code): [string, Answer, object] => [
      `${code} by key is about the account, not the job`,
      json(200, { code, msg: 'x' }),
      held('ACCOUNT', 'PROVIDER_AUTHENTICATION', code),
    ]),
    ['an undocumented code is refused', json(200, { code: 4711, msg: 'x' }), refused('PROVIDER_ERROR', 4711)],
    ['an undocumented code beside an _id is accepted', json(200, { ...ACCEPTED, code: 4711 }), accepted],
    ['an undocumented code beside an _id on HTTP 500 too', json(500, { ...ACCEPTED, code: 500 }), accepted],
    ['an _id without a code is accepted', json(200, { data: ACCEPTED.data }), accepted],
    ['an _id beside 1005 is accepted', json(200, { ...ACCEPTED, code: 1005 }), accepted],
    ['an _id beside a code about the account too', json(200, { ...ACCEPTED, code: 1006 }), accepted],
    ['an _id beside 429 is accepted', json(429, { ...ACCEPTED, code: 429 }), accepted],
    [
      'a documented refusal counts beside an _id',
      json(200, { ...ACCEPTED, code: 1003 }),
      refused('INVALID_PARAMETERS', 1003),
    ],
    [
      'an undocumented code beside an odd _id is refused',
      json(200, { code: 4711, data: { _id: 'a,b' } }),
      refused('PROVIDER_ERROR', 4711),
    ],
    ['a code on HTTP 400 is refused', json(400, { code: 1007, msg: 'x' }), refused('TOO_MANY_FACES', 1007)],
    [
      'a code on HTTP 500 is refused',
      json(500, { code: 1016, msg: 'x' }),
      refused('GENERATION_FAILED', 1016),
    ],
    [
      'a known code on HTTP 429 decides',
      json(429, { code: 1006, msg: 'x' }),
      held('NO_CREDIT', 'INSUFFICIENT_CREDIT', 1006),
    ],
    ...[401, 403].flatMap((status): [string, Answer, object][] => [
      [
        `${status} without JSON is about the account`,
        text(status, PAGE),
        held('ACCOUNT', 'PROVIDER_AUTHENTICATION', null),
      ],
      [
        `${status} with a code that nobody has documented is about the account`,
        json(status, { code: 4711, msg: 'x' }),
        held('ACCOUNT', 'PROVIDER_AUTHENTICATION', 4711),
      ],
      [
        `${status} with a code about the job is refused`,
        json(status, { code: 1003, msg: 'x' }),
        refused('INVALID_PARAMETERS', 1003),
      ],
    ]),
    ['404 without JSON is refused', text(404, PAGE), refused('PROVIDER_ERROR', null)],
    ['413 without JSON is refused', text(413, PAGE), refused('PROVIDER_ERROR', null)],
    ['1005 may be sent again', json(200, { code: 1005, msg: 'x' }), limited(null)],
    ['1005 on HTTP 500 too', json(500, { code: 1005, msg: 'x' }), limited(null)],
    ['1005 tells when', json(200, { code: 1005, msg: 'x' }, { 'retry-after': '7' }), limited(7_000)],
    ['429 may be sent again', text(429, PAGE), limited(null)],
    ['429 with seconds tells when', text(429, PAGE, { 'retry-after': '30' }), limited(30_000)],
    ['429 with a past date: now', text(429, PAGE, { 'retry-after': HTTP_DATE_PAST }), limited(0)],
    ['429 with a year is bounded', text(429, PAGE, { 'retry-after': '31536000' }), limited(600_000)],
    ['429 with nonsense tells nothing', text(429, PAGE, { 'retry-after': 'soon' }), limited(null)],
    ['500 without JSON is unknown', text(500, PAGE), unknown],
    ['502 without JSON is unknown', text(502, PAGE), unknown],
    ['503 with Retry-After is unknown', text(503, PAGE, { 'retry-after': '5' }), unknown],
    ["500 with another's code is unknown", json(500, { code: 500, message: 'oops' }), unknown],
    ['500 with JSON but no code is unknown', json(500, { error: 'oops' }), unknown],
    ['408 is unknown', text(408, PAGE), unknown],
    ['a redirect is unknown', text(302, '', { location: '/elsewhere' }), unknown],
    ['200 without JSON is unknown', text(200, PAGE), unknown],
    ['200 with nothing is unknown', text(200, ''), unknown],
    ['204 is unknown', (_request, response) => void response.writeHead(204).end(), unknown],
    ['truncated JSON is unknown', text(200, JSON.stringify(ACCEPTED).slice(0, -5)), unknown],
    ['JSON null is unknown', text(200, 'null'), unknown],
    ['1000 without data is unknown', json(200, { code: 1000, msg: 'OK' }), unknown],
    ...[42, 'x'.repeat(256)].map((id): [string, Answer, object] => [
      'a job_id is kept as text',
      json(200, { ...ACCEPTED, data: { ...ACCEPTED.data, job_id: id } }),
      { ...accepted, providerJobId: String(id) },
    ]),
    ...['', 'x'.repeat(257), '\u0000', '\ud800', { id: 'x' }].map((id): [string, Answer, object] => [
      'a job_id that is long or no plain text is passed over',
      json(200, { ...ACCEPTED, data: { ...ACCEPTED.data, job_id: id } }),
      { ...accepted, providerJobId: null },
    ]),
    ['1000 without _id is unknown', json(200, { code: 1000, msg: 'OK', data: { job_id: 'x' } }), unknown],
    ['1000 with a list is unknown', json(200, { code: 1000, msg: 'OK', data: [{ _id: 'x' }] }), unknown],
    ['1000 with an odd _id is unknown', json(200, { code: 1000, data: { _id: 'a,b' } }), unknown],
    ['a huge body is unknown', text(200, 'x'.repeat(5 * 1024 * 1024)), unknown],
  ])('%s', async (_what, answer, outcome) => {
    const { client, server } = await akoolThat(answer);
    expect(await client.submitFaceSwap(proRequest)).toMatchObject(outcome);
    expect(server.received).toHaveLength(1);
  });

  it('takes a Retry-After date to come', async () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    const { client } = await akoolThat(text(429, '', { 'retry-after': date }));
    const outcome = await client.submitFaceSwap(proRequest);
    const wait = outcome.kind === 'not-accepted' ? outcome.retryAfterMs : null;
    expect(wait).toBeGreaterThan(50_000);
    expect(wait).toBeLessThanOrEqual(60_000);
  });

  it('repeats nothing secret when Akool repeats the request', async () => {
    const { client } = await akoolThat((request, response) => {
      json(200, { code: 1003, msg: `${API_KEY} ${request.text}` })(request, response);
    });
    const outcome = await client.submitFaceSwap(proRequest);
    expect(outcome).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(outcome)).not.toContain(API_KEY);
    expect(JSON.stringify(outcome)).not.toContain(WEBHOOK_TOKEN);
  });
});

describe('a submit that surely never left', () => {
  const notSent: Partial<SubmitOutcome> = { kind: 'not-accepted', retryAfterMs: null };

  it('may be sent again when nobody listens', async () => {
    const { client, server } = await akoolThat(json(200, ACCEPTED));
    await server.close();
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({
      ...notSent,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
    // The fixture would close it again.
    server.close = async () => {};
  });

  it('may be sent again when the name does not resolve', async () => {
    expect(await clientOf('http://x.invalid').submitFaceSwap(proRequest)).toMatchObject(notSent);
  });

  it.each([
    ['garbage', (socket: Socket) => void socket.write('this is no TLS at all\r\n')],
    ['a reset', (socket: Socket) => void socket.resetAndDestroy()],
    ['the end', (socket: Socket) => void socket.end()],
  ])('may be sent again when TLS fails by %s', async (_what, onSocket) => {
    const { client } = await wireThat('https', onSocket);
    expect(await client.submitFaceSwap(proRequest)).toMatchObject(notSent);
  });

  it('may be sent again when TLS is not there in time', async () => {
    const { client } = await wireThat('https', () => {}, { timeoutMs: 50 });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject(notSent);
  });

  it('may be sent again when its signal fires while it connects', async () => {
    const stop = new AbortController();
    const { client } = await wireThat('https', () => stop.abort());
    expect(await client.submitFaceSwap(proRequest, { signal: stop.signal })).toMatchObject(notSent);
  });

  it('may be sent again when its signal had fired before', async () => {
    const { client, server } = await akoolThat(json(200, ACCEPTED));
    expect(await client.submitFaceSwap(proRequest, { signal: AbortSignal.abort() })).toMatchObject(notSent);
    expect(server.received).toHaveLength(0);
  });

  it('is not sent late, when it gets its connection after it was given up', async () => {
    const full = gate();
    const release = gate();
    const { client, server } = await akoolThat((request, response) => {
      if (server.received.length === 16) full.open();
      void release.opened.then(() => json(200, ACCEPTED)(request, response));
    });
    const busy = Array.from({ length: 16 }, () => client.submitFaceSwap(proRequest));
    await full.opened;
    const stop = new AbortController();
    const waiting = client.submitFaceSwap(proRequest, { signal: stop.signal });
    stop.abort();
    expect(await waiting).toMatchObject(notSent);
    release.open();
    expect((await Promise.all(busy)).every(({ kind }) => kind === 'accepted')).toBe(true);
    // These use the existing connections, and so run after anything still queued.
    await Promise.all(Array.from({ length: 16 }, () => client.submitFaceSwap(proRequest)));
    expect(server.received).toHaveLength(32);
  });

  it('may be sent again after the client was destroyed', async () => {
    const { client, server } = await akoolThat(json(200, ACCEPTED));
    await client.destroy();
    await client.destroy();
    expect(await client.submitFaceSwap(proRequest)).toMatchObject(notSent);
    expect(server.received).toHaveLength(0);
  });
});

describe('a submit that may have arrived', () => {
  it.each<[string, Answer]>([
    ['is reset after it was read', (_request, response) => void response.socket?.resetAndDestroy()],
    ['is hung up on after it was read', (_request, response) => void response.socket?.end()],
    [
      'is reset in the middle of the answer',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '500' });
        response.write('{"code":1000,', () => response.socket?.resetAndDestroy());
      },
    ],
    [
      'is answered with something that is not HTTP',
      (_request, response) => void response.socket?.write('hello\r\n\r\n'),
    ],
  ])('is unknown when it %s', async (_what, answer) => {
    const { client, server } = await akoolThat(answer);
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'unknown' });
    expect(server.received).toHaveLength(1);
  });

  it('is unknown when no answer comes in time', async () => {
    const { client, server } = await akoolThat(() => {}, { timeoutMs: 1000 });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'unknown' });
    expect(server.received).toHaveLength(1);
  });

  it('is unknown when the answer begins and drips past the deadline', async () => {
    const drips: NodeJS.Timeout[] = [];
    const { client } = await akoolThat(
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        drips.push(setInterval(() => response.write(' '), 20));
      },
      { timeoutMs: 1000 },
    );
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'unknown' });
    for (const drip of drips) clearInterval(drip);
  });

  it('is unknown when its signal fires after it arrived', async () => {
    const stop = new AbortController();
    const { client } = await akoolThat(() => stop.abort());
    expect(await client.submitFaceSwap(proRequest, { signal: stop.signal })).toMatchObject({
      kind: 'unknown',
    });
  });

  it('is unknown when the client is destroyed after it arrived', async () => {
    const arrived = gate();
    const { client } = await akoolThat(() => arrived.open());
    const outcome = client.submitFaceSwap(proRequest);
    await arrived.opened;
    await client.destroy();
    expect(await outcome).toMatchObject({ kind: 'unknown' });
  });
});

describe('a submit on a connection that was kept', () => {
  it('is unknown when the server resets it, and is not sent once more', async () => {
    const { client, server } = await akoolThat((request, response) => {
      if (server.received.length === 2) response.socket?.resetAndDestroy();
      else json(200, ACCEPTED)(request, response);
    });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'accepted' });
    // undici reuses a connection only in the turn after its last response.
    await nextTurn();
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'unknown' });
    expect([server.connections(), server.received.length]).toEqual([1, 2]);
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'accepted' });
    expect([server.connections(), server.received.length]).toEqual([2, 3]);
  });

  const afterAnswer = (end: (socket: Socket) => void): Answer => {
    return (request, response) => {
      const { socket } = response;
      response.on('finish', () => socket && end(socket));
      json(200, ACCEPTED)(request, response);
    };
  };

  it.each([
    ['ends', afterAnswer((socket) => void socket.end())],
    ['resets', afterAnswer((socket) => void socket.resetAndDestroy())],
  ])('arrives at most once though the server %s each connection after its answer', async (_how, answer) => {
    const { client, server } = await akoolThat(answer);
    const arrivals = (marker: string) =>
      server.received.filter(({ text: sent }) => sent.includes(`${marker}"`)).length;
    for (let i = 0; i < 40; i++) {
      const callbackUrl = `https://gateway.example.com/webhooks/akool/marker-${i}`;
      await nextTurn();
      const outcome = await client.submitFaceSwap({ ...proRequest, callbackUrl });
      expect(arrivals(`marker-${i}`)).toBeLessThanOrEqual(1);
      if (outcome.kind === 'accepted') expect(arrivals(`marker-${i}`)).toBe(1);
      if (outcome.kind === 'not-accepted') expect(arrivals(`marker-${i}`)).toBe(0);
    }
  });

  it('is called not-accepted only if it never arrived, under forty at once and every kind of hanging up', async () => {
    const hangUps: ((socket: Socket) => void)[] = [
      (socket) => socket.resetAndDestroy(),
      (socket) => socket.end(),
      (socket) => socket.destroy(),
    ];
    let connections = 0;
    const bytes: string[] = [];
    const { client } = await wireThat('http', (socket) => {
      const n = connections++;
      const hangUp = hangUps[n % 3] ?? ((): void => {});
      if (n % 5 === 0) return hangUp(socket);
      let requests = 0;
      socket.on('data', (chunk) => {
        bytes.push(chunk.toString());
        if (!chunk.toString().includes('POST')) return;
        requests += 1;
        if ((n + requests) % 4 === 0) return hangUp(socket);
        const body = JSON.stringify(ACCEPTED);
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
        if ((n + requests) % 3 === 0) hangUp(socket);
      });
    });
    const markers = Array.from({ length: 40 }, (_, i) => `marker-${i}-`);
    const outcomes = await Promise.all(
      markers.map((marker) =>
        client.submitFaceSwap({ ...proRequest, callbackUrl: `https://g.example/${marker}` }),
      ),
    );
    const wire = bytes.join('');
    for (const [i, marker] of markers.entries()) {
      const arrivals = wire.split(marker).length - 1;
      const kind = outcomes[i]?.kind;
      expect([marker, kind, arrivals <= 1]).toEqual([marker, kind, true]);
      if (kind === 'not-accepted') expect([marker, arrivals]).toEqual([marker, 0]);
      if (kind === 'accepted') expect([marker, arrivals]).toEqual([marker, 1]);
    }
  });
});
