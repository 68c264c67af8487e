/** Bad input in bulk, over every protocol: nothing breaks or grows, and good input is served. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { print } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { expectWholeLife, follow, lookUp, oneFace, submit } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { JOB, JOB_UPDATED, JOBS, SUBMIT } from '../support/operations.js';

let gateway: TestGateway;
let webhookPath: string;
let heapBefore: number;
const accidents: unknown[] = [];
const note = (error: unknown): void => void accidents.push(error);
/** Inputs recognised as bad: error responses, and sockets closed because of a message. */
let refusals = 0;

/** Heap size in bytes, after a garbage collection. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

beforeAll(async () => {
  process.on('uncaughtExceptionMonitor', note);
  process.on('unhandledRejection', note);
  gateway = await startGateway({
    env: { SUBMIT_WAIT_MS: '0', KEEP_RESULTS: 'false' },
    sandbox: { maxConcurrency: 50 },
  });
  const { id } = await submit(gateway.url);
  await follow(gateway.url, id);
  webhookPath = new URL(gateway.sandbox.jobs[0]?.webhookUrl ?? '').pathname;
  heapBefore = heap();
});
afterAll(async () => {
  await gateway.stop();
  process.off('uncaughtExceptionMonitor', note);
  process.off('unhandledRejection', note);
});

const DOCUMENTS = [
  print(SUBMIT),
  print(JOB),
  print(JOBS),
  print(JOB_UPDATED),
  '{ account { credit } }',
  '{ __typename }',
];
const PIECES = [
  '{',
  '}',
  '(',
  ')',
  '"',
  '"""',
  '\\',
  '$',
  '@skip',
  '...',
  ':',
  '!',
  '[',
  ']',
  '\0',
  '\ud800',
  '#',
  '🙂',
  '-1',
  '1e999',
  'null',
  'on',
  'fragment',
  '__proto__',
  'constructor',
  'mutation',
  '%00',
  '\r\n',
];

/** A valid document, cut up and reassembled wrongly. */
const mangled = fc
  .record({
    text: fc.constantFrom(...DOCUMENTS),
    cuts: fc.array(fc.tuple(fc.nat(500), fc.nat(20), fc.constantFrom(...PIECES)), {
      minLength: 1,
      maxLength: 4,
    }),
  })
  .map(({ text, cuts }) =>
    cuts.reduce((now, [at, length, piece]) => {
      const from = at % (now.length + 1);
      return now.slice(0, from) + piece + now.slice(from + length);
    }, text),
  );
const anything = fc.anything({ withNullPrototype: false, maxDepth: 3 }).map((value) => {
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null') as unknown;
  } catch {
    return null;
  }
});
const query = fc.oneof(
  { weight: 3, arbitrary: mangled },
  { weight: 3, arbitrary: fc.constantFrom(...DOCUMENTS) },
  fc.string(),
  anything,
);
const variables = fc.oneof(
  anything,
  fc.record({ input: anything }),
  fc.record({ id: anything, afterVersion: anything }),
  fc.record({ first: anything, after: anything, filter: anything }),
  fc.record({
    input: fc.record({ sourceImage: fc.array(anything), targetImage: anything, idempotencyKey: anything }),
  }),
  fc.record({
    input: fc.record({
      sourceImage: fc.array(fc.record({ path: fc.string(), opts: fc.string() })),
      targetImage: fc.array(fc.record({ path: fc.webUrl() })),
    }),
  }),
);
const operation = fc.record(
  { query, variables, operationName: anything, extensions: anything, documentId: anything },
  { requiredKeys: ['query'] },
);
/** JSON without keys that pollute prototypes: the connection is closed after an unreadable body. */
const body = fc
  .oneof(
    { weight: 6, arbitrary: operation.map((one) => JSON.stringify(one)) },
    anything.map((value) => JSON.stringify(value)),
    fc.array(operation, { maxLength: 3 }).map((batch) => JSON.stringify(batch)),
  )
  .filter((text) => !/__proto__|constructor/.test(text));

const saysNo = (answer: string): boolean => answer.includes('"errors":[');

/** Sends raw bytes over one connection, and returns the statuses of all responses once it is closed. */
function raw(bytes: string | Buffer, isWhole = false): Promise<number[]> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    const heard: string[] = [];
    socket.setEncoding('latin1').on('data', (piece) => heard.push(String(piece)));
    socket.on('error', () => {});
    socket.on('close', () => {
      // Responses never repeat their request, so no body contains a status line.
      const [, ...answers] = heard.join('').split('HTTP/1.1 ');
      const statuses = answers.map((answer) => Number(answer.slice(0, 3)));
      refusals += answers.filter((answer, i) => (statuses[i] ?? 0) >= 400 || saysNo(answer)).length;
      resolve(statuses);
    });
    // For an incomplete request the gateway would wait.
    if (isWhole) socket.write(bytes);
    else socket.end(bytes);
  });
}

interface RawRequest {
  readonly path: string;
  readonly headers: string;
  readonly body: string;
}

/** Sends the requests in a row over one connection: the fastest way to send many. */
async function pipelined(requests: readonly RawRequest[]): Promise<number[]> {
  const parts = requests.map(({ path, headers, body }, i) => {
    const last = i === requests.length - 1 ? 'connection: close\r\n' : '';
    return `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${headers}${last}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  });
  const statuses = await raw(parts.join(''), true);
  if (statuses.at(-1) !== 429) return statuses;
  // A fast machine sends more per second than the gateway takes from one caller. It says to come back after a second.
  await sleep(1000);
  const answered = statuses.slice(0, -1);
  return [...answered, ...(await pipelined(requests.slice(answered.length)))];
}

async function check<T>(
  arbitrary: fc.Arbitrary<T>,
  runs: number,
  holds: (value: T) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, holds), { numRuns: runs, endOnFailure: true });
}

const JSON_HEADERS = 'content-type: application/json\r\n';
const noFailure = (statuses: readonly number[]): void => {
  expect(statuses.filter((status) => status >= 500)).toEqual([]);
};

describe('Bad input', () => {
  it('over HTTP, 5,000 bodies', async () => {
    const request = body.map((text) => ({ path: '/graphql', headers: JSON_HEADERS, body: text }));
    await check(fc.array(request, { minLength: 50, maxLength: 50 }), 100, async (requests) => {
      const statuses = await pipelined(requests);
      expect(statuses).toHaveLength(requests.length);
      noFailure(statuses);
    });
  });

  it('over event streams, 2,500 bodies', async () => {
    const headers = `${JSON_HEADERS}accept: text/event-stream\r\n`;
    const request = body.map((text) => ({ path: '/graphql/stream', headers, body: text }));
    await check(fc.array(request, { minLength: 50, maxLength: 50 }), 50, async (requests) => {
      const statuses = await pipelined(requests);
      expect(statuses).toHaveLength(requests.length);
      noFailure(statuses);
    });
  });

  it('over the query string and in headers, 600 requests', async () => {
    const name = fc.constantFrom(
      'accept',
      'authorization',
      'content-type',
      'host',
      'origin',
      'accept-version',
      'content-encoding',
      'range',
      'if-none-match',
      'cookie',
      'expect',
      'upgrade',
      'connection',
    );
    const header = fc
      .tuple(name, fc.string({ unit: fc.constantFrom(...'az/*;,=:"% []\\.09\xff') }))
      .map(([key, value]) => `${key}: ${value}\r\n`);
    const search = fc.oneof(
      operation.map((one) =>
        new URLSearchParams(
          Object.entries(one).map(([key, value]): [string, string] => [
            key,
            typeof value === 'string' ? value : JSON.stringify(value),
          ]),
        ).toString(),
      ),
      fc.string({ unit: fc.constantFrom(...'query=&%FFaz[]{}?#+') }).map((text) => text.replace(/\s/g, '')),
    );
    const path = fc.constantFrom(
      '/graphql',
      '/graphql/stream',
      '/media/x',
      '/graphiql',
      '/metrics',
      '/%ff',
      '//',
      '/webhooks/akool/x',
    );
    await check(
      fc.record({ path, search, headers: fc.array(header, { maxLength: 4 }) }),
      600,
      async (one) => {
        noFailure(
          await raw(
            Buffer.from(
              `GET ${one.path}?${one.search} HTTP/1.1\r\n${one.headers.join('')}connection: close\r\n\r\n`,
              'latin1',
            ),
          ),
        );
      },
    );
  });

  it('that is hardly HTTP or JSON, 800 times', async () => {
    const line = fc.constantFrom(
      'POST /graphql HTTP/1.1',
      'GET /graphql HTTP/1.0',
      'GET http://a:99999/graphql HTTP/1.1',
      'PRI * HTTP/2.0',
      'GET /graphql?query={__typename} HTTP/1.0',
      'POST /webhooks/akool/x HTTP/1.1',
    );
    const rest = fc.array(
      fc.constantFrom(
        'host: x',
        'content-length: 5',
        'content-length: -1',
        'transfer-encoding: chunked',
        'transfer-encoding: x',
        JSON_HEADERS.trim(),
        'connection: upgrade',
        'upgrade: websocket',
        'sec-websocket-key: x',
        'sec-websocket-version: 13',
        '',
        'ffffffff\r\n{}',
        '0\r\n',
        '{"query":',
        ': x',
        'a b: c',
      ),
      { maxLength: 8 },
    );
    const unreadable = fc.oneof(fc.string({ maxLength: 200 }), fc.constant('{"__proto__":{"a":1}}'));
    await check(unreadable, 300, async (text) => {
      noFailure(await pipelined([{ path: '/graphql', headers: JSON_HEADERS, body: text }]));
    });
    await check(fc.tuple(line, rest, fc.string({ maxLength: 20 })), 500, async ([first, lines, tail]) => {
      noFailure(await raw([first, ...lines, '', tail].join('\r\n')));
    });
  });

  it('over WebSockets, 2,500 messages', async () => {
    const payload = fc.oneof({ weight: 4, arbitrary: operation }, anything);
    const message = fc.oneof(
      {
        weight: 5,
        arbitrary: fc
          .record({ type: fc.constant('subscribe'), id: fc.string({ minLength: 1, maxLength: 3 }), payload })
          .map((one) => JSON.stringify(one)),
      },
      fc
        .record({
          type: fc.constantFrom(
            'ping',
            'pong',
            'complete',
            'next',
            'error',
            'connection_init',
            'connection_ack',
            'x',
          ),
          id: anything,
          payload: anything,
        })
        .map((one) => JSON.stringify(one)),
      fc.string(),
    );
    await check(fc.array(message, { minLength: 10, maxLength: 10 }), 250, async (messages) => {
      const socket = new WebSocket(`${gateway.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
      const code = await new Promise<number>((resolve) => {
        socket.on('error', () => {});
        socket.on('message', (answer) => {
          const text = String(answer);
          if (text.includes('"type":"error"') || saysNo(text)) refusals += 1;
        });
        socket.once('close', resolve);
        socket.once('open', () => {
          socket.send('{"type":"connection_init"}');
          for (const one of messages) socket.send(one);
          socket.close(1000);
        });
      });
      if (code !== 1000) refusals += 1;
      expect([1000, 4400, 4409, 4429, 4401, 1002, 1006, 1007, 1009]).toContain(code);
    });
  });

  it('over WebSockets that are none, 200 times', async () => {
    const handshake =
      'GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n';
    await check(fc.uint8Array({ minLength: 1, maxLength: 60 }), 200, async (frames) => {
      noFailure(await raw(Buffer.concat([Buffer.from(handshake), frames])));
    });
  });

  it("over a job's webhook address and others, 500 bodies", async () => {
    const envelope = fc
      .record({
        signature: anything,
        dataEncrypt: fc.oneof(fc.base64String(), anything),
        timestamp: anything,
        nonce: anything,
      })
      .map((one) => JSON.stringify(one));
    const text = fc.oneof(
      envelope,
      anything.map((value) => JSON.stringify(value)),
      fc.string(),
    );
    const path = fc.oneof(
      fc.constant(webhookPath),
      fc.string({ unit: fc.constantFrom(...'az09-_%./') }).map((token) => `/webhooks/akool/${token}`),
    );
    await check(fc.tuple(path, text), 500, async ([to, content]) => {
      noFailure(await pipelined([{ path: to, headers: JSON_HEADERS, body: content }]));
    });
  });
});

describe('Afterwards', () => {
  it('more than 9,000 inputs were found to be bad, and nothing has gone wrong unseen', () => {
    expect(refusals).toBeGreaterThan(9000);
    expect(accidents).toEqual([]);
  });

  it('memory is about what it was, but for the documents that are remembered', () => {
    expect((heap() - heapBefore) / 1024 / 1024).toBeLessThan(100);
  });

  it('a normal submit works', async () => {
    const job = await submit(gateway.url, oneFace());
    expectWholeLife(await follow(gateway.url, job.id), await lookUp(gateway.url, job.id));
  });
});
