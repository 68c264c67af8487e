/** Whatever comes out of a compiled document is what graphql-js makes of it. */
import { type ExecutionResult, execute, parse, subscribe, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { GatewayError, toClientError } from '../../src/errors.js';
import { Executor } from '../../src/http/executor.js';
import type { GatewayContext } from '../../src/resolvers/context.js';
import { createSchema } from '../../src/resolvers/schema.js';
import type { Job } from '../../src/services/jobs/job.js';
import { jobWith } from '../services/jobs/samples.js';

const schema = await createSchema();
const pro = jobWith({ status: 'COMPLETED' });
const known: Record<string, Partial<Job>> = {
  pro: {},
  failed: {
    status: 'FAILED',
    error: { code: 'GENERATION_FAILED', message: 'no', providerCode: 1, retryable: true },
  },
  plus: {
    request: {
      kind: 'PLUS',
      sourceUrl: 'https://e.example/s.png',
      targetUrl: 'https://e.example/t.png',
      modelStyle: 'REALISTIC',
      singleFaceMode: true,
      faceMapping: [],
    } as unknown as Job['request'],
  },
  odd: { status: 'SOMETHING' as Job['status'] },
};

function jobOf(id: string): Job | null {
  if (id === 'breaks') throw new Error('a secret of the store');
  if (id === 'refused') throw new GatewayError('QUEUE_FULL', 'Too many.');
  return known[id] === undefined ? null : { ...pro, ...known[id], id };
}

const order: string[] = [];
const context = {
  caller: { tenant: 'ann', onlyJob: null, expiresAt: null },
  services: {
    mediaUrl: () => 'https://g.example/media/x',
    jobs: {
      find: async (_tenant: string, id: string) => jobOf(id),
      list: async () => ({
        jobs: ['pro', 'plus', 'failed'].map((id) => jobOf(id)),
        hasNextPage: true,
        hasPreviousPage: false,
      }),
      cancel: async (_tenant: string, id: string) => {
        const job = jobOf(id);
        // The first takes longer than the second; they still come one after the other.
        for (let turns = id === 'pro' ? 10 : 1; turns > 0; turns--) await null;
        order.push(id);
        return job;
      },
      queuePosition: async () => null,
      history: async ({ id }: Job) => {
        if (id === 'plus') throw new Error('another secret');
        return [{ version: 1, status: 'WAITING', at: 0, source: 'CLIENT', note: null }];
      },
      watch: async function* (_tenant: string, id: string) {
        for (let version = 1; version < 6; version++) yield { ...jobOf(id), version };
      },
    },
  },
} as unknown as GatewayContext;

const FIELDS = `
  __typename id status version createdAt updatedAt finishedAt providerId queuePosition
  result { url providerUrl archived contentType } error { code message retryable }
  history { version status at source note }
  ... on FaceSwapJob { modelName faceEnhance sourceImage { path opts } }
  ... on FaceSwapPlusJob { sourceUrl faceMapping { source { faceUrl bbox } } }`;

const OPERATIONS: readonly [text: string, variables?: Record<string, unknown>, name?: string][] = [
  [`{ job(id: "pro") { ${FIELDS} } }`],
  [`query ($id: ID!) { job(id: $id) { ${FIELDS} } }`, { id: 'plus' }],
  [`query ($id: ID!) { job(id: $id) { ${FIELDS} } }`, { id: 'failed' }],
  [`query ($id: ID!) { job(id: $id) { id } }`, { id: 'nobody' }],
  [`query ($id: ID!) {\n  job(id: $id) {\n    id } }`, { id: 'breaks' }],
  [`query ($id: ID!) { job(id: $id) { id } other: job(id: "pro") { id } }`, { id: 'refused' }],
  [`query ($id: ID!) { job(id: $id) { id status } }`, { id: 'odd' }],
  ['query ($id: ID!) { job(id: $id) { id } }', {}],
  ['query ($id: ID!) { job(id: $id) { id } }', { id: { a: 1 } }],
  ['query ($id: ID!) { job(id: $id) { id } }', { id: null }],
  ['query ($n: Int = 3) { jobs(first: $n) { pageInfo { hasNextPage } } }', { n: 'three' }],
  ['query ($f: JobFilter) { jobs(filter: $f) { edges { cursor } } }', { f: { status: ['NONE'] } }],
  ['query ($f: JobFilter) { jobs(filter: $f) { edges { cursor } } }', { f: { statuses: [] } }],
  ['{ jobs(first: 1000) { edges { cursor } } }'],
  [`{ jobs { edges { cursor node { ${FIELDS} } } pageInfo { endCursor } } }`],
  ['query ($s: Boolean!) { job(id: "pro") { id @skip(if: $s) status @include(if: $s) } }', { s: true }],
  ['query ($s: Boolean!) { job(id: "pro") { id @skip(if: $s) status @include(if: $s) } }', { s: false }],
  [
    'query A { a: job(id: "pro") { id } } query B { b: job(id: "pro") { ...F } } fragment F on Job { status }',
    {},
    'B',
  ],
  ['query A { a: job(id: "pro") { id } } query B { b: job(id: "pro") { id } }', {}, 'C'],
  ['{ __typename a: __type(name: "Job") { name possibleTypes { name } } job(id: "pro") { __typename } }'],
  ['mutation { cancelJob(id: "refused") { id } }'],
  ['mutation { a: cancelJob(id: "pro") { status } b: cancelJob(id: "plus") { id } }'],
];

/** What a client gets. */
const plain = ({ data, errors, ...rest }: ExecutionResult) => ({
  ...rest,
  data: JSON.stringify(data),
  errors: errors?.map((error) => {
    const { extensions, ...shown } = toClientError(error.toJSON(), error, () => {});
    return { ...shown, code: extensions?.['code'], positions: error.positions };
  }),
});

describe('a document that comes again', () => {
  it.each(OPERATIONS)('is answered as graphql-js answers it: %s %j %s', async (text, variables, name) => {
    const executor = new Executor(schema);
    const document = parse(text);
    expect(validate(schema, document)).toEqual([]);
    const args = { schema, document, variableValues: variables, operationName: name, contextValue: context };
    const reference = await execute(args);
    const expected = plain(reference);
    for (let run = 1; run <= 5; run++) {
      order.length = 0;
      const result = await executor.execute(args);
      expect(plain(result), `run ${run}`).toEqual(expected);
      expect(Object.keys(result)).toEqual(Object.keys(reference));
      if (text.startsWith('mutation { a:')) expect(order).toEqual(['pro', 'plus']);
    }
  });

  it.each(['pro', 'plus', 'nobody'])('follows as graphql-js follows: %s', async (id) => {
    const executor = new Executor(schema);
    const document = parse(`subscription ($id: ID!) { jobUpdated(id: $id) { ${FIELDS} } }`);
    const args = { schema, document, variableValues: { id }, contextValue: context };
    const all = async (results: AsyncIterable<ExecutionResult> | ExecutionResult) => {
      if (!(Symbol.asyncIterator in results)) throw new Error('it did not begin');
      const seen = [];
      for await (const result of results) seen.push(plain(result));
      return seen;
    };
    const expected = await all(await subscribe(args));
    expect(expected).toHaveLength(5);
    expect(await all(await executor.subscribe(args))).toEqual(expected);
  });

  it('says like graphql-js why a subscription can not begin, and lets go of one that is left', async () => {
    const executor = new Executor(schema);
    const document = parse('subscription ($id: ID!) { jobUpdated(id: $id) { id } }');
    const args = { schema, document, contextValue: context };
    expect(plain((await executor.subscribe(args)) as ExecutionResult)).toEqual(
      plain((await subscribe(args)) as ExecutionResult),
    );
    const results = await executor.subscribe({ ...args, variableValues: { id: 'pro' } });
    if (!(Symbol.asyncIterator in results)) throw new Error('it did not begin');
    expect((await results.next()).done).toBe(false);
    await results.return?.();
    expect((await results.next()).done).toBe(true);
  });
});
