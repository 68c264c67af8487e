/** Responses are bounded in bytes, individually and per caller, over every protocol; none is kept forever. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { withinBudget } from '../../src/graphql/answer-size.js';
import { AnswerBudget } from '../../src/services/limits/answer-budget.js';
import { Holding } from '../../src/services/limits/held-bytes.js';
import { bareSocketOf, DOORS, knock } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { SUBMIT, textOf } from '../support/operations.js';

const KEY = 'acme-key';
const MIB = 1024 * 1024;
/** A URL of 4,000 characters. */
const ADDRESS = `https://example.com/${'x'.repeat(3976)}.png`;

let gateway: TestGateway;
let id: string;
const sockets: Socket[] = [];

beforeAll(async () => {
  gateway = await startGateway({
    env: { AUTH_API_KEYS: `acme:${KEY},globex:globex-key`, KEEP_RESULTS: 'false' },
    sandbox: { queueMs: 3_600_000 },
  });
  await submitted(KEY);
  id = await submitted(KEY);
});
afterAll(async () => {
  await gateway.stop();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const IMAGES = Array(50).fill({ path: ADDRESS, opts: '1,1:2,2:3,3:4,4' });
/** 400 KB. */
const LARGEST = { sourceImage: IMAGES, targetImage: IMAGES };

async function submitted(bearer: string): Promise<string> {
  const request = { query: textOf(SUBMIT), variables: { input: LARGEST } };
  const { data } = await knock('http', gateway.url, request, bearer);
  return (data as { submitFaceSwap: { job: { id: string } } }).submitFaceSwap.job.id;
}

/** A selection that adds this many times 200 KB to a job. */
function pictures(times: number): string {
  const fields = Array.from({ length: times }, (_, i) => `a${i}: sourceImage { path }`);
  return `... on FaceSwapJob { ${fields.join(' ')} }`;
}

/** Some 9 MB per job. */
const LARGE = pictures(45);

describe('An answer', () => {
  it.each(DOORS)('of more than 16 MiB is refused, and one of less is given, by %s', async (door) => {
    const page = (first: number) => ({ query: `{ jobs(first: ${first}) { edges { node { ${LARGE} } } } }` });
    const large = await knock(door, gateway.url, page(1), KEY);
    expect([large.errors, large.text.length > 8 * MIB]).toEqual([[], true]);
    const tooLarge = await knock(door, gateway.url, page(2), KEY);
    expect([tooLarge.data, tooLarge.errors]).toEqual([
      null,
      [
        {
          message: 'The answer would exceed 16 MiB: request fewer jobs at once, or fewer fields of each.',
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    ]);
  });
});

async function unread(query: string, times = 1): Promise<Socket> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  const body = JSON.stringify({ query });
  const request =
    `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\n` +
    `content-length: ${body.length}\r\n\r\n${body}`;
  socket.write(request.repeat(times));
  // It has begun, and the rest exceeds the system's buffers.
  await once(socket, 'readable');
  return socket;
}

/** A query of which seven unread answers leave 5,000 bytes of the 64 MiB that one caller may hold. */
async function aSeventh(): Promise<string> {
  const query = (name: string) => `{ job(id: "${id}") { ${name}: id ${pictures(47)} } }`;
  const { data } = await knock('http', gateway.url, { query: query('a') }, KEY);
  const held = new Holding(() => true);
  withinBudget({ data }, new AnswerBudget(held, null));
  return query('a'.repeat(1 + (64 * MIB - 5000) / 7 - held.bytes));
}

it('An event may be too large by the names in its answer alone', async () => {
  const name = 'x'.repeat(450_000);
  const histories = Array.from({ length: 24 }, (_, i) => `a${i}: history { ...Entry }`);
  const query = `subscription { jobUpdated(id: "${id}") { ${histories.join(' ')} } } fragment Entry on JobUpdate { ${name}: version }`;
  const { errors, text } = await knock('socket', gateway.url, { query }, KEY);
  expect([errors, text.length < 1000]).toEqual([
    [expect.objectContaining({ message: expect.stringContaining('exceed 16 MiB') })],
    true,
  ]);
});

describe('Answers that are not read', () => {
  it('take no more than half of what is kept for all, and leave room for others', async () => {
    const query = await aSeventh();
    const refusal = {
      message: 'Too many answers are in progress; try again later.',
      extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 },
    };
    for (let i = 0; i < 7; i++) await unread(query);
    // There is not even room to read the request of the job.
    expect((await knock('http', gateway.url, { query }, KEY)).errors).toEqual([
      { ...refusal, path: ['job', 'a0'], locations: [expect.anything()] },
    ]);
    expect((await knock('http', gateway.url, { query: '{ __typename }' }, KEY)).errors).toEqual([]);
    // A subscription is closed so that its client reconnects instead of missing an update.
    const bare = await bareSocketOf(gateway.url, KEY);
    const subscription = `subscription { jobUpdated(id: "${id}") { ${LARGE} } }`;
    bare.say({ id: '1', type: 'subscribe', payload: { query: subscription } });
    expect(await bare.closed).toEqual({ code: 1013, reason: refusal.message });
    expect(bare.messages).toEqual([]);
    // The same for an event that is counted only once it is serialized.
    const named = (characters: number) => ({
      query: `subscription { jobUpdated(id: "${id}") { ${'a'.repeat(characters)}: id } }`,
    });
    expect((await knock('socket', gateway.url, named(1), KEY)).data).toEqual({ jobUpdated: { a: id } });
    const { closed, text } = await knock('socket', gateway.url, named(6000), KEY);
    expect([closed, text]).toEqual([1013, refusal.message]);
    // An event stream ends without "complete".
    await expect(knock('stream', gateway.url, named(6000), KEY)).rejects.toThrow('No event in ":\\n\\n"');
    // A stored job is always returned, because its client would otherwise submit it again.
    const mutation = `mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { ${LARGE} } } }`;
    const stored = await knock('http', gateway.url, { query: mutation, variables: { input: LARGEST } }, KEY);
    expect([stored.errors, stored.text.length > 8 * MIB]).toEqual([[], true]);
    const theirs = query.replace(id, await submitted('globex-key'));
    expect((await knock('http', gateway.url, { query: theirs }, 'globex-key')).errors).toEqual([]);
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(async () => (await knock('http', gateway.url, { query }, KEY)).errors).toEqual([]);
  });

  it('give their room back when their connection is cut, also those that wait behind another one', async () => {
    const query = `{ job(id: "${id}") { ${LARGE} } }`;
    for (let i = 0; i < 8; i++) {
      const socket = await unread(query, 2);
      socket.destroy();
    }
    await expect.poll(async () => (await knock('http', gateway.url, { query }, KEY)).errors).toEqual([]);
  });

  it('end a socket, and what they held is free again', async () => {
    const query = `subscription { jobUpdated(id: "${id}") { ${LARGE} } }`;
    for (let i = 0; i < 5; i++) {
      const bare = await bareSocketOf(gateway.url, KEY);
      bare.socket.pause();
      // One client may leave only one of them unread.
      for (const n of ['1', '2', '3']) bare.say({ id: n, type: 'subscribe', payload: { query } });
      // The client notices this only when it reads again.
      await expect.poll(() => openSockets()).toBe(0);
      bare.socket.terminate();
    }
    expect((await knock('socket', gateway.url, { query }, KEY)).errors).toEqual([]);
  });
});

async function openSockets(): Promise<number> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(/^faceswap_sockets_open (\d+)$/m.exec(metrics)?.[1]);
}
