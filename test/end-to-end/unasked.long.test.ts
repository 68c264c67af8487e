/** Input from unknown callers, or in pieces that never end: the gateway holds little of it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Client } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { oneFace, openSocket, run } from '../support/caller.js';
import { bareSocket } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { SUBMIT, textOf } from '../support/operations.js';
import { UPGRADE } from '../support/upgrade.js';

const MIB = 1024 * 1024;
const KEYS = { AUTH_API_KEYS: 'acme:acme-key,globex:globex-key', MAX_SOCKETS: '80' };

let gateway: TestGateway;
const sockets: Socket[] = [];

beforeEach(async () => {
  gateway = await startGateway({ env: KEYS });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.stop();
});

async function opened(localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(gateway.url).port), localAddress });
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Begins a request and sends this much of its body. */
async function begun(
  path: string,
  { length, sent = '', key }: { length: number; sent?: string; key?: string },
) {
  const socket = await opened();
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'accept: text/event-stream, application/json',
    'content-type: application/json',
    `content-length: ${length}`,
    ...(key === undefined ? [] : [`authorization: Bearer ${key}`]),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n${sent}`);
  return socket;
}

/** The response's status and text, as far as they arrive in one piece. */
async function answerOf(socket: Socket): Promise<{ status: number; text: string }> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  const text = String(bytes);
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
}

function post(body: string, key: string | null = 'acme-key'): Promise<Response> {
  return fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body,
  });
}

/** A query whose body has this many bytes. */
function queryOf(bytes: number): string {
  const empty = { query: '{ __typename }', extensions: { x: '' } };
  return JSON.stringify({ ...empty, extensions: { x: 'x'.repeat(bytes - JSON.stringify(empty).length) } });
}

const codeIn = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { errors?: { extensions: { code: string } }[] }).errors?.[0]?.extensions.code;

/** A follow token for a new job of acme's. */
async function followToken(): Promise<string> {
  const submitted = await post(JSON.stringify({ query: textOf(SUBMIT), variables: { input: oneFace() } }));
  const { data } = (await submitted.json()) as { data: { submitFaceSwap: { job: { id: string } } } };
  const { id } = data.submitFaceSwap.job;
  const query = `mutation { createFollowToken(jobId: "${id}") { token } }`;
  const made = (await (await post(JSON.stringify({ query }))).json()) as {
    data: { createFollowToken: { token: string } };
  };
  return made.data.createFollowToken.token;
}

describe('Heads of requests', () => {
  it.each(['of new connections', 'after other requests'])(
    '%s that do not end hold 16 MiB together; who holds most goes',
    async (when) => {
      const begun = async (address: string, bytes: number): Promise<Socket> => {
        const socket = await opened(address);
        if (when === 'after other requests') {
          socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
          expect((await answerOf(socket)).status).toBe(200);
        }
        socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\nx: '.padEnd(bytes, 'x'));
        return socket;
      };
      const harmless = await begun('127.0.0.1', 15_000);
      const attackers: Socket[] = [];
      for (let i = 0; i < 13; i++) {
        const more = await Promise.all(Array.from({ length: 100 }, () => begun('127.0.0.2', 15_000)));
        attackers.push(...more.map((socket) => socket.resume()));
      }
      const open = (): number => attackers.filter((socket) => !socket.closed).length;
      // 16 MiB hold 1,118 of them.
      await expect.poll(open).toBeLessThanOrEqual(1118);
      expect(open()).toBeGreaterThan(1000);
      harmless.write('\r\n\r\n');
      expect((await answerOf(harmless)).status).toBe(200);
    },
  );
});

/** Stops the gateway's clock, so that its one-second window passes only when a test says so. */
function stoppedClock(): { readonly skip: (ms: number) => void; readonly goOn: () => void } {
  let now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  return {
    skip: (ms) => {
      now += ms;
    },
    goOn: () => clock.mockRestore(),
  };
}

describe('A body', () => {
  it('is waited for at the address of a job alone, where it comes from Akool', async () => {
    const submitted = await post(JSON.stringify({ query: textOf(SUBMIT), variables: { input: oneFace() } }));
    expect(submitted.status).toBe(200);
    const known = new URL(gateway.sandbox.jobs[0]?.webhookUrl ?? '').pathname;
    const unknown = known.replace(/[^/]+$/, 'A'.repeat(32));
    const [waiting, refused] = [
      await begun(known, { length: 10, sent: '[' }),
      await begun(unknown, { length: 10, sent: '[' }),
    ];
    let isAnswered = false;
    const answered = answerOf(waiting).finally(() => {
      isAnswered = true;
    });
    expect((await answerOf(refused)).status).toBe(400);
    expect(isAnswered).toBe(false);
    waiting.write('1, 2, 3 ]');
    expect((await answered).status).toBe(400);
  });

  it('in many pieces is refused, and in many that are not too many read', async () => {
    const sent = async (pieces: number): Promise<{ status: number; text: string }> => {
      const socket = await opened();
      const query = JSON.stringify({ query: '{ __typename }' });
      socket.write(
        'POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer acme-key\r\ncontent-type: application/json\r\n' +
          `transfer-encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(pieces - 1)}${query.length.toString(16)}\r\n${query}\r\n0\r\n\r\n`,
      );
      return answerOf(socket);
    };
    expect((await sent(16_384)).status).toBe(200);
    expect(await sent(16_385)).toEqual({
      status: 413,
      text: expect.stringContaining('A body in more than 16384 pieces'),
    });
  });

  it('of a GET is not kept while its answer lasts', async () => {
    const socket = await opened();
    const query = encodeURIComponent('subscription { jobsUpdated { id } }');
    socket.write(
      `GET /graphql/stream?query=${query} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n` +
        `authorization: Bearer acme-key\r\ncontent-length: ${64 * MIB}\r\n\r\n`,
    );
    expect((await answerOf(socket)).status).toBe(200);
    // More than the buffers between the two hold.
    await new Promise((resolve) => socket.write(Buffer.alloc(16 * MIB), resolve));
  });

  it.each(['/graphql', '/graphql/stream'])(
    'is not waited for by %s before its sender is known',
    async (path) => {
      for (const key of [undefined, 'wrong']) {
        const socket = await begun(path, { length: 8 * MIB, sent: '[', ...(key && { key }) });
        const { status, text } = await answerOf(socket);
        expect(status).toBe(401);
        expect(text).toContain('"code":"UNAUTHENTICATED"');
      }
    },
  );

  it('is held against its sender however small it is, and others find room', async () => {
    const key = await followToken();
    const part = 'x'.repeat(65_000);
    const refused: string[] = [];
    const send = async (): Promise<void> => {
      const socket = await begun('/graphql', { length: 65_536, sent: part, key });
      socket.once('data', (bytes) => refused.push(String(bytes).slice(0, 12)));
    };
    await Promise.all(Array.from({ length: 300 }, send));
    // One job's follow tokens get 16 MiB: 258 of these.
    await expect.poll(() => refused.length).toBeGreaterThanOrEqual(300 - 258);
    expect(new Set(refused)).toEqual(new Set(['HTTP/1.1 429']));
    for (const other of ['acme-key', 'globex-key'])
      expect((await post(queryOf(65_000), other)).status).toBe(200);
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(async () => (await post(queryOf(65_000), key)).status).toBe(200);
  });

  it('is not waited for where there is nothing', async () => {
    expect((await answerOf(await begun('/nowhere', { length: 8 * MIB, sent: '[' }))).status).toBe(404);
  });

  it('has 1 MiB for who may send no picture, and 8 MiB for all others', async () => {
    const token = await followToken();
    expect((await post(queryOf(MIB), token)).status).toBe(200);
    expect((await post(queryOf(MIB + 1), token)).status).toBe(413);
    expect((await post(queryOf(8 * MIB))).status).toBe(200);
    expect((await post(queryOf(8 * MIB + 1))).status).toBe(413);
  });

  it.each([
    ['full of lists', (n: number) => `[${'[],'.repeat(n)}1]`],
    ['of list in list', (n: number) => '['.repeat(n) + ']'.repeat(n)],
    ['full of objects', (n: number) => `[${'{"a":{}},'.repeat(n)}1]`],
  ])('%s is refused before it is parsed', async (_kind, nested) => {
    const values = nested(12_000);
    const response = await post(`{"query":"{ __typename }","variables":${values}}`);
    expect([response.status, await codeIn(response)]).toEqual([400, 'BAD_USER_INPUT']);
    // The same bytes in a string are harmless.
    const text = JSON.stringify({ query: '{ __typename }', extensions: { x: `\\"${values}` } });
    expect((await post(text)).status).toBe(200);
  });

  it('that does not end takes no more than half of what is kept for all, and leaves room for others', async () => {
    const part = 'x'.repeat(6 * MIB);
    const unfinished = await Promise.all(
      Array.from({ length: 8 }, () => begun('/graphql', { length: 8 * MIB, sent: part, key: 'acme-key' })),
    );
    // One caller may hold 32 of 64 MiB, which is five of them.
    const refused = await Promise.any(unfinished.map(answerOf));
    expect([refused.status, refused.text]).toEqual([429, expect.stringContaining('"RATE_LIMITED"')]);
    expect(refused.text.toLowerCase()).toContain('retry-after: 1');
    expect((await post(queryOf(8 * MIB), 'globex-key')).status).toBe(200);
    for (const socket of unfinished) socket.destroy();
    await expect.poll(async () => (await post(queryOf(8 * MIB))).status).toBe(200);
  });

  it('that does not end is held by the tenant, whatever follow token it comes with', async () => {
    const tokens = await Promise.all(Array.from({ length: 6 }, followToken));
    const part = 'x'.repeat(MIB - 1);
    const unfinished = await Promise.all(
      tokens.flatMap((key) =>
        Array.from({ length: 9 }, () => begun('/graphql', { length: MIB, sent: part, key })),
      ),
    );
    // 54 MiB, of which a tenant may hold 32.
    const refused: number[] = [];
    for (const socket of unfinished) void answerOf(socket).then(({ status }) => refused.push(status));
    await expect.poll(() => refused.length).toBeGreaterThanOrEqual(20);
    expect(new Set(refused)).toEqual(new Set([429]));
    expect((await post(queryOf(8 * MIB), 'globex-key')).status).toBe(200);
    // A follower leaves room for the tenant's other callers.
    expect((await post(queryOf(MIB / 4))).status).toBe(200);
  });

  it('of an event stream leaves its room to the next once it was read, though the stream goes on', async () => {
    const query = 'subscription { jobsUpdated { id } }';
    const body = JSON.stringify({ query, extensions: { x: 'x'.repeat(7 * MIB) } });
    const streams: Response[] = [];
    const open = async (): Promise<number> => {
      const stream = await fetch(`${gateway.url}/graphql/stream`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          authorization: 'Bearer acme-key',
        },
        body,
      });
      streams.push(stream);
      return stream.status;
    };
    // Some of them exceed the limit per second and are refused.
    for (let i = 0; i < 6; i++) await expect.poll(open).toBe(200);
    await Promise.all(streams.map((stream) => stream.body?.cancel()));
  });

  it('that was answered leaves its room to the next', async () => {
    // Some of them exceed the limit per second and are refused.
    for (let i = 0; i < 7; i++)
      await expect.poll(async () => (await post(queryOf(6 * MIB))).status).toBe(200);
  });

  it('is one of so many that are read of a follower within a second', async () => {
    const token = await followToken();
    const clock = stoppedClock();
    try {
      for (let i = 0; i < 15; i++) expect((await post(queryOf(MIB), token)).status).toBe(200);
      const refused = await post(queryOf(MIB), token);
      expect([refused.status, refused.headers.get('retry-after'), await codeIn(refused)]).toEqual([
        429,
        '1',
        'RATE_LIMITED',
      ]);
      for (const other of ['acme-key', 'globex-key'])
        expect((await post(queryOf(MIB), other)).status).toBe(200);
      clock.skip(1000);
      expect((await post(queryOf(MIB), token)).status).toBe(200);
    } finally {
      clock.goOn();
    }
  });

  it('counts for what it takes to read it', async () => {
    const token = await followToken();
    const full = JSON.stringify({ query: '{ __typename }', extensions: { x: Array(11_000).fill(1) } });
    const wide = JSON.stringify({ query: '{ __typename }', extensions: { x: 'é'.repeat(500_000) } });
    const clock = stoppedClock();
    try {
      for (const [body, most] of [
        [full, 5],
        [wide, 4],
      ] as const) {
        clock.skip(1000);
        const statuses: number[] = [];
        for (let i = 0; i <= most; i++) statuses.push((await post(body, token)).status);
        expect(statuses).toEqual([...Array(most).fill(200), 429]);
      }
    } finally {
      clock.goOn();
    }
  });
});

async function upgraded(): Promise<Socket> {
  const socket = await opened();
  socket.write(UPGRADE);
  expect((await answerOf(socket)).status).toBe(101);
  return socket;
}

async function speaks(): Promise<void> {
  const client = openSocket(gateway.url, { connectionParams: { authorization: 'Bearer acme-key' } });
  expect((await run(client, '{ __typename }').next()).value?.data).toEqual({ __typename: 'Query' });
  await client.dispose();
}

describe('Sockets', () => {
  it.each([
    [256, undefined],
    [257, 1008],
  ])('that split a message into %i parts are closed with %s', async (parts, expected) => {
    const bare = await bareSocket(gateway.url);
    const text = JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer acme-key' } });
    for (let part = 1; part < parts; part++) bare.socket.send(text[part - 1] ?? ' ', { fin: false });
    bare.socket.send(text.slice(parts - 1).padStart(1), { fin: true });
    const outcome = await Promise.race([bare.next('connection_ack'), bare.closed]);
    expect('code' in outcome ? outcome.code : undefined).toBe(expected);
    bare.socket.terminate();
  });

  it('that say nothing leave half of the places to those who speak: the oldest goes', async () => {
    const [first, second] = [await upgraded(), await upgraded()];
    const gone = [first, second].map((socket) => once(socket, 'close'));
    for (let i = 0; i < 40; i++) await upgraded();
    await Promise.all(gone);
    expect(sockets.filter((socket) => !socket.closed)).toHaveLength(40);
    await speaks();
  });

  it('that lie about who they are keep no places either', async () => {
    const init = Buffer.from('{"type":"connection_init","payload":{"authorization":"Bearer wrong"}}');
    // One frame, masked with zeros. The client does not react to what the gateway sends.
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | init.length, 0, 0, 0, 0]), init]);
    for (let i = 0; i < 90; i++) (await upgraded()).write(frame);
    await speaks();
  });

  it('whose messages do not end hold 64 MiB together, pings between the parts or not; who holds most goes', async () => {
    // The first part of a text of 1 MiB; then a ping; all masked with zeros.
    const head = Buffer.from([0x01, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xf0, 0, 0, 0, 0, 0]);
    const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
    const part = Buffer.concat([head, Buffer.alloc(0x0f_f0_00, 0x20), ping]);
    const clients: Client[] = [];
    const open = { acme: 0, globex: 0 };
    const begins = (tenant: keyof typeof open): Promise<void> => {
      const client = openSocket(gateway.url, {
        connectionParams: { authorization: `Bearer ${tenant}-key` },
        lazy: false,
        retryAttempts: 0,
        onNonLazyError: () => {},
      });
      clients.push(client);
      client.on('closed', () => {
        open[tenant] -= 1;
      });
      return new Promise((resolve) => {
        client.on('connected', (socket) => {
          open[tenant] += 1;
          (socket as { _socket: Socket })._socket.write(part);
          resolve();
        });
      });
    };
    await begins('globex');
    await Promise.all(Array.from({ length: 70 }, () => begins('acme')));
    await expect.poll(() => open.acme).toBeLessThan(65);
    expect(open.acme).toBeGreaterThan(55);
    // It is as large as each of those that were closed.
    expect(open.globex).toBe(1);
    await speaks();
    for (const client of clients) client.terminate();
  });
});
