/** Operations that ask for too much are refused before they cost anything, over every protocol. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getIntrospectionQuery, parse, print } from 'graphql';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { bareSocket, DOORS, knock, outcomeOf, type Request } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { JOB_FIELDS } from '../support/operations.js';

const times = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(' ');
const REF = 'kind name ofType { kind name ofType { kind name } }';
const IMAGE = (length: number) =>
  `{ path: "https://example.com/${'x'.repeat(length)}.jpg", opts: "1,2:3,4:5,6:7,8" }`;

/** Each has the most expensive size that still fits into a request. */
const HOSTILE: Record<string, Request> = {
  deep: { query: `${'{ job '.repeat(1300)}${'}'.repeat(1300)}` },
  'deep inline fragments': { query: `{ ${'... { '.repeat(1300)} __typename ${'}'.repeat(1300)} }` },
  'deep lists': { query: `{ job(id: ${'['.repeat(1900)}${']'.repeat(1900)}) { id } }` },
  'deep types': { query: `query ($x: ${'['.repeat(1900)}Int${']'.repeat(1900)}) { __typename }` },
  wide: { query: `{ ${'__typename '.repeat(3900)} }` },
  aliased: { query: `{ ${times(600, (i) => `a${i}: job(id: "1") { id }`)} }`.slice(0, 20_000) },
  'aliased mutations': { query: `mutation { ${times(51, (i) => `a${i}: deleteJob(id: "1")`)} }` },
  'aliased pages': {
    query: `{ ${times(25, (i) => `a${i}: jobs(first: 100) { edges { node { history { note } } } }`)} }`,
  },
  'pages of pictures': {
    query: `{ ${times(10, (i) => `a${i}: jobs(first: 100) { edges { node { ... on FaceSwapJob { sourceImage { path } } } } }`)} }`,
  },
  'fields that are the same': { query: `{ ${'job(id: "1") { id } '.repeat(360)} }` },
  'fields that are the same, in a fragment nobody uses': {
    query: `{ __typename } fragment F on Query { ${'account { credit } '.repeat(980)} }`,
  },
  'circular fragments': {
    query: `{ ...A } ${times(400, (i) => `fragment A${i || ''} on Query { ...A${(i + 1) % 400 || ''} }`)}`,
  },
  'a fragment of itself': { query: '{ ...A } fragment A on Query { ...A }' },
  'exponential fragments': {
    query: `{ ...F0 } ${times(90, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)} fragment F90 on Query { __typename }`,
  },
  'a staircase of fragments': {
    query: `{ ...F0 } ${times(250, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 2} __typename }`)}`,
  },
  'many fragments': {
    query: `{ ${times(400, (i) => `...F${i}`)} } ${times(300, (i) => `fragment F${i} on Query { __typename }`)}`,
  },
  'a huge text': { query: `{ job(id: "${'x'.repeat(900_000)}") { id } }` },
  'a huge block text': { query: `{ job(id: """${'x\n'.repeat(300_000)}""") { id } }` },
  'a huge number': { query: `{ jobs(first: ${'9'.repeat(900_000)}) { edges { cursor } } }` },
  'a huge comment': { query: `{ __typename } #${'x'.repeat(900_000)}` },
  'many comments': { query: `{ __typename } ${'#\n'.repeat(300_000)}` },
  'many lines': { query: `{ ${'\n'.repeat(400_000)} ${times(20, (i) => `unknownField${i}`)} }` },
  'many lines of another kind': { query: `{ ${'\r'.repeat(10_000)} __typename }` },
  'unknown fields after a long text': {
    query: `{ job(id: "${'x'.repeat(500_000)}") { id } ${times(20, (i) => `unknownField${i}`)} }`,
  },
  'many tokens': { query: `{ job(id: [${'1 '.repeat(5000)}]) { id } }` },
  'many directives': { query: `{ __typename ${'@skip(if: false) '.repeat(560)} }` },
  'many unknown directives': { query: `{ __typename ${'@a '.repeat(1900)} }` },
  'many operations': { query: times(500, (i) => `query Q${i} { __typename }`), operationName: 'Q1' },
  'many variables': { query: `query (${times(900, (i) => `$v${i}: Int`)}) { __typename }` },
  'many arguments': { query: `{ job(${times(1200, (i) => `a${i}: 1`)}) { id } }` },
  'many unknown fields': { query: `{ ${times(499, (i) => `unknownField${i}`)} }` },
  'a long list in a variable': {
    query: 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }',
    variables: { input: { sourceImage: Array(5500).fill({ path: 'x' }), targetImage: [] } },
  },
  'many wrong values in a variable': {
    query: 'query ($status: [JobStatus!]) { jobs(filter: { status: $status }) { edges { cursor } } }',
    variables: { status: Array(11_000).fill('NONE') },
  },
  'deep variables': {
    query: 'query ($f: JobFilter) { jobs(filter: $f) { edges { cursor } } }',
    variables: { f: JSON.parse(`${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`) },
  },
  'an introspection bomb, deep': {
    query:
      '{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }',
  },
  'an introspection bomb, wide': {
    query: `{ ${times(50, (i) => `a${i}: __schema { types { fields { type { ${REF} } } } }`)} }`,
  },
};

/** Everything about 100 jobs, with a `__typename` in every selection, as clients with a cache request it. */
const WHOLE_PAGE =
  `query ($first: Int) { jobs(first: $first) { pageInfo { hasNextPage endCursor } edges { cursor node {
  ...JobFields ... on FaceSwapPlusJob { sourceUrl targetUrl modelStyle faceEnhance singleFaceMode
  faceMapping { source { faceUrl bbox } target { faceUrl bbox } } } } } } } ${JOB_FIELDS}`
    .replaceAll('{', '{ __typename ')
    .replace('{ __typename ', '{ ');

const COME_AGAIN = ['429', '1013', 'RATE_LIMITED'];

/** Retries requests that exceed a per-second limit, as clients do. */
async function heard<Answer>(
  send: () => Promise<Answer>,
  outcome: (answer: Answer) => string,
): Promise<Answer> {
  return await vi.waitFor(
    async () => {
      const answer = await send();
      expect(COME_AGAIN).not.toContain(outcome(answer));
      return answer;
    },
    { timeout: 10_000, interval: 250 },
  );
}

/** Milliseconds of CPU per request, including the client's work: the minimum of several. */
async function costOf(url: string, bodies: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (const body of bodies) {
    const { user, system } = await heard(
      async () => {
        const before = process.cpuUsage();
        const response = await fetch(`${url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        await response.text();
        return { ...process.cpuUsage(before), status: response.status };
      },
      ({ status }) => String(status),
    );
    times.push((user + system) / 1000);
  }
  return Math.min(...times);
}

describe('A hostile operation', () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway();
    // Compilation at first use must not be measured.
    for (const door of DOORS) await knock(door, gateway.url, { query: '{ nothing }' }, null);
  });
  afterAll(async () => {
    await gateway.stop();
  });

  it.each(Object.entries(HOSTILE))(
    'is refused with a clear error through every door: %s',
    async (_kind, request) => {
      for (const door of DOORS) {
        const reply = await heard(() => knock(door, gateway.url, request, null), outcomeOf);
        expect([door, reply.closed, reply.data]).toEqual([door, null, null]);
        expect(reply.errors.length).toBeGreaterThan(0);
        expect(reply.errors.length).toBeLessThanOrEqual(50);
        for (const error of reply.errors) {
          expect(error.extensions?.code).toMatch(
            /^(GRAPHQL_VALIDATION_FAILED|GRAPHQL_PARSE_FAILED|BAD_USER_INPUT)$/,
          );
          expect(error.message.length).toBeLessThan(300);
        }
        if (door === 'http' && !request.variables) expect(reply.status).toBe(400);
      }
    },
  );

  it.each(Object.entries(HOSTILE))(
    'costs at most 25 times what its bytes do, whether it comes once or often: %s',
    async (_kind, request) => {
      const ROUNDS = [1, 2, 3, 4, 5];
      const body = JSON.stringify(request);
      // Never the same text twice, so that no cache applies.
      const hostile = ROUNDS.map((i) => body.replace('"query":"', `"query":"#${i}${performance.now()}\\n`));
      // The same number of bytes to send, receive and parse, with almost nothing to execute.
      const harmless = ROUNDS.map((i) =>
        JSON.stringify({ query: `{ a${i}: __typename }`, extensions: { pad: 'x'.repeat(body.length) } }),
      );
      const most = 25 * (await costOf(gateway.url, harmless));
      expect(await costOf(gateway.url, hostile)).toBeLessThan(most);
    },
  );

  it('is told from a large one that is meant: the query of tools, and 100 pictures written out', async () => {
    const tools = await knock('http', gateway.url, { query: getIntrospectionQuery() }, null);
    expect(tools.errors).toEqual([]);
    const options = {
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    };
    expect(
      (await knock('http', gateway.url, { query: getIntrospectionQuery(options) }, null)).errors,
    ).toEqual([]);
    expect((await knock('http', gateway.url, { query: WHOLE_PAGE }, null)).errors).toEqual([]);
    const images = `[${Array(50).fill(IMAGE(4000)).join(', ')}]`;
    const query = `mutation { submitFaceSwap(input: { sourceImage: ${images}, targetImage: ${images} }) { job { id status } } }`;
    const { data, errors } = await knock('http', gateway.url, { query }, null);
    expect([errors, data]).toEqual([
      [],
      { submitFaceSwap: { job: { id: expect.any(String), status: 'QUEUED' } } },
    ]);
  });

  it.each(DOORS)('is told by %s where it is wrong, however its lines end', async (door) => {
    const lines = ['# one', '', 'query {', '  a: jobs(first: 0) { edges { cursor } }', '}'];
    for (const end of ['\n', '\r\n', '\r']) {
      const run = await knock(door, gateway.url, { query: lines.join(end) }, null);
      expect(run.errors).toMatchObject([{ path: ['a'], locations: [{ line: 4, column: 3 }] }]);
      const read = await knock(
        door,
        gateway.url,
        { query: lines.join(end).replace('cursor', 'nothing') },
        null,
      );
      expect(read.errors).toMatchObject([{ locations: [{ line: 4, column: 31 }] }]);
    }
  });

  it('is told from one of 10,000 lines, and says how many there may be', async () => {
    const lines = (count: number) => ({ query: `{ __typename }${'\r\n'.repeat(count - 1)}` });
    expect((await knock('http', gateway.url, lines(10_000), null)).errors).toEqual([]);
    expect((await knock('http', gateway.url, lines(10_001), null)).errors).toMatchObject([
      { message: 'The query is too large: its text is over the limit of 10000 lines.' },
    ]);
  });

  it('is not let in by being one of a batch, in place of a document, or too long', async () => {
    const post = (body: string) =>
      fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    const batch = await post(JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]));
    expect([batch.status, await batch.json()]).toMatchObject([
      400,
      { errors: [{ extensions: { code: 'BAD_REQUEST' } }] },
    ]);
    const long = await post(
      JSON.stringify({ query: '{ __typename }', extensions: { a: 'x'.repeat(8 * 1024 * 1024) } }),
    );
    expect([long.status, await long.json()]).toEqual([
      413,
      { errors: [{ message: 'Payload Too Large', extensions: { code: 'BAD_REQUEST' } }] },
    ]);
  });
});

describe('A tenant', () => {
  let gateway: TestGateway;
  afterEach(async () => {
    await gateway.stop();
  });

  const KEYS = { AUTH_API_KEYS: 'acme:acme-key,globex:globex-key' };

  it.each(DOORS)(
    'has so many queries and mutations a minute, each alias and fragment counted, by %s',
    async (door) => {
      gateway = await startGateway({
        env: { ...KEYS, RATE_MUTATIONS_PER_MINUTE: '4', RATE_QUERIES_PER_MINUTE: '4' },
      });
      const ask = (query: string, bearer = 'acme-key') => knock(door, gateway.url, { query }, bearer);
      const remove = (i: number) => `a${i}: deleteJob(id: "1")`;
      const nested = `mutation { ...F ... on Mutation { ${remove(0)} ${remove(1)} } } fragment F on Mutation { ${remove(2)} }`;
      expect((await ask(nested)).errors[0]?.extensions?.code).toBe('NOT_FOUND');
      const refused = await ask(`mutation { ${remove(0)} ${remove(1)} }`);
      expect(refused.errors).toEqual([
        {
          message: expect.stringMatching(/^Too many mutations; try again in \d+ s\.$/),
          extensions: { code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) },
        },
      ]);
      if (door !== 'socket') {
        expect(refused.status).toBe(429);
        const { retryAfterSeconds } = (refused.errors[0]?.extensions ?? {}) as { retryAfterSeconds?: number };
        expect(refused.headers.get('retry-after')).toBe(String(retryAfterSeconds));
        expect(retryAfterSeconds).toBeGreaterThan(0);
        expect(retryAfterSeconds).toBeLessThanOrEqual(60);
      }
      // Queries are counted separately, and so are other tenants.
      expect((await ask('{ a: __typename b: __typename c: __typename }')).errors).toEqual([]);
      expect((await ask('{ a: __typename b: __typename }')).errors[0]?.message).toMatch(/^Too many queries/);
      expect((await ask(`mutation { ${remove(0)} }`, 'globex-key')).errors[0]?.extensions?.code).toBe(
        'NOT_FOUND',
      );
    },
  );

  it('shares no allowance with those who follow its jobs in a browser', async () => {
    gateway = await startGateway({ env: { ...KEYS, RATE_QUERIES_PER_MINUTE: '3' } });
    const image = '[{ path: "https://example.com/a.jpg" }]';
    const made = await knock(
      'http',
      gateway.url,
      {
        query: `mutation { submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } } }`,
      },
      'acme-key',
    );
    const id = /"id":"([^"]+)"/.exec(made.text)?.[1];
    const minted = await knock(
      'http',
      gateway.url,
      { query: `mutation { createFollowToken(jobId: "${id}") { token } }` },
      'acme-key',
    );
    const token = /"token":"([^"]+)"/.exec(minted.text)?.[1] ?? '';
    for (let i = 0; i < 5; i += 1) await knock('http', gateway.url, { query: '{ __typename }' }, token);
    expect((await knock('http', gateway.url, { query: '{ __typename }' }, token)).status).toBe(429);
    expect((await knock('http', gateway.url, { query: '{ __typename }' }, 'acme-key')).status).toBe(200);
  });
});

describe('In production', () => {
  let gateway: TestGateway;
  afterEach(async () => {
    await gateway.stop();
  });

  it.each(DOORS)(
    'the schema is not told, nor guessed at, nor GraphiQL served, unless asked for, by %s',
    async (door) => {
      gateway = await startGateway({ env: { NODE_ENV: 'production' } });
      for (const query of [getIntrospectionQuery(), '{ __type(name: "Query") { name } }']) {
        const { data, errors } = await knock(door, gateway.url, { query }, null);
        expect(data).toBeNull();
        expect(errors[0]?.message).toContain('introspection');
      }
      const typo = await knock(door, gateway.url, { query: '{ jobz { id } }' }, null);
      expect(typo.text).toContain('Cannot query field');
      expect(typo.text).not.toMatch(/Did you mean|jobs/);
      expect((await knock(door, gateway.url, { query: '{ __typename }' }, null)).errors).toEqual([]);
      expect((await fetch(`${gateway.url}/graphiql`)).status).toBe(404);
    },
  );

  it('what looks like a suggestion in a document takes no longer than other text', async () => {
    gateway = await startGateway({ env: { NODE_ENV: 'production' } });
    const query = `{ jobs(first: "${'Did you mean '.repeat(8000)}") { edges { cursor } } }`;
    const begun = performance.now();
    const { errors } = await knock('http', gateway.url, { query }, null);
    expect(errors).toHaveLength(1);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('the schema is told and GraphiQL served when asked for', async () => {
    gateway = await startGateway({
      env: { NODE_ENV: 'production', INTROSPECTION: 'true', GRAPHIQL: 'true' },
    });
    expect((await knock('socket', gateway.url, { query: getIntrospectionQuery() }, null)).errors).toEqual([]);
    expect((await fetch(`${gateway.url}/graphiql`)).status).toBe(200);
  });
});

describe('Where only trusted documents run', () => {
  const QUERY = 'query Who { __typename }';
  const JOB = 'query Job($id: ID!) { job(id: $id) { id } }';
  const NOBODY = 'query { job(id: "nobody") { id } }';
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const hash = sha256(QUERY);
  /** Of a text that the file does not have in this formatting. */
  const otherHash = sha256('{jobs{totalCount}}');
  const dir = mkdtempSync(join(tmpdir(), 'documents-'));
  const file = join(dir, 'documents.json');
  let gateway: TestGateway;

  beforeAll(async () => {
    writeFileSync(
      file,
      JSON.stringify({
        [hash]: QUERY,
        who: QUERY,
        job: JOB,
        nobody: NOBODY,
        [`sha256:${otherHash}`]: 'query Other { __typename }',
        remove: 'mutation { deleteJob(id: "1") }',
      }),
    );
    gateway = await startGateway({ env: { TRUSTED_DOCUMENTS: file } });
  });
  afterAll(async () => {
    await gateway.stop();
    rmSync(dir, { recursive: true });
  });

  const persisted = { persistedQuery: { version: 1, sha256Hash: hash } };
  const GOOD: Record<string, Request> = {
    'its text': { query: QUERY },
    'its text, laid out otherwise': { query: '# hello\nquery   Who {\n  __typename,\n}\n' },
    'its text, as clients print it': { query: '{\n  job(id: "nobody") {\n    id\n  }\n}' },
    'its id': { documentId: 'who' },
    'its hash': { extensions: persisted },
    'its hash, which the file does not have': { documentId: sha256(NOBODY) },
    'its hash with the name of the algorithm': { documentId: `sha256:${hash}` },
    'its hash with that name, as Apollo sends it': {
      extensions: { persistedQuery: { version: 1, sha256Hash: `sha256:${hash}` } },
    },
    'its hash with that name, as the file has it': { documentId: `sha256:${otherHash}` },
    'its hash without the name that the file has': { documentId: otherHash },
    'the hash of what clients print': { documentId: `sha256:${sha256(print(parse(NOBODY)))}` },
    'its text and hash': { query: QUERY, extensions: persisted },
    'its id, and variables': { documentId: 'job', variables: { id: '1' }, operationName: 'Job' },
  };
  const BAD: Record<string, Request> = {
    'another text': { query: '{ __typename }' },
    'another text with the hash of a good one': { query: '{ __typename }', extensions: persisted },
    'another text with the id of a good one': { query: '{ __typename }', documentId: 'who' },
    'a good one in a comment': { query: `{ __typename } # ${QUERY}` },
    'a good one with another text in it': { query: NOBODY.replace('nobody', 'somebody') },
    'the beginning of a good one': { query: 'query Who { __typename' },
    'two, one of them good': { query: `${QUERY} query B { __typename }`, operationName: 'Who' },
    'an unknown id': { documentId: 'constructor' },
    'the name of the algorithm': { documentId: 'sha256:' },
    'an unknown hash': { extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } },
    'no document': { variables: { id: '1' } },
  };

  for (const door of DOORS) {
    it.each(Object.entries(GOOD))(`one runs by ${door}: %s`, async (_way, request) => {
      const { data, errors } = await knock(door, gateway.url, request, null);
      expect(errors).toEqual([]);
      expect(data).not.toBeNull();
    });

    it.each(Object.entries(BAD))(`nothing else runs by ${door}: %s`, async (_way, request) => {
      const { data, errors, status } = await knock(door, gateway.url, request, null);
      expect(data).toBeNull();
      if (door !== 'stream' || errors[0]?.extensions) expect(errors[0]?.extensions?.code).toBe('FORBIDDEN');
      if (door !== 'socket') expect([400, 403]).toContain(status);
    });
  }

  it.each([
    ['tokens', `{${' a'.repeat(250_000)} }`],
    ['comments', `{ ${'#\n'.repeat(250_000)} a }`],
    ['text', `{ job(id: "${'x'.repeat(500_000)}") { id } }`],
    ['tokens, too long', `{${' a'.repeat(1_000_000)} }`],
  ])('one that is not costs little more than its bytes, many %s', async (_kind, query) => {
    const harmless = JSON.stringify({ documentId: 'who', pad: 'x'.repeat(query.length) });
    const costs: { harmless: number; hostile: number }[] = [];
    // Interleaved, taking the minimum of each: garbage collections cost more than the requests.
    for (let round = 0; round < 9; round += 1) {
      costs.push({
        harmless: await costOf(gateway.url, [harmless]),
        // Never the same text twice, so that no cache applies.
        hostile: await costOf(gateway.url, [JSON.stringify({ query: `#${round}\n${query}` })]),
      });
    }
    const most = 6 * Math.min(...costs.map((cost) => cost.harmless));
    expect(Math.min(...costs.map((cost) => cost.hostile))).toBeLessThan(most);
  });

  async function get(search: string, path = '/graphql'): Promise<{ status: number; text: string }> {
    const accept = path === '/graphql' ? 'application/json' : 'text/event-stream';
    const response = await fetch(`${gateway.url}${path}?${search}`, { headers: { accept } });
    return { status: response.status, text: await response.text() };
  }
  const searchOf = ({ variables, extensions, ...rest }: Request): string =>
    new URLSearchParams({
      ...rest,
      ...(variables && { variables: JSON.stringify(variables) }),
      ...(extensions && { extensions: JSON.stringify(extensions) }),
    }).toString();

  it.each(['/graphql', '/graphql/stream'])('the same holds for GET %s', async (path) => {
    for (const [way, request] of Object.entries(GOOD)) {
      const { status, text } = await get(searchOf(request), path);
      expect([way, status, text]).toEqual([way, 200, expect.stringContaining('"data":{')]);
    }
    for (const [way, request] of Object.entries(BAD)) {
      const { status, text } = await get(searchOf(request), path);
      expect([way, [400, 403].includes(status)]).toEqual([way, true]);
      expect(text).not.toContain('"data":{');
    }
    expect((await get('documentId=remove', path)).status).toBe(405);
  });

  it.each(['/graphql', '/graphql/stream'])(
    'two readings of one query string at %s are no way round',
    async (path) => {
      const evil = 'query{evil:__typename}';
      for (const search of [
        // Bytes that are not UTF-8 make some parsers leave the text percent-encoded.
        `query=query%20Who%20{__typename}%23%0A${evil}%FF`,
        `query=query Who{__typename}%23%FF%0A${evil}`.replaceAll(' ', '+'),
        `query=${encodeURIComponent(QUERY)}&query=${evil}`,
        `query=${evil}&query=${encodeURIComponent(QUERY)}`,
        `query[]=${evil}&documentId=who2`,
        `query=${evil}%00&documentId=who`,
        `documentId=who&query=${evil}`,
        `?query=${evil}&documentId=who3`,
      ]) {
        expect((await get(search, path)).text).not.toContain('evil');
      }
    },
  );
});

it('A page of another site that knows a key may open a socket; a frame that is no protocol is closed', async () => {
  const gateway = await startGateway({ env: { AUTH_API_KEYS: 'acme:acme-key' } });
  const bare = await bareSocket(gateway.url);
  bare.socket.send(Buffer.from([0xff, 0xfe]));
  expect((await bare.closed).code).toBe(4400);
  const nowhere = new WebSocket(`${gateway.url.replace(/^http/, 'ws')}/graphiql`);
  await expect(
    new Promise((resolve, reject) => nowhere.once('open', resolve).once('error', reject)),
  ).rejects.toThrow('404');
  await gateway.stop();
});
