/** `submitFaceSwap` over HTTP: every rule, every refusal, and what reaches Akool. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { USER_MESSAGES } from '../../src/services/jobs/job-error.js';
import { ask, dataOf, errorOf, type FieldError, lookUp, oneFace, submit, upTo } from '../support/caller.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { CANCEL, type Image, JOB, JOBS, type Page, SUBMIT, type SubmitInput } from '../support/operations.js';

const OPTS = '262,175:363,175:313,215:272,279';
/** Part of every bad value: responses must not contain it. */
const MARKER = 'xyzzy-7731';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    env: { AKOOL_MAX_CONCURRENCY: '100', KEEP_RESULTS: 'false' },
    sandbox: { maxConcurrency: 100, credit: 100_000, queueMs: 1, processMs: 1 },
  });
});
afterAll(async () => {
  await gateway.stop();
});

function images(count: number, opts: string | null = OPTS): Image[] {
  return upTo(count).map((n) => ({ path: `https://example.com/${n}.jpg`, ...(opts && { opts }) }));
}

/** The list with its last image changed. */
function lastOne(list: readonly Image[], change: Partial<Image>): Image[] {
  return list.map((image, i) => (i === list.length - 1 ? { ...image, ...change } : image));
}

describe('Input that breaks a rule', () => {
  const badUrl = `ftp://${MARKER}.example.com/a.jpg`;
  const badOpts = `1,2:${MARKER}`;
  const cases: [string, SubmitInput, string[]][] = [
    ['no source image', oneFace({ sourceImage: [] }), ['sourceImage TOO_FEW_IMAGES']],
    ['no target image', oneFace({ targetImage: [] }), ['targetImage TOO_FEW_IMAGES']],
    [
      '51 source images',
      { sourceImage: images(51), targetImage: images(1) },
      ['sourceImage TOO_MANY_IMAGES'],
    ],
    [
      '51 target images',
      { sourceImage: images(1), targetImage: images(51) },
      ['targetImage TOO_MANY_IMAGES'],
    ],
    ...[badUrl, MARKER, `/${MARKER}.jpg`, `https://${MARKER} .com/`, `data:,${MARKER}`, ''].map(
      (path): [string, SubmitInput, string[]] => [
        `the address "${path}"`,
        oneFace({ sourceImage: [{ path }] }),
        ['sourceImage.0.path URL_INVALID'],
      ],
    ),
    [
      'an address at 49',
      { sourceImage: lastOne(images(50), { path: badUrl }), targetImage: images(1) },
      ['sourceImage.49.path URL_INVALID'],
    ],
    [
      'a target address at 49',
      { sourceImage: images(1), targetImage: lastOne(images(50), { path: badUrl }) },
      ['targetImage.49.path URL_INVALID'],
    ],
    ...[badOpts, '1,2', '1,2:3,4:5,6:7,8:9,10:11,12', '1;2:3,4:5,6:7,8', ' '].map(
      (opts): [string, SubmitInput, string[]] => [
        `the opts "${opts}"`,
        oneFace({ targetImage: [{ path: 'https://example.com/a.jpg', opts }] }),
        ['targetImage.0.opts OPTS_MALFORMED'],
      ],
    ),
    [
      'opts at 49',
      { sourceImage: images(1), targetImage: lastOne(images(50), { opts: badOpts }) },
      ['targetImage.49.opts OPTS_MALFORMED'],
    ],
    [
      'no opts on the one source of two targets',
      { sourceImage: images(1, null), targetImage: images(2) },
      ['sourceImage.0.opts OPTS_REQUIRED'],
    ],
    [
      'no opts at 49',
      { sourceImage: lastOne(images(50), { opts: null }), targetImage: images(1) },
      ['sourceImage.49.opts OPTS_REQUIRED'],
    ],
    [
      'no opts anywhere in a batch',
      { sourceImage: images(2, null), targetImage: images(1, null) },
      [
        'sourceImage.0.opts OPTS_REQUIRED',
        'sourceImage.1.opts OPTS_REQUIRED',
        'targetImage.0.opts OPTS_REQUIRED',
      ],
    ],
    ['an empty key', oneFace({ idempotencyKey: '' }), ['idempotencyKey IDEMPOTENCY_KEY_INVALID']],
    [
      'a key of 129 characters',
      oneFace({ idempotencyKey: MARKER.padEnd(129, 'k') }),
      ['idempotencyKey IDEMPOTENCY_KEY_INVALID'],
    ],
    [
      'a key with a line break',
      oneFace({ idempotencyKey: `${MARKER}\n` }),
      ['idempotencyKey IDEMPOTENCY_KEY_INVALID'],
    ],
    [
      'everything at once',
      {
        sourceImage: [],
        targetImage: lastOne(images(51), { path: badUrl, opts: badOpts }),
        idempotencyKey: `${MARKER}\u0000`,
      },
      [
        'idempotencyKey IDEMPOTENCY_KEY_INVALID',
        'sourceImage TOO_FEW_IMAGES',
        'targetImage TOO_MANY_IMAGES',
        'targetImage.50.opts OPTS_MALFORMED',
        'targetImage.50.path URL_INVALID',
      ],
    ],
  ];

  let bills: number;
  let newest: string | null;
  const newestCursor = async () =>
    (await dataOf(ask(gateway.url, JOBS, { first: 1 }))).jobs.pageInfo.startCursor;
  beforeEach(async () => {
    bills = gateway.sandbox.requests.pro;
    newest = await newestCursor();
  });

  it.each(cases)('is refused: %s', async (_name, input, expected) => {
    const answer = await ask(gateway.url, SUBMIT, { input });
    const error = await errorOf(Promise.resolve(answer));
    expect(error.extensions?.code).toBe('BAD_USER_INPUT');
    expect(told(error.extensions?.fieldErrors)).toEqual(expected);
    for (const { message } of error.extensions?.fieldErrors ?? []) expect(message).toMatch(/\w{3,}/);
    expect(answer.text).not.toContain(MARKER);
    expect(gateway.sandbox.requests.pro).toBe(bills);
    expect(await newestCursor()).toBe(newest);
  });

  it('is refused in literals as in variables', async () => {
    const error = await errorOf(
      ask(
        gateway.url,
        `mutation { submitFaceSwap(input: {
          sourceImage: [{ path: "${badUrl}" }], targetImage: [{ path: "https://example.com/a.jpg", opts: "${badOpts}" }]
        }) { job { id } } }`,
      ),
    );
    expect(told(error.extensions?.fieldErrors)).toEqual([
      'sourceImage.0.path URL_INVALID',
      'targetImage.0.opts OPTS_MALFORMED',
    ]);
    expect(JSON.stringify(error)).not.toContain(MARKER);
  });

  it('is refused by GraphQL itself without repeating the value', async () => {
    const wrongTypes: unknown[] = [
      { ...oneFace(), faceEnhance: MARKER },
      { ...oneFace(), modelName: MARKER },
      { ...oneFace(), sourceImage: [{ path: { [MARKER]: 1 } }] },
      { ...oneFace(), sourceImage: [{ path: 'https://example.com/a.jpg', opts: [MARKER, MARKER] }] },
    ];
    for (const input of wrongTypes) {
      const answer = await ask(gateway.url, SUBMIT, { input: input as SubmitInput });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.body.errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT');
      expect(answer.text.replaceAll(`"input.${MARKER}"`, '')).not.toContain(`"${MARKER}`);
    }
    expect(gateway.sandbox.requests.pro).toBe(bills);
  });

  function told(fieldErrors: readonly FieldError[] = []): string[] {
    return fieldErrors.map(({ path, code }) => `${path.replace(/^input\./, '')} ${code}`).sort();
  }
});

describe('Input that is good', () => {
  const page = readFileSync(new URL('../fixtures/akool/face-swap-pro.txt', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^\{\n {2}"sourceImage"[\s\S]*?^\}/gm)].map(
    ([text]): Example => JSON.parse(text),
  );

  it('finds the examples of the page', () => {
    expect(examples).toHaveLength(4);
  });

  it.each(upTo(4))('reaches Akool as example %i of its page has it', async (nth) => {
    const example = examples[nth - 1];
    if (example === undefined) throw new Error('There is no such example');
    const { sourceImage, targetImage, face_enhance, single_face_mode } = example;
    const job = await submit(gateway.url, {
      sourceImage,
      targetImage,
      ...(face_enhance !== undefined && { faceEnhance: face_enhance }),
      ...(single_face_mode !== undefined && { singleFaceMode: single_face_mode }),
    });
    expect(['QUEUED', 'PROCESSING', 'COMPLETED']).toContain(job.status);
    const bill = gateway.sandbox.bills.find(({ providerId }) => providerId === job.providerId);
    expect(bill?.request).toEqual({
      face_enhance: false,
      single_face_mode: false,
      ...example,
      webhookUrl: expect.stringMatching(new RegExp(`^${gateway.url}/webhooks/akool/[\\w-]{32,}$`)),
    });
  });

  it('may have 50 images on each side, and null where nothing is said', async () => {
    const job = await submit(gateway.url, { sourceImage: images(50), targetImage: images(50) });
    expect(job.providerId).not.toBeNull();
    const single = await submit(gateway.url, {
      ...oneFace({ sourceImage: [{ path: 'https://example.com/a.jpg', opts: null }] }),
      idempotencyKey: null as unknown as string,
    });
    expect(single.providerId).not.toBeNull();
    const bill = gateway.sandbox.bills.find(({ providerId }) => providerId === single.providerId);
    expect(bill?.request['sourceImage']).toEqual([{ path: 'https://example.com/a.jpg' }]);
  });

  it('may come as literals', async () => {
    const { submitFaceSwap } = await dataOf(
      ask<{ submitFaceSwap: { job: Record<string, unknown> } }, never>(
        gateway.url,
        `mutation { submitFaceSwap(input: {
          sourceImage: [{ path: "https://example.com/a.jpg" }]
          targetImage: [{ path: "https://example.com/b.jpg" }]
          modelName: AKOOL_FACESWAP_IMAGE_HQ
        }) { job { id modelName faceEnhance sourceImage { path opts } } } }`,
      ),
    );
    expect(submitFaceSwap.job).toEqual({
      id: expect.any(String),
      modelName: 'AKOOL_FACESWAP_IMAGE_HQ',
      faceEnhance: false,
      sourceImage: [{ path: 'https://example.com/a.jpg', opts: null }],
    });
  });

  interface Example {
    sourceImage: Image[];
    targetImage: Image[];
    face_enhance?: boolean;
    single_face_mode?: boolean;
  }
});

describe('The answer of the mutation', () => {
  it('carries QUEUED and the provider id in the usual case', async () => {
    const gate = gateway.sandbox.hold('webhook');
    const job = await submit(gateway.url);
    gate.release();
    expect(job).toMatchObject({
      status: 'QUEUED',
      version: 3,
      error: null,
      result: null,
      queuePosition: null,
    });
    expect(gateway.sandbox.bills.at(-1)?.providerId).toBe(job.providerId);
    expect(job.providerJobId).not.toBeNull();
  });

  it.each([
    [1003, 'INVALID_PARAMETERS'],
    [1007, 'TOO_MANY_FACES'],
    [1008, 'CONTENT_NOT_FOUND'],
    [1009, 'NOT_ALLOWED'],
    [1010, 'NOT_ALLOWED'],
    [1011, 'NOT_ALLOWED'],
    [1014, 'CONTENT_NOT_FOUND'],
    [1015, 'GENERATION_FAILED'],
    [1016, 'GENERATION_FAILED'],
    [1108, 'GENERATION_FAILED'],
    [1204, 'MEDIA_UNSUPPORTED'],
    [1207, 'MEDIA_UNSUPPORTED'],
    [1208, 'MEDIA_UNSUPPORTED'],
    [1209, 'MEDIA_UNSUPPORTED'],
    [1210, 'MEDIA_UNSUPPORTED'],
    [1777, 'PROVIDER_ERROR'],
  ] as const)(
    "is FAILED with the reason for Akool's %i, which is about the job",
    async (providerCode, code) => {
      const bills = gateway.sandbox.bills.length;
      const job = await submit(
        gateway.url,
        oneFace({}, `?sandbox-fault=refuse&sandbox-code=${providerCode}`),
      );
      expect(job).toMatchObject({
        status: 'FAILED',
        providerId: null,
        result: null,
        error: {
          ...{ code, providerCode, retryable: false, message: expect.stringMatching(/\w+/) },
          ...USER_MESSAGES[code],
        },
      });
      expect(job.finishedAt).not.toBeNull();
      expect(gateway.sandbox.bills.length).toBe(bills);
    },
  );

  it('is the same job for the same idempotency key, however many ask at once: one bill', async () => {
    const bills = gateway.sandbox.bills.length;
    const input = oneFace({ idempotencyKey: 'order 66/~ok' });
    const answers = await Promise.all(upTo(50).map(() => dataOf(ask(gateway.url, SUBMIT, { input }))));
    expect(new Set(answers.map(({ submitFaceSwap }) => submitFaceSwap.job.id)).size).toBe(1);
    expect(answers.filter(({ submitFaceSwap }) => !submitFaceSwap.deduplicated)).toHaveLength(1);
    expect(gateway.sandbox.bills.length).toBe(bills + 1);

    const other = await errorOf(ask(gateway.url, SUBMIT, { input: { ...input, faceEnhance: true } }));
    expect(other.extensions?.code).toBe('IDEMPOTENCY_CONFLICT');
    // Explicit defaults and omitted ones are the same input.
    const same = await dataOf(ask(gateway.url, SUBMIT, { input: { ...input, faceEnhance: false } }));
    expect(same.submitFaceSwap.deduplicated).toBe(true);
    expect(gateway.sandbox.bills.length).toBe(bills + 1);
  });
});

describe('Reading', () => {
  it('gives null for a job that is not there, and NOT_FOUND for taking it back', async () => {
    expect(await dataOf(ask(gateway.url, JOB, { id: 'nobody' }))).toEqual({ job: null });
    expect((await errorOf(ask(gateway.url, CANCEL, { id: 'nobody' }))).extensions?.code).toBe('NOT_FOUND');
  });

  it('takes a job back only while it waits', async () => {
    const { id } = await submit(gateway.url);
    expect((await errorOf(ask(gateway.url, CANCEL, { id }))).extensions?.code).toBe('CONFLICT');
  });

  it('pages through all jobs, newest first, forward and backward alike', async () => {
    const ids: string[] = [];
    for (const n of upTo(7)) ids.unshift((await submit(gateway.url, oneFace({}, `?page=${n}`))).id);
    const { createdAt } = await lookUp(gateway.url, ids.at(-1) ?? '');
    const filter = { createdAfter: new Date(Date.parse(createdAt) - 1).toISOString() };

    const forward: string[] = [];
    let after: string | null = null;
    for (;;) {
      const { jobs }: { jobs: Page } = await dataOf(ask(gateway.url, JOBS, { first: 3, after, filter }));
      expect(jobs.pageInfo.hasPreviousPage).toBe(after !== null);
      forward.push(...jobs.edges.map(({ node }) => node.id));
      after = jobs.pageInfo.endCursor;
      if (!jobs.pageInfo.hasNextPage) break;
    }
    expect(forward).toEqual(ids);

    const backward: string[] = [];
    let before: string | null = null;
    for (;;) {
      const { jobs }: { jobs: Page } = await dataOf(ask(gateway.url, JOBS, { last: 3, before, filter }));
      expect(jobs.pageInfo.hasNextPage).toBe(before !== null);
      backward.unshift(...jobs.edges.map(({ node }) => node.id));
      before = jobs.pageInfo.startCursor;
      if (!jobs.pageInfo.hasPreviousPage) break;
    }
    expect(backward).toEqual(ids);

    for (const variables of [
      { first: 0 },
      { first: 101 },
      { last: -1 },
      { first: 1, last: 1 },
      { after: '?' },
    ]) {
      const { extensions } = await errorOf(ask(gateway.url, JOBS, variables));
      expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fieldErrors: [expect.anything()] });
    }
    const none = await dataOf(ask(gateway.url, JOBS, { filter: { ...filter, status: ['CANCELED'] } }));
    expect(none.jobs.edges).toEqual([]);
  });

  it('describes itself: what is not null in the contract is not null here', async () => {
    const { __type } = await dataOf(
      ask<{ __type: { fields: { name: string; type: { kind: string } }[] } }, never>(
        gateway.url,
        '{ __type(name: "FaceSwapJob") { fields { name type { kind } } } }',
      ),
    );
    const nullable = __type.fields.filter(({ type }) => type.kind !== 'NON_NULL').map(({ name }) => name);
    expect(nullable.sort()).toEqual([
      'error',
      'finishedAt',
      'metadata',
      'providerId',
      'providerJobId',
      'queuePosition',
      'reference',
      'result',
      'waitingReason',
    ]);
  });
});
