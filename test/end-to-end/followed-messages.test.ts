/** The parts of a subscription's request that are no longer needed are not kept while it lasts. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { submit, upTo } from '../support/caller.js';
import { type BareSocket, bareSocket } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';

const MIB = 1024 * 1024;
const MANY = 15;
const LONG = 'x'.repeat(200_000);

let gateway: TestGateway;
let query: string;

// A new gateway for each: the bytes that one test sends within a second leave no room for the next.
beforeEach(async () => {
  gateway = await startGateway({ sandbox: { queueMs: 3_600_000 } });
  const { id } = await submit(gateway.url);
  query = `subscription { jobUpdated(id: "${id}") { status } }`;
});
afterEach(() => gateway.stop());

/** Heap size in bytes, after a garbage collection. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

async function connected(): Promise<BareSocket> {
  const bare = await bareSocket(gateway.url);
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  return bare;
}

describe('A socket', () => {
  it('keeps nothing of what no operation has, and one copy of what many have', async () => {
    const subscribe = (id: string, more: object, all: object = {}) =>
      JSON.stringify({ id, type: 'subscribe', payload: { query, ...more }, ...all });
    const kinds: readonly ((id: string) => string)[] = [
      (id) => subscribe(id, {}, { x: LONG }),
      (id) => subscribe(id, { x: LONG }),
      (id) => subscribe(id, { extensions: { x: LONG } }),
      (id) => subscribe(id, { variables: { x: LONG } }),
      (id) => subscribe(id, {}) + LONG.replaceAll('x', ' '),
      (id) => subscribe(id, { query: `${query} #${LONG}` }),
    ];
    const bare = await connected();
    const before = heap();
    for (const [kind, message] of kinds.entries()) {
      for (const nth of upTo(MANY)) {
        bare.say(message(`${kind}-${nth}`));
        await bare.next('next');
      }
    }
    // 3 MB of each kind were sent.
    expect(heap() - before).toBeLessThan(2.5 * MIB);
    bare.socket.terminate();
  });

  it('takes ids of up to 256 characters, and is closed for a longer one', async () => {
    const bare = await connected();
    const say = (id: string) => bare.say({ id, type: 'subscribe', payload: { query } });
    say('x'.repeat(256));
    expect(await bare.next('next')).toMatchObject({ id: 'x'.repeat(256) });
    say('x'.repeat(257));
    expect(await bare.closed).toEqual({ code: 4400, reason: 'An id of more than 256 characters' });
  });
});

it('A stream keeps nothing of extensions, or of variables that it has none of', async () => {
  // 15 KB of text, which is too small to be counted, but 200 KB once parsed.
  const lists = Array(4000).fill([]);
  const body = JSON.stringify({ query, extensions: { lists }, variables: { x: 'x'.repeat(3000) } });
  const request =
    'POST /graphql/stream HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n' +
    `content-length: ${body.length}\r\n\r\n${body}`;
  const before = heap();
  const sockets: Socket[] = [];
  for (const _ of upTo(MANY)) {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write(request);
    const [begun] = await once(socket, 'data');
    expect(String(begun)).toMatch(/^HTTP\/1\.1 200 /);
    sockets.push(socket);
  }
  expect(heap() - before).toBeLessThan(2 * MIB);
  for (const socket of sockets) socket.destroy();
});
