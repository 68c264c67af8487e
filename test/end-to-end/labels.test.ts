/** What callers attach to their jobs, `reference` and `metadata`: given back as it came, to its tenant alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { oneFace } from '../support/caller.js';
import { DOORS, type Door, knock, type Reply, type Request } from '../support/doors.js';
import { recordedLog, startGateway, type TestGateway, withMethods } from '../support/harness.js';

const KEY = 'acme-key-6f1f2c9d7a';
/** Part of every label, so that it can be searched for. */
const MARKER = 'xyzzy-7731';
const REFERENCE = `${MARKER} Größe 👩‍👩‍👧`;
/** In an order of its own, and with an escaped half of a surrogate pair. */
const METADATA = `{"z":{"b":[1,-0.5,1e-7,true,null,""],"a":{}},"note":"${MARKER} 👍🏽\\u0000\\ud83d","constructor":7,"toJSON":"x","9007199254740993":9007199254740991}`;
const AS_KEPT = JSON.stringify(JSON.parse(METADATA));

const LABELS = 'reference metadata';
const PRO = `mutation ($input: SubmitFaceSwapInput!) { submit: submitFaceSwap(input: $input) { deduplicated job { id ${LABELS} } } }`;
const PLUS = `mutation ($input: SubmitFaceSwapPlusInput!) { submit: submitFaceSwapPlus(input: $input) { deduplicated job { id ${LABELS} } } }`;

const { log, lines } = recordedLog('trace');
let gateway: TestGateway;
/** The ids of each read of stored metadata. */
let reads: (readonly string[])[];

beforeAll(async () => {
  gateway = await startGateway({
    env: { DISPATCH: 'paused', SUBMIT_WAIT_MS: '0', AUTH_API_KEYS: `acme:${KEY},globex:globex-key-90c2b1e5` },
    overrides: {
      log,
      wrapStore: (store) =>
        withMethods(store, {
          metadata: (ids) => {
            reads.push(ids);
            return store.metadata(ids);
          },
        }),
    },
  });
});
afterAll(() => gateway.stop());
beforeEach(() => {
  reads = [];
});

function ask(request: Request, { door = 'http' as Door, bearer = KEY } = {}): Promise<Reply> {
  return knock(door, gateway.url, request, bearer);
}

const pro = (labels: object): object => ({ ...oneFace(), ...labels });
const plus = (labels: object): object => ({
  sourceUrl: 'https://example.com/a.jpg',
  targetUrl: 'https://example.com/b.jpg',
  singleFaceMode: true,
  ...labels,
});
const both = { reference: REFERENCE, metadata: JSON.parse(METADATA) as object };

interface Labelled {
  readonly id: string;
  readonly reference: string | null;
  readonly metadata: unknown;
}

async function submitted(query: string, input: object): Promise<Labelled & { deduplicated: boolean }> {
  const { data, errors } = await ask({ query, variables: { input } });
  expect(errors).toEqual([]);
  const { submit } = data as { submit: { job: Labelled; deduplicated: boolean } };
  return { ...submit.job, deduplicated: submit.deduplicated };
}

/** With the order of its members, which `toEqual` does not compare. */
function expectBoth({ reference, metadata }: Labelled): void {
  expect(reference).toBe(REFERENCE);
  expect(JSON.stringify(metadata)).toBe(AS_KEPT);
}

describe.each([
  ['Face Swap Pro', PRO, pro],
  ['Face Swap Plus', PLUS, plus],
])('of %s', (_name, query, input) => {
  it('are in the answer of the submit, without a read, and wherever the job is', async () => {
    const job = await submitted(query, input(both));
    expectBoth(job);
    expect(reads).toEqual([]);
    const { data } = await ask({
      query: `query ($id: ID!) {
        job(id: $id) { id ${LABELS} }
        node(id: $id) { id ... on Job { ${LABELS} } }
        jobs(first: 1) { edges { node { id ${LABELS} } } }
      }`,
      variables: { id: job.id },
    });
    const found = data as { job: Labelled; node: Labelled; jobs: { edges: { node: Labelled }[] } };
    for (const one of [found.job, found.node, found.jobs.edges[0]?.node]) {
      expect(one?.id).toBe(job.id);
      expectBoth(one as Labelled);
    }
  });

  it('stay those of the first submit with a key, and are no part of what it stands for', async () => {
    const idempotencyKey = `key of ${_name}`;
    const first = await submitted(query, input({ ...both, idempotencyKey }));
    expect(first.deduplicated).toBe(false);
    for (const labels of [{ reference: 'other', metadata: { other: 1 } }, {}, both]) {
      const again = await submitted(query, input({ ...labels, idempotencyKey }));
      expect(again).toMatchObject({ id: first.id, deduplicated: true });
      expectBoth(again);
    }
  });

  it.each([{}, { reference: null, metadata: null }])('are null where none are given: %j', async (labels) => {
    const { id, ...job } = await submitted(query, input(labels));
    expect(job).toEqual({ reference: null, metadata: null, deduplicated: false });
    const { data } = await ask({ query: `{ job(id: "${id}") { ${LABELS} } }` });
    expect(data).toEqual({ job: { reference: null, metadata: null } });
    expect(reads).toEqual([]);
  });

  it.each<[string, object, string[]]>([
    ['an empty reference', { reference: '' }, ['REFERENCE_INVALID']],
    ['a reference of 257 characters', { reference: `${MARKER}${'👍'.repeat(247)}` }, ['REFERENCE_INVALID']],
    ...['\0', '\n', '\x7f', '\u0085', '\ud83d'].map((bad): [string, object, string[]] => [
      `a reference with ${JSON.stringify(bad)}`,
      { reference: `${MARKER}${bad}` },
      ['REFERENCE_INVALID'],
    ]),
    ...[[], [{ a: MARKER }], MARKER, 7, true].map((metadata): [string, object, string[]] => [
      `the metadata ${JSON.stringify(metadata)}`,
      { metadata },
      ['METADATA_INVALID must be a JSON object, like {"album": 7}'],
    ]),
    [
      'metadata of 4097 bytes',
      { metadata: { a: `é${'x'.repeat(4097 - 10)}` } },
      ['METADATA_INVALID must have at most 4096 bytes, as JSON in UTF-8'],
    ],
    [
      'metadata of many levels',
      { metadata: JSON.parse(`${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`) },
      ['METADATA_INVALID must have at most 4096 bytes, as JSON in UTF-8'],
    ],
    [
      'every rule at once',
      { reference: '', metadata: 'no object', idempotencyKey: '' },
      ['IDEMPOTENCY_KEY_INVALID', 'REFERENCE_INVALID', 'METADATA_INVALID'],
    ],
  ])('are refused by name, and not quoted: %s', async (_case, labels, rules) => {
    const { errors, data, text } = await ask({ query, variables: { input: input(labels) } });
    expect(data).toBeNull();
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    const found = errors[0]?.extensions?.fieldErrors?.map(({ code, message }) => `${code} ${message}`) ?? [];
    expect(found).toEqual(rules.map((rule) => expect.stringMatching(`^${rule.replace(/[{}]/g, '\\$&')}`)));
    expect(text).not.toContain(MARKER);
  });

  it('have at most 256 characters and 4096 bytes, and may have as many', async () => {
    const labels = { reference: '👍'.repeat(256), metadata: { a: `é${'x'.repeat(4096 - 10)}` } };
    expect(Buffer.byteLength(JSON.stringify(labels.metadata))).toBe(4096);
    expect(await submitted(query, input(labels))).toMatchObject(labels);
  });
});

it('of a wrong field are told together with what is wrong with the others', async () => {
  const input = { sourceImage: [], targetImage: [{ path: 'no address' }], reference: '\n', metadata: [] };
  const { errors } = await ask({ query: PRO, variables: { input } });
  expect(errors[0]?.extensions?.fieldErrors?.map(({ path, code }) => `${path} ${code}`)).toEqual([
    'input.sourceImage TOO_FEW_IMAGES',
    'input.reference REFERENCE_INVALID',
    'input.metadata METADATA_INVALID',
    'input.targetImage.0.path URL_INVALID',
  ]);
});

describe('metadata written into the document', () => {
  const faces = 'sourceImage: [{ path: "https://a.example" }], targetImage: [{ path: "https://b.example" }]';
  const write = (metadata: string) =>
    `submit: submitFaceSwap(input: { ${faces}, metadata: ${metadata} }) { job { metadata } }`;

  it('is what it would be as JSON, with variables in it and enum values as strings', async () => {
    const metadata = '{ b: [$x, 1.5, RED], a: { __proto__: { c: null } }, d: $none }';
    const query = `mutation ($x: Int, $none: Int) { ${write(metadata)} }`;
    const { text, errors } = await ask({ query, variables: { x: 7 } });
    expect(errors).toEqual([]);
    expect(text).toContain('"metadata":{"b":[7,1.5,"RED"],"a":{"__proto__":{"c":null}}}');
  });

  it.each([
    ['[1]', 'must be a JSON object, like {"album": 7}'],
    ['"text"', 'must be a JSON object, like {"album": 7}'],
    ['{ a: [1e999] }', 'must have no numbers above 1.7976931348623157e308: pass them as strings'],
  ])('is refused by the same rules: %s', async (metadata, message) => {
    const { errors } = await ask({ query: `mutation { ${write(metadata)} }` });
    expect(errors[0]?.extensions?.fieldErrors).toEqual([
      { path: 'input.metadata', code: 'METADATA_INVALID', message },
    ]);
  });
});

it('a member `__proto__` in variables, which bodies may not have, is one like others over a socket', async () => {
  const metadata: unknown = JSON.parse('{"__proto__":{"polluted":1},"a":1}');
  const { data, text } = await ask(
    { query: PRO, variables: { input: pro({ metadata }) } },
    { door: 'socket' },
  );
  expect(text).toContain('"metadata":{"__proto__":{"polluted":1},"a":1}');
  const { job } = (data as { submit: { job: Labelled } }).submit;
  const read = await ask({ query: `{ job(id: "${job.id}") { metadata } }` });
  expect(read.text).toContain('"metadata":{"__proto__":{"polluted":1},"a":1}');
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
});

describe('jobs of a reference', () => {
  const query = `query ($first: Int, $after: String, $filter: JobFilter) {
    jobs(first: $first, after: $after, filter: $filter) { edges { node { id } } pageInfo { hasNextPage endCursor } }
  }`;

  async function list(variables: Record<string, unknown>, bearer = KEY) {
    const { data, errors } = await ask({ query, variables }, { bearer });
    expect(errors).toEqual([]);
    const { jobs } = data as {
      jobs: { edges: { node: { id: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    };
    return { ids: jobs.edges.map(({ node }) => node.id), ...jobs.pageInfo };
  }

  it('are found page by page, in one status or in all, and not by others', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      await submitted(PRO, pro({ reference: `order 6${n}` }));
      ids.unshift((await submitted(n % 2 ? PRO : PLUS, (n % 2 ? pro : plus)({ reference: 'order 66' }))).id);
    }
    const filter = { reference: 'order 66' };
    const first = await list({ first: 3, filter });
    expect(first).toMatchObject({ ids: ids.slice(0, 3), hasNextPage: true });
    const rest = await list({ first: 3, filter, after: first.endCursor });
    expect(rest).toMatchObject({ ids: ids.slice(3), hasNextPage: false });

    const { errors } = await ask({ query: `mutation { cancelJob(id: "${ids[2]}") { id } }` });
    expect(errors).toEqual([]);
    expect((await list({ filter: { ...filter, status: ['CANCELED'] } })).ids).toEqual([ids[2]]);
    expect((await list({ filter: { ...filter, status: ['CANCELED', 'WAITING'] } })).ids).toEqual(ids);
    expect((await list({ filter: { ...filter, createdBefore: '2020-01-01T00:00:00Z' } })).ids).toEqual([]);
    for (const reference of ['order 6', 'Order 66', '', 'order 66\0', '\ud83d']) {
      expect((await list({ filter: { reference } })).ids).toEqual([]);
    }
    expect((await list({ filter }, 'globex-key-90c2b1e5')).ids).toEqual([]);
  });
});

it.each(DOORS)('labels are read once for all jobs of a query, by %s', async (door) => {
  for (const n of [1, 2, 3]) await submitted(PRO, pro({ metadata: { n } }));
  const nodes = 'jobs(first: 3) { edges { node { metadata again: metadata } } }';
  const { data, errors } = await ask({ query: `{ a: ${nodes} b: ${nodes} }` }, { door });
  expect(errors).toEqual([]);
  const shown = { edges: [3, 2, 1].map((n) => ({ node: { metadata: { n }, again: { n } } })) };
  expect(data).toEqual({ a: shown, b: shown });
  expect(reads.map((ids) => ids.length)).toEqual([3]);
});

it('a follow token shows neither, and followers with the key see both', async () => {
  const { id } = await submitted(PRO, pro(both));
  const { data } = await ask({ query: `mutation { createFollowToken(jobId: "${id}") { token } }` });
  const { token } = (data as { createFollowToken: { token: string } }).createFollowToken;
  const operations = [
    `{ job(id: "${id}") { id ${LABELS} } }`,
    `{ job: node(id: "${id}") { id ... on Job { ${LABELS} } } }`,
    `subscription { job: jobUpdated(id: "${id}") { id ${LABELS} } }`,
  ];
  for (const query of operations) {
    const door = query.startsWith('subscription') ? 'socket' : 'http';
    const hidden = await ask({ query }, { door, bearer: token });
    expect(hidden.data).toEqual({ job: { id, reference: null, metadata: null } });
    expectBoth((await ask({ query }, { door })).data?.['job'] as Labelled);
  }
});

it('both are gone with the job', async () => {
  const { id } = await submitted(PRO, pro({ reference: 'to be erased', metadata: {} }));
  for (const what of ['cancelJob(id: $id) { id }', 'deleteJob(id: $id)']) {
    const { errors } = await ask({ query: `mutation ($id: ID!) { ${what} }`, variables: { id } });
    expect(errors).toEqual([]);
  }
  const { data } = await ask({
    query: `{ job(id: "${id}") { ${LABELS} } jobs(filter: { reference: "to be erased" }) { edges { node { id } } } }`,
  });
  expect(data).toEqual({ job: null, jobs: { edges: [] } });
});

it('neither is logged', () => {
  expect(lines.length).toBeGreaterThan(0);
  expect(JSON.stringify(lines)).not.toContain(MARKER);
});
