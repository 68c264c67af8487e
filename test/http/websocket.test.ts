/** The socket's timeouts and its errors, with times too short for a whole gateway. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { buildSchema } from 'graphql';
import { afterEach, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { GatewayError } from '../../src/errors.js';
import { Engine } from '../../src/graphql/engine.js';
import { DEFAULT_LIMITS } from '../../src/graphql/query-limits.js';
import { RateLimits } from '../../src/graphql/rate-limits.js';
import { OpenConnections } from '../../src/http/open-connections.js';
import { takeWebsockets } from '../../src/http/upgrades.js';
import {
  type WebsocketEndpoint,
  type WebsocketOptions,
  websocketEndpoint,
} from '../../src/http/websocket.js';
import type { CallerContext } from '../../src/resolvers/context.js';
import { HeardBytes } from '../../src/services/limits/heard-bytes.js';
import { HeldBytes } from '../../src/services/limits/held-bytes.js';
import { bareSocket } from '../support/doors.js';
import { Gate, until } from '../support/gate.js';

let server: Server;
let endpoint: WebsocketEndpoint;
let reported: unknown[];

const schema = buildSchema('type Query { id: ID large: String slow(x: String): ID }');
/** More than the buffers at both ends hold. */
const LARGE = 'x'.repeat(12 * 1024 * 1024);
Object.assign(schema.getQueryType()?.getFields()['large'] ?? {}, { resolve: () => LARGE });
let slow: Gate;
Object.assign(schema.getQueryType()?.getFields()['slow'] ?? {}, { resolve: () => slow.pass() });
const caller = { tenant: 'acme', expiresAt: null, onlyJob: null };

async function start(options: Partial<WebsocketOptions> = {}): Promise<string> {
  reported = [];
  const reportUnexpected = (error: unknown): void => void reported.push(error);
  const answers = options.answers ?? new HeldBytes(1000);
  server = createServer();
  takeWebsockets(server, new OpenConnections(server), () => endpoint.onWebsocket);
  endpoint = websocketEndpoint({
    engine: new Engine({
      schema,
      limits: DEFAULT_LIMITS,
      rates: new RateLimits({ queriesPerMinute: null, mutationsPerMinute: null }),
      maxSubscriptions: 100,
      trusted: null,
      introspection: true,
      answers,
      reportUnexpected,
    }),
    // Only the caller is needed here.
    context: async () => ({ caller }) as unknown as CallerContext,
    reportUnexpected,
    maxMessageBytes: 1000,
    publicPath: '',
    answers,
    bodies: new HeldBytes(1000),
    heard: new HeardBytes(),
    maxSockets: 10,
    maxOperations: 10,
    initTimeoutMs: 10_000,
    pingMs: 10_000,
    closeTimeoutMs: 50,
    mayConnect: () => true,
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
afterEach(async () => {
  await endpoint.stop(0);
  server.closeAllConnections();
  server.close();
});

it('closes with 4408 who does not say who they are', async () => {
  const bare = await bareSocket(await start({ initTimeoutMs: 30 }));
  expect((await bare.closed).code).toBe(4408);
});

it('deals with nothing that comes after it was closed', async () => {
  const context = vi.fn(async () => ({ caller }) as unknown as CallerContext);
  const bare = await bareSocket(await start({ maxMessageBytes: 100_000, closeTimeoutMs: 10_000, context }));
  // It does not answer the close until both messages have been received.
  bare.socket.pause();
  bare.say(' '.repeat(70_000));
  bare.say({ type: 'connection_init' });
  bare.socket.resume();
  expect((await bare.closed).code).toBe(4400);
  expect(context).not.toHaveBeenCalled();
});

it('takes no long message before it knows whose the socket is', async () => {
  const url = await start({ maxMessageBytes: 100_000, bodies: new HeldBytes(1_000_000) });
  const long = 'x'.repeat(70_000);
  const unknown = await bareSocket(url);
  unknown.say({ type: 'connection_init', payload: { authorization: long } });
  expect(await unknown.closed).toMatchObject({ code: 4400, reason: expect.stringContaining('too long') });
  const known = await bareSocket(url);
  known.say({ type: 'connection_init' });
  await known.next('connection_ack');
  known.say({ type: 'ping', payload: { long } });
  await known.next('pong');
});

it('hears little of who has not said who they are, in however many messages', async () => {
  const bare = await bareSocket(await start({ maxMessageBytes: 100_000 }));
  for (let i = 0; i < 4; i++) bare.say({ type: 'ping', payload: { x: 'x'.repeat(20_000) } });
  expect((await bare.closed).code).toBe(4400);
  expect(bare.messages).toEqual(Array(3).fill({ type: 'pong' }));
});

it.each([
  ['acme', null, 31],
  ["a job's follow tokens", 'job', 15],
])('hears so much of %s within a second, and no more', async (_who, onlyJob, most) => {
  const context = async () => ({ caller: { ...caller, onlyJob } }) as unknown as CallerContext;
  const url = await start({ maxMessageBytes: 1024 * 1024, context });
  const empty = { type: 'ping', payload: { x: '' } };
  const ping = { ...empty, payload: { x: 'x'.repeat(1024 * 1024 - JSON.stringify(empty).length) } };
  const connected = async () => {
    const bare = await bareSocket(url);
    bare.say({ type: 'connection_init' });
    await bare.next('connection_ack');
    return bare;
  };
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const bare = await connected();
    for (let i = 0; i <= most; i++) bare.say(ping);
    expect((await bare.closed).code).toBe(1013);
    expect(bare.messages).toEqual(Array(most).fill({ type: 'pong' }));
    vi.advanceTimersByTime(1000);
    const again = await connected();
    again.say(ping);
    await again.next('pong');
    again.socket.terminate();
  } finally {
    vi.useRealTimers();
  }
});

it('gives who has said who they are all the time in the world', async () => {
  const gate = new Gate();
  const context = async () => {
    await gate.pass();
    return { caller } as unknown as CallerContext;
  };
  // A busy machine may take a while until the message has arrived.
  const initTimeoutMs = 1000;
  const bare = await bareSocket(await start({ initTimeoutMs, context }));
  bare.say({ type: 'connection_init' });
  await gate.arrived();
  // Checking the credentials takes longer than the limit for sending them.
  await sleep(1.2 * initTimeoutMs);
  gate.open();
  await bare.next('connection_ack');
  expect(bare.socket.readyState).toBe(WebSocket.OPEN);
});

it('leaves no clock behind for who leaves without a word', async () => {
  const made = vi.spyOn(globalThis, 'setTimeout');
  const cleared = vi.spyOn(globalThis, 'clearTimeout');
  try {
    const bare = await bareSocket(await start({ initTimeoutMs: 54_321 }));
    const nth = made.mock.calls.findIndex(([, ms]) => ms === 54_321);
    const clock = made.mock.results[nth]?.value as NodeJS.Timeout;
    expect(clock.hasRef()).toBe(true);
    bare.socket.terminate();
    await until(() => cleared.mock.calls.some(([one]) => one === clock));
  } finally {
    vi.restoreAllMocks();
  }
});

it('pings no more often than it says', async () => {
  const bare = await bareSocket(await start({ pingMs: 500 }));
  const pings: number[] = [];
  bare.socket.on('ping', () => pings.push(performance.now()));
  await until(() => pings.length >= 4);
  const [first = 0, , , last = 0] = pings;
  // Three intervals between them; each may be a check early, and the first may be received late.
  expect(last - first).toBeGreaterThan(1200);
});

it('keeps who answers pings, and cuts who does not', async () => {
  // Longer than a busy machine keeps a process waiting.
  const url = await start({ pingMs: 300 });
  const alive = await bareSocket(url);
  let pings = 0;
  alive.socket.on('ping', () => {
    pings += 1;
  });
  const dead = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
    autoPong: false,
  });
  const [code] = await once(dead, 'close');
  expect(code).toBe(1006);
  await until(() => pings > 4);
  expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  expect(endpoint.size).toBe(1);
});

it('cuts who does not read, whatever pings it answers, and gives back what that had held', async () => {
  const answers = new HeldBytes(64 * 1024 * 1024);
  const bare = await bareSocket(await start({ answers }));
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  bare.socket.pause();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    bare.say({ id: '1', type: 'subscribe', payload: { query: '{ large }' } });
    await until(() => vi.getTimerCount() > 0);
    // 30 s, plus the time that this many bytes take at 128 KB a second.
    vi.advanceTimersByTime(30_000 + LARGE.length / 128 - 1000);
    expect(answers.open(caller).add(24 * 1024 * 1024)).toBe(false);
    expect(endpoint.size).toBe(1);
    vi.advanceTimersByTime(2000);
    await until(() => endpoint.size === 0);
    expect(answers.open(caller).add(24 * 1024 * 1024)).toBe(true);
  } finally {
    vi.useRealTimers();
    bare.socket.terminate();
  }
});

it('holds messages while their operations run, also those that were left, and takes no more than fit', async () => {
  slow = new Gate();
  const bodies = new HeldBytes(700_000);
  const bare = await bareSocket(await start({ maxMessageBytes: 1_000_000, bodies }));
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  const ask = (id: string, length: number) => {
    const query = 'query ($x: String) { slow(x: $x) }';
    bare.say({ id, type: 'subscribe', payload: { query, variables: { x: 'x'.repeat(length) } } });
  };
  ask('1', 150_000);
  await slow.arrived();
  bare.say({ id: '1', type: 'complete' });
  ask('2', 150_000);
  // One caller may use half of the room.
  ask('3', 150_000);
  expect(await bare.next('error')).toMatchObject({
    id: '3',
    payload: [{ extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 } }],
  });
  ask('small', 1000);
  slow.open();
  await bare.next('complete');
  await bare.next('complete');
  ask('4', 200_000);
  expect(await bare.next('complete')).toMatchObject({ id: '4' });
  await until(() => bodies.open(caller).add(350_000));
});

it('counts what is not read from a few kilobytes on', async () => {
  const url = await start({
    maxMessageBytes: 10_000,
    maxOperations: 1000,
    answers: new HeldBytes(10_000, 0),
    bodies: new HeldBytes(10_000_000),
  });
  const connection = once(server, 'connection') as Promise<[Socket]>;
  const bare = await bareSocket(url);
  const [socket] = await connection;
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  bare.socket.pause();
  let waiting = 0;
  for (let id = 0; endpoint.size > 0 && waiting < 32_000; id++) {
    bare.say({ id: String(id), type: 'subscribe', payload: { query: `{ ${'x'.repeat(2000)}: id }` } });
    await turn();
    waiting = socket.writableLength;
  }
  expect(waiting).toBeLessThan(32_000);
  bare.socket.terminate();
});

it('counts small answers towards what is not read', async () => {
  const bare = await bareSocket(await start({ answers: new HeldBytes(64 * 1024 * 1024), pingMs: 60_000 }));
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  bare.socket.pause();
  bare.say({ id: '1', type: 'subscribe', payload: { query: '{ large }' } });
  for (let i = 0; i < 4200; i++) bare.say({ type: 'ping' });
  await until(() => endpoint.size === 0);
  bare.socket.terminate();
});

it('deals with one message in a turn, however many come in one read from the network', async () => {
  const bare = await bareSocket(await start());
  let turn = 0;
  const turns = new Set<number>();
  bare.socket.on('message', () => turns.add(turn));
  const count = (): void => {
    turn += 1;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  for (let i = 0; i < 200; i++) bare.say({ type: 'ping' });
  await until(() => bare.messages.length === 200);
  clearImmediate(counting);
  expect(turns.size).toBeGreaterThan(50);
});

it('says nothing of what goes wrong while somebody connects, and reports it whole', async () => {
  const failure = new Error('no route to s3cret-host');
  const bare = await bareSocket(await start({ context: () => Promise.reject(failure) }));
  bare.say({ type: 'connection_init' });
  expect(await bare.closed).toEqual({ code: 4500, reason: 'Internal server error' });
  expect(reported).toEqual([failure]);
});

it('sends those away for a while whose credentials cannot be checked at present', async () => {
  const context = () => Promise.reject(new GatewayError('AUTHENTICATION_UNAVAILABLE', 'Later.'));
  const bare = await bareSocket(await start({ context }));
  bare.say({ type: 'connection_init' });
  expect(await bare.closed).toEqual({ code: 1013, reason: 'Later.' });
  expect(reported).toEqual([]);
});

it('forgets who leaves while their credentials are checked', async () => {
  const gate = new Gate();
  const expiresAt = Date.now() + 60;
  const url = await start({
    context: async () => {
      await gate.pass();
      return { caller: { ...caller, expiresAt } } as unknown as CallerContext;
    },
  });
  const bare = await bareSocket(url);
  bare.say({ type: 'connection_init' });
  await gate.arrived();
  bare.socket.terminate();
  await until(() => endpoint.size === 0);
  gate.open();
  await until(() => Date.now() > expiresAt + 20);
  expect(reported).toEqual([]);
});

it('looks again when a life is longer than a timer can count', async () => {
  const expiresAt = Date.now() + 2 ** 40;
  const bare = await bareSocket(
    await start({ context: async () => ({ caller: { ...caller, expiresAt } }) as unknown as CallerContext }),
  );
  bare.say({ type: 'connection_init' });
  await bare.next('connection_ack');
  bare.say({ id: '1', type: 'subscribe', payload: { query: '{ id }' } });
  await bare.next('complete');
  expect(bare.socket.readyState).toBe(WebSocket.OPEN);
});

it('cuts those who do not answer its goodbye, and stops twice as well as once', async () => {
  const bare = await bareSocket(await start());
  bare.socket.pause();
  await Promise.all([endpoint.stop(0), endpoint.stop(0)]);
  expect(endpoint.size).toBe(0);
  bare.socket.resume();
  await bare.closed;
});
