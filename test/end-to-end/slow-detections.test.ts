/** One tenant's `detectFaces` that Akool is slow at, and everybody else. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../harness.js';
import { SUBMIT, textOf } from './operations.js';

const [MALLORY, BOB] = ['the-key-of-mallory', 'the-key-of-bob'];
const DETECT = 'query ($url: URL!) { detectFaces(input: { url: $url }) { frames { index } } }';
const at = (name: string): string => `https://example.com/${name}.jpg`;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    env: {
      AUTH_API_KEYS: `mallory:${MALLORY},bob:${BOB}`,
      AKOOL_TIMEOUT_MS: '5000',
      AKOOL_MAX_CONCURRENCY: '10',
    },
  });
});
afterAll(() => gateway.stop());

interface Answer {
  readonly data?: { readonly submitFaceSwap?: { readonly job: { readonly status: string } } };
  readonly errors?: readonly { readonly extensions: object }[];
}

async function ask(key: string, query: string, variables: object): Promise<Answer> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

it('holds up nobody', async () => {
  const slow = gateway.sandbox.hold('detect');
  const detections = Array.from({ length: 60 }, (_, i) => ask(MALLORY, DETECT, { url: at(`slow-${i}`) }));
  const refused = detections.map(async (answer) => (await answer).errors?.[0]?.extensions);
  await expect.poll(() => slow.waiting).toBe(4);

  const names = ['first', 'second', 'third', 'fourth', 'fifth'];
  for (const name of names) {
    const input = { sourceImage: [{ path: at(name) }], targetImage: [{ path: at(name) }] };
    const { data } = await ask(BOB, textOf(SUBMIT), { input });
    expect(data?.submitFaceSwap?.job.status).toBe('QUEUED');
  }
  const billed = gateway.sandbox.bills.map(({ request }) => request['sourceImage']);
  expect(billed).toEqual(names.map((name) => [{ path: at(name) }]));

  const ofBob = ask(BOB, DETECT, { url: at('of-bob') });
  await expect.poll(() => slow.waiting).toBe(5);
  slow.release();
  expect((await ofBob).errors).toBeUndefined();
  const refusals = (await Promise.all(refused)).filter((extensions) => extensions !== undefined);
  expect(refusals).toHaveLength(60 - 4 - 34);
  for (const extensions of refusals) {
    expect(extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 2 });
  }
});
