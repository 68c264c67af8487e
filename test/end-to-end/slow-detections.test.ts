/** One tenant's slow `detectFaces` at Akool, and their effect on others. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../support/harness.js';
import { SUBMIT, textOf } from '../support/operations.js';

const [MALLORY, BOB] = ['the-key-of-mallory', 'the-key-of-bob'];
const DETECT = 'query ($url: URL!) { detectFaces(input: { url: $url }) { frames { index } } }';
const DETECT_IMAGE = 'query ($image: String) { detectFaces(input: { image: $image }) { frames { index } } }';
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const at = (name: string): string => `https://example.com/${name}.jpg`;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    env: {
      AUTH_API_KEYS: `mallory:${MALLORY},bob:${BOB}`,
      AKOOL_MAX_CONCURRENCY: '10',
    },
    sandbox: { maxConcurrency: 10 },
  });
});
afterAll(() => gateway.stop());

interface Answer {
  readonly data?: { readonly submitFaceSwap?: { readonly job: { readonly status: string } } };
  readonly errors?: readonly { readonly extensions: object }[];
}

async function ask(
  key: string,
  query: string,
  variables: object,
  signal: AbortSignal | null = null,
): Promise<Answer> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
    signal,
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

/** Nearly 5 MiB, different for each number. */
function picture(nth: number): { readonly image: string } {
  return { image: Buffer.concat([PIXEL, Buffer.alloc(5_200_000, nth)]).toString('base64') };
}

it('holds no more than so many bytes of pictures, whether or not their caller still waits', async () => {
  const slow = gateway.sandbox.hold('detect');
  const gone = new AbortController();
  const left = [1, 2, 3, 4].map((nth) => ask(MALLORY, DETECT_IMAGE, picture(nth), gone.signal));
  await expect.poll(() => slow.waiting).toBe(4);
  gone.abort();
  for (const { status } of await Promise.allSettled(left)) expect(status).toBe('rejected');

  const refused = async () => (await ask(MALLORY, DETECT_IMAGE, picture(5))).errors?.[0]?.extensions;
  // The wait is 1 second until the gateway has noticed that they are gone.
  await expect.poll(refused).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 2 });
  const ofBob = ask(BOB, DETECT_IMAGE, picture(6));
  await expect.poll(() => slow.waiting).toBe(5);
  slow.release();
  expect((await ofBob).errors).toBeUndefined();
  await expect.poll(async () => (await ask(MALLORY, DETECT_IMAGE, picture(5))).errors).toBeUndefined();
});
