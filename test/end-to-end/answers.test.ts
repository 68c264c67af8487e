/** Responses equal those of graphql-js, on a document's first run and on those that follow, over every protocol. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { buildSchema, type ExecutionResult, execute, parse, validate } from 'graphql';
import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenLimit, DEFAULT_LIMITS } from '../../src/graphql/query-limits.js';
import { oneFace, openSocket, run } from '../support/caller.js';
import { DOORS, type Door, knock, type Request } from '../support/doors.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { randomDocuments } from '../support/random-documents.js';

const RUNS = 3;
const DOCUMENTS = 100;
const IMAGE = '[{ path: "https://example.com/a.jpg" }]';
const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));

let gateway: TestGateway;
/** Shared by all requests over sockets, because opening one takes longer than a request. */
let socket: Client;

beforeAll(async () => {
  gateway = await startGateway({ env: { KEEP_RESULTS: 'false' } });
  socket = openSocket(gateway.url);
});
afterAll(async () => {
  await socket.dispose();
  await gateway.stop();
});

async function dataOf(door: Door, request: Request): Promise<Record<string, unknown>> {
  const { data, errors = [] } =
    door === 'socket' ? await firstOf(request) : await knock(door, gateway.url, request, null);
  expect(errors).toEqual([]);
  return data ?? {};
}

async function firstOf({ query = '', ...request }: Request): Promise<ExecutionResult> {
  for await (const answer of socket.iterate({ query, ...request })) return answer as ExecutionResult;
  throw new Error('No answer');
}

/** The response of each run of a document that the gateway has never seen before. */
async function runsOf(door: Door, request: Request): Promise<unknown[]> {
  const query = `#${door} ${performance.now()}\n${request.query}`;
  const first = await dataOf(door, { ...request, query });
  const others = Array.from({ length: RUNS - 1 }, () => dataOf(door, { ...request, query }));
  return [first, ...(await Promise.all(others))];
}

async function submitAndEnd(): Promise<string> {
  const { submitFaceSwap } = (await dataOf('http', {
    query: 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }',
    variables: { input: oneFace() },
  })) as { submitFaceSwap: { job: { id: string } } };
  await ended(submitFaceSwap.job.id);
  return submitFaceSwap.job.id;
}

async function ended(id: string): Promise<void> {
  for await (const _ of run(socket, 'subscription ($id: ID!) { jobUpdated(id: $id) { id } }', { id })) {
    // Read to the end.
  }
}

describe('A random document', () => {
  /** The existing jobs by id. */
  const jobs = new Map<string, object>();

  beforeAll(async () => {
    const { submitFaceSwapPlus } = (await dataOf('http', {
      query:
        'mutation { submitFaceSwapPlus(input: { sourceUrl: "https://example.com/a.jpg", targetUrl: "https://example.com/b.jpg", singleFaceMode: true }) { job { id } } }',
    })) as { submitFaceSwapPlus: { job: { id: string } } };
    await ended(submitFaceSwapPlus.job.id);
    for (const id of [submitFaceSwapPlus.job.id, await submitAndEnd()]) {
      const { job } = (await dataOf('http', { query: `{ job(id: "${id}") ${everything('Job')} }` })) as {
        job: object;
      };
      jobs.set(id, job);
    }
  });

  /** All fields without arguments, including those of the types that implement it. */
  function everything(name: string): string {
    const type = schema.getType(name);
    if (type === undefined || !('getFields' in type)) return '';
    const fields = Object.values(type.getFields()).flatMap((field) =>
      field.args.length === 0
        ? [`${field.name} ${everything(String(field.type).replace(/[[\]!]/g, ''))}`]
        : [],
    );
    const implementations = schema
      .getImplementations(type as never)
      .objects.map((one) => `... on ${one.name} ${everything(one.name)}`);
    return `{ __typename ${fields.join(' ')} ${name === 'Job' ? implementations.join(' ') : ''} }`;
  }

  it(`is answered as execute answers it over plain data, on each of ${RUNS} runs`, {
    timeout: 300_000,
  }, async () => {
    const cursors = (await dataOf('http', {
      query: `{ jobs(first: ${jobs.size}) { ${'edges { cursor node { id } }'} pageInfo ${everything('PageInfo')} } }`,
    })) as { jobs: { edges: { cursor: string; node: { id: string } }[]; pageInfo: object } };
    const find = ({ id }: { id: string }) => jobs.get(id) ?? null;
    const rootValue = {
      job: find,
      jobUpdated: find,
      jobs: {
        pageInfo: cursors.jobs.pageInfo,
        edges: cursors.jobs.edges.map(({ cursor, node }) => ({ cursor, node: find(node) })),
      },
    };
    await fc.assert(
      fc.asyncProperty(
        randomDocuments(schema, [...jobs.keys()]),
        async ({ query, variables, isSubscription }) => {
          const document = parse(query);
          fc.pre(brokenLimit(document, DEFAULT_LIMITS) === null);
          expect(validate(schema, document)).toEqual([]);
          const expected = await execute({ schema, document, rootValue, variableValues: variables });
          expect(expected.errors).toBeUndefined();
          const data = JSON.parse(JSON.stringify(expected.data));
          for (const door of DOORS) {
            if (door === 'http' && isSubscription) continue;
            expect(await runsOf(door, { query, variables })).toEqual(Array(RUNS).fill(data));
          }
        },
      ),
      { numRuns: DOCUMENTS, endOnFailure: true, includeErrorInReport: true },
    );
  });
});

describe('A document that comes again', () => {
  it.each(DOORS)('has the fields of a fragment that is spread twice, once left out, by %s', async (door) => {
    const id = await submitAndEnd();
    const query = `query ($x: Boolean!) { job(id: "${id}") { ...B @include(if: $x) ...B } } fragment B on Job { status }`;
    const answers = await runsOf(door, { query, variables: { x: false } });
    expect(answers).toEqual(Array(RUNS).fill({ job: { status: 'COMPLETED' } }));
  });

  it.each(['socket', 'stream'] as const)('follows a job until it is COMPLETED, by %s', async (door) => {
    const id = await submitAndEnd();
    const query = `subscription ($x: Boolean!) { jobUpdated(id: "${id}") { ... @skip(if: $x) { ...S } ...S } } fragment S on Job { status }`;
    const answers = await runsOf(door, { query, variables: { x: true } });
    expect(answers).toEqual(Array(RUNS).fill({ jobUpdated: { status: 'COMPLETED' } }));
  });

  it.each(DOORS)('makes its mutation each time, by %s', async (door) => {
    const before = gateway.sandbox.bills.length;
    const query = `mutation ($x: Boolean!) { ...M @include(if: $x) ...M }
      fragment M on Mutation { submitFaceSwap(input: { sourceImage: ${IMAGE}, targetImage: ${IMAGE} }) { deduplicated } }`;
    const answers = await runsOf(door, { query, variables: { x: false } });
    expect(answers).toEqual(Array(RUNS).fill({ submitFaceSwap: { deduplicated: false } }));
    await expect.poll(() => gateway.sandbox.bills.length).toBe(before + RUNS);
  });

  it.each(DOORS)('takes the default for a variable that is left out, by %s', async (door) => {
    const query = `mutation ($enhance: Boolean, $key: String) {
      submitFaceSwap(input: { sourceImage: ${IMAGE}, targetImage: ${IMAGE}, faceEnhance: $enhance, idempotencyKey: $key }) {
        job { id ... on FaceSwapJob { faceEnhance } }
      }
    }`;
    const answers = (await runsOf(door, { query })) as {
      submitFaceSwap: { job: { id: string; faceEnhance: boolean } };
    }[];
    expect(answers.map(({ submitFaceSwap }) => submitFaceSwap.job.faceEnhance)).toEqual(
      Array(RUNS).fill(false),
    );
    const { jobs } = (await dataOf(door, {
      query: `{ jobs(first: ${RUNS}) { edges { node { id ... on FaceSwapJob { faceEnhance } } } } }`,
    })) as { jobs: { edges: { node: { id: string; faceEnhance: boolean } }[] } };
    expect(jobs.edges.map(({ node }) => node.faceEnhance)).toEqual(Array(RUNS).fill(false));
    // A retry returns the same job, however often its document has been run.
    const key = `${door}-1`;
    const retries = await runsOf(door, { query, variables: { key } });
    expect(new Set(retries.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  it.each(DOORS)('is refused before anything is stored where a variable is null, by %s', async (door) => {
    const query = `mutation ($enhance: Boolean) {
      submitFaceSwap(input: { sourceImage: ${IMAGE}, targetImage: ${IMAGE}, faceEnhance: $enhance }) { deduplicated }
    }`;
    const newest = () => dataOf('http', { query: '{ jobs(first: 1) { edges { node { id } } } }' });
    const before = await newest();
    for (let i = 0; i < RUNS; i++) {
      const reply = await knock(door, gateway.url, { query, variables: { enhance: null } }, null);
      expect([reply.data, reply.errors[0]?.extensions?.code]).toEqual([null, 'BAD_USER_INPUT']);
    }
    expect(await newest()).toEqual(before);
  });
});
