/** Many followers: the limit per tenant, and that an update to all of them delays no other tenant. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oneFace, upTo } from '../support/caller.js';
import { type BareSocket, bareSocketOf, knock } from '../support/doors.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { SUBMIT, textOf } from '../support/operations.js';

const KEY = 'key-of-acme';
const OTHERS_KEY = 'key-of-globex';

let gateway: TestGateway;
let historyReads: number;
const sockets: BareSocket[] = [];

beforeEach(async () => {
  historyReads = 0;
  gateway = await startGateway({
    env: {
      AUTH_API_KEYS: `acme:${KEY},globex:${OTHERS_KEY}`,
      KEEP_RESULTS: 'false',
      DISPATCH: 'paused',
      MAX_SUBSCRIPTIONS: '400',
    },
    overrides: {
      wrapStore: (store) =>
        withMethods(store, {
          histories: (ids) => {
            historyReads += 1;
            return store.histories(ids);
          },
        }),
    },
  });
});
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate();
  await gateway.stop();
});

async function ask<Data>(query: string, key = KEY, variables = {}): Promise<Data> {
  const { data, errors } = await knock('http', gateway.url, { query, variables }, key);
  expect(errors).toEqual([]);
  return data as Data;
}

async function submitted(key = KEY): Promise<string> {
  const { submitFaceSwap } = await ask<{ submitFaceSwap: { job: { id: string } } }>(textOf(SUBMIT), key, {
    input: oneFace(),
  });
  return submitFaceSwap.job.id;
}

async function socketOf(key: string): Promise<BareSocket> {
  const bare = await bareSocketOf(gateway.url, key);
  sockets.push(bare);
  return bare;
}

/** Returns the errors of refused subscriptions, once all others have begun. */
async function follow(bare: BareSocket, count: number, query: string): Promise<readonly unknown[]> {
  for (const id of upTo(count)) bare.say({ id: `s${id}`, type: 'subscribe', payload: { query } });
  bare.say({ id: 'last', type: 'subscribe', payload: { query: '{ __typename }' } });
  await bare.next('complete');
  return bare.messages.filter(({ type }) => type === 'error').map(({ payload }) => payload);
}

describe('Subscriptions of a tenant', () => {
  const query = 'subscription { jobsUpdated { id } }';
  const refusal = {
    message:
      'You hold your full share of the maximum number of subscriptions, 400; end some before you begin more.',
    extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 },
  };

  it('are as many as the others leave free, through every door and with whatever token', async () => {
    const id = await submitted();
    const ann = [await socketOf(KEY), await socketOf(KEY)];
    expect(await Promise.all(ann.map((socket) => follow(socket, 95, query)))).toEqual([[], []]);
    expect(await follow(await socketOf(KEY), 12, query)).toEqual([[refusal], [refusal]]);
    expect(await knock('stream', gateway.url, { query }, KEY)).toMatchObject({
      status: 429,
      errors: [refusal],
    });
    const { createFollowToken } = await ask<{ createFollowToken: { token: string } }>(
      `mutation { createFollowToken(jobId: "${id}") { token } }`,
    );
    const ofJob = `subscription { jobUpdated(id: "${id}") { id } }`;
    expect(await follow(await socketOf(createFollowToken.token), 1, ofJob)).toEqual([[refusal]]);
    expect(await follow(await socketOf(OTHERS_KEY), 90, query)).toEqual([]);
    for (const { socket } of ann) socket.close();
    await Promise.all(ann.map(({ closed }) => closed));
    expect(await follow(await socketOf(KEY), 95, query)).toEqual([]);
  });
});

describe('An update', () => {
  it('that many follow comes to all of them, some after others, and is looked up for many at once', async () => {
    const id = await submitted();
    const aliases = upTo(50).map((n) => `a${n}: history { version status at source note }`);
    const query = `subscription { jobUpdated(id: "${id}") { id ${aliases.join(' ')} } }`;
    const all = [await socketOf(KEY), await socketOf(KEY)];
    await Promise.all(all.map((socket) => follow(socket, 80, query)));
    const came = (socket: BareSocket): number => socket.messages.filter(({ type }) => type === 'next').length;
    await expect.poll(() => all.map(came)).toEqual([81, 81]);
    historyReads = 0;
    await ask(`mutation { cancelJob(id: "${id}") { id } }`);
    await expect.poll(() => all.map(came)).toEqual([161, 161]);
    // 160 × 50 lookups: one turn has room for four of these events.
    expect(historyReads).toBeGreaterThan(10);
    expect(historyReads).toBeLessThanOrEqual(160);
  });
});
