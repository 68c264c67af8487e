import { ApolloServer } from '@apollo/server';
import fc from 'fast-check';
import {
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  parse,
  validate,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERROR_CODES, GatewayError, InputError, jobNotFound } from '../src/errors.js';
import { toClientError } from '../src/graphql/client-errors.js';
import { createSchema, RESOLVERS } from '../src/resolvers/schema.js';
import { noUploads } from './support/no-uploads.js';

const MARKER = 'hunter2SECRET';

let schema: GraphQLSchema;
let apollo: ApolloServer;
const unexpected: unknown[] = [];
const report = (error: unknown): void => void unexpected.push(error);

beforeAll(async () => {
  schema = await createSchema(RESOLVERS);
  apollo = new ApolloServer({
    schema,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    formatError: (formatted, error) => toClientError(formatted, error, report),
  });
  await apollo.start();
});
afterAll(() => apollo.stop());

const CONTEXT = { services: { uploads: noUploads }, caller: { tenant: 'ann' } };

type Variables = Record<string, unknown>;

/** The errors that a client gets over HTTP and over a WebSocket. */
async function errorsOf(query: string, variables: Variables = {}): Promise<readonly GraphQLFormattedError[]> {
  const { body } = await apollo.executeOperation({ query, variables }, { contextValue: CONTEXT });
  const overHttp = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
  const overSocket = (await graphqlErrors(query, variables)).map((error) =>
    toClientError(error.toJSON(), error, report),
  );
  return [...overHttp, ...overSocket];
}

async function graphqlErrors(query: string, variableValues: Variables): Promise<readonly GraphQLError[]> {
  let document: DocumentNode;
  try {
    document = parse(query);
  } catch (error) {
    return error instanceof GraphQLError ? [error] : [];
  }
  const invalid = validate(schema, document);
  if (invalid.length > 0) return invalid;
  return (await execute({ schema, document, variableValues, contextValue: CONTEXT })).errors ?? [];
}

const SUBMIT = 'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }';
const PLUS =
  'mutation ($input: SubmitFaceSwapPlusInput!) { submitFaceSwapPlus(input: $input) { job { id } } }';
const JOBS =
  'query ($first: Int, $after: String, $filter: JobFilter) { jobs(first: $first, after: $after, filter: $filter) { edges { cursor } } }';
const JOB = 'query ($id: ID!) { job(id: $id) { id } }';
const DETECT = 'query ($input: DetectFacesInput!) { detectFaces(input: $input) { frames { index } } }';

/** Texts that resemble the parts of a graphql-js message that surround the value. */
const TRAPS = [
  MARKER,
  `; Expected ${MARKER}`,
  `x; String ${MARKER}`,
  `"; Value "${MARKER}" does not`,
  ` at "input.a"; ${MARKER}`,
  `" at "a"; ${MARKER}`,
  `cannot represent value: ${MARKER}`,
  `${MARKER} cannot represent value: x`,
  `${MARKER}" does not exist in "JobStatus" enum. ${MARKER}`,
  `Expected value of type "X", found ${MARKER}`,
  `\n${MARKER}\u2028\\"${MARKER}`,
  `${MARKER}${'x'.repeat(20_000)}${MARKER}`,
];

describe('an error of graphql-js', () => {
  test.each<[string, string, (value: unknown) => Variables]>([
    ['an enum', SUBMIT, (modelName) => ({ input: { sourceImage: [], targetImage: [], modelName } })],
    ['a boolean', SUBMIT, (faceEnhance) => ({ input: { sourceImage: [], targetImage: [], faceEnhance } })],
    ['a nested URL', SUBMIT, (path) => ({ input: { sourceImage: [{ path: { path } }], targetImage: [] } })],
    ['an input object', SUBMIT, (input) => ({ input })],
    [
      'a list of input objects',
      SUBMIT,
      (image) => ({ input: { sourceImage: [image], targetImage: [[image]] } }),
    ],
    ['an unknown field', SUBMIT, (no) => ({ input: { sourceImage: [], targetImage: [{ path: 'x', no }] } })],
    ['a missing field', SUBMIT, (opts) => ({ input: { sourceImage: [{ opts }], targetImage: [] } })],
    ['a list of numbers', PLUS, (bbox) => ({ input: { faceMapping: [{ source: { bbox: [bbox] } }] } })],
    ['an Int', JOBS, (first) => ({ first })],
    ['a String', JOBS, (after) => ({ after: [after] })],
    ['a list of enums', JOBS, (status) => ({ filter: { status: ['WAITING', status] } })],
    ['a DateTime', JOBS, (createdAfter) => ({ filter: { createdAfter } })],
    ['an ID', JOB, (id) => ({ id: { id } })],
    ['nothing', JOB, (id) => ({ wrong: id })],
    ['a face to detect', DETECT, (numFrames) => ({ input: { numFrames } })],
  ])(
    'about %s in the variables repeats no value, but says where and what is wrong',
    async (_, query, give) => {
      for (const trap of TRAPS) {
        for (const value of [trap, { 'a at "b"; c': [trap] }]) {
          const errors = await errorsOf(query, give(value));
          expect(errors.length).toBeGreaterThan(0);
          for (const error of errors) expectNoMarker(error);
        }
      }
    },
  );

  test.each([
    `{ jobs(first: "${MARKER}") { edges { cursor } } }`,
    `{ jobs(first: ${MARKER}) { edges { cursor } } }`,
    `{ jobs(filter: {status: ${MARKER}}) { edges { cursor } } }`,
    `{ jobs(filter: {status: "${MARKER}"}) { edges { cursor } } }`,
    `{ jobs(filter: {status: ["${MARKER}"], createdAfter: "${MARKER}"}) { edges { cursor } } }`,
    `{ jobs(filter: "${MARKER}") { edges { cursor } } }`,
    `{ job(id: {a: "${MARKER}"}) { id } }`,
    `{ job(id: ["${MARKER}"]) { id } }`,
    `{ job(id: """${MARKER}""") { id(a: "${MARKER}") } }`,
    `mutation { submitFaceSwap(input: "${MARKER}") { job { id } } }`,
    `mutation { submitFaceSwap(input: {sourceImage: [{path: ["${MARKER}"]}], targetImage: ["${MARKER}"], faceEnhance: "${MARKER}"}) { job { id } } }`,
    `mutation { submitFaceSwap(input: {sourceImage: {path: "${MARKER}", no: "${MARKER}"}}) { job { id } } }`,
    `mutation { submitFaceSwap(input: {idempotencyKey: 1, modelName: ${MARKER}}) { job { id } } }`,
    `{ job(id: "a") { id } } "${MARKER}"`,
    `{ job(id "${MARKER}") { id } }`,
    `{ job(id: "a" """${MARKER}""") { id } }`,
    `"${MARKER}" { job(id: "a") { id } }`,
    `{ job(id: "${MARKER}`,
    `query ($id: ID = {a: "${MARKER}"}) { job(id: $id) { id } }`,
    `{ job(id: "a") @include(if: "${MARKER}") { id } }`,
  ])('about a literal repeats no value: %s', async (query) => {
    const errors = await errorsOf(query);
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expectNoMarker(error);
  });

  test('repeats no value whatever is sent', async () => {
    const text = fc
      .tuple(fc.string({ maxLength: 8 }), fc.constantFrom(...TRAPS.slice(0, -1)), fc.string({ maxLength: 8 }))
      .map((parts) => parts.join(''));
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.constantFrom(null, true, 1.5, -1, 1e100),
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(
          fc.constantFrom('sourceImage', 'targetImage', 'path', 'opts', 'modelName', 'a"; b', ' at "x"; '),
          tie('value'),
          { maxKeys: 4, noNullPrototype: true },
        ),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(SUBMIT, PLUS, DETECT), value, async (query, input) => {
        for (const error of await errorsOf(query, { input })) expectNoMarker(error);
      }),
      { numRuns: 100 },
    );
  });

  test('still says what to do', async () => {
    const messages = async (query: string, variables: Variables) =>
      new Set((await errorsOf(query, variables)).map(({ message }) => message));
    expect(await messages(JOBS, { first: MARKER })).toEqual(
      new Set(['Variable "$first" got an invalid value; Int cannot represent non-integer value.']),
    );
    expect(await messages(JOBS, { filter: { status: ['WAITING', MARKER] } })).toEqual(
      new Set([
        'Variable "$filter" got an invalid value at "filter.status[1]"; The value does not exist in "JobStatus" enum.',
      ]),
    );
    expect(await messages(SUBMIT, { input: { sourceImage: [] } })).toEqual(
      new Set([
        'Variable "$input" got an invalid value; Field "targetImage" of required type "[FaceImageInput!]!" was not provided.',
      ]),
    );
    expect(await messages(JOBS, { filter: { createdAfter: MARKER } })).toEqual(
      new Set([
        'Variable "$filter" got an invalid value at "filter.createdAfter"; DateTime must be ISO 8601 with a zone, like 2026-01-31T23:59:59Z.',
      ]),
    );
    expect(await messages('{ jobs(first: "x") { edges { cursor } } }', {})).toEqual(
      new Set(['Int cannot represent non-integer value.']),
    );
    expect(await messages('{ jbos { edges { cursor } } }', {})).toEqual(
      new Set(['Cannot query field "jbos" on type "Query". Did you mean "jobs" or "job"?']),
    );
  });
});

describe('an error of ours', () => {
  test('reaches the client with its code, message and extensions, and nothing else', () => {
    const error = new GatewayError('RATE_LIMITED', 'Too many requests.', {
      cause: new Error(MARKER),
      extensions: { retryAfterSeconds: 3 },
    });
    expect(toClientError({ message: error.message }, error, report)).toEqual({
      message: 'Too many requests.',
      extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 3 },
    });
  });

  test('is recognised however often GraphQL has wrapped it', () => {
    const once = new GraphQLError('wrapped', { originalError: jobNotFound(), path: ['job'] });
    const twice = new GraphQLError('wrapped', { originalError: once, path: ['job'] });
    expect(toClientError(twice.toJSON(), twice, report)).toEqual({
      message: 'There is no job with this id.',
      path: ['job'],
      extensions: { code: 'NOT_FOUND' },
    });
  });

  test('can not bring a code of its own among its extensions', () => {
    const error = new GatewayError('CONFLICT', 'no', { extensions: { code: 'OTHER' } });
    expect(toClientError({ message: 'no' }, error, report).extensions).toEqual({ code: 'CONFLICT' });
  });

  test('about the input tells the first broken rule and how many more there are', () => {
    const fieldErrors = [
      { path: 'input.a', code: 'A', message: 'must be a' },
      { path: 'input.b', code: 'B', message: 'must be b' },
    ];
    const error = new InputError(fieldErrors);
    expect(error.message).toBe('input.a: must be a (and 1 more)');
    expect(toClientError({ message: error.message }, error, report).extensions).toEqual({
      code: 'BAD_USER_INPUT',
      fieldErrors,
    });
    expect(new InputError(fieldErrors.slice(0, 1)).message).toBe('input.a: must be a');
  });
});

describe('an unexpected error', () => {
  test.each([
    new Error(MARKER),
    new TypeError(MARKER),
    MARKER,
    undefined,
    new GraphQLError(MARKER, { originalError: new Error(MARKER) }),
    new GraphQLError(MARKER, { extensions: { code: 'INTERNAL_SERVER_ERROR' } }),
  ])('is reported whole under a reference and shown masked', (error) => {
    const reported: [unknown, string][] = [];
    const formatted =
      error instanceof GraphQLError
        ? error.toJSON()
        : { message: MARKER, extensions: { stacktrace: [MARKER] } };
    const shown = toClientError(formatted, error, (...args) => reported.push(args));
    expect(JSON.stringify(shown)).not.toContain(MARKER);
    expect(reported).toHaveLength(1);
    expect(shown.extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', reference: reported[0]?.[1] });
    expect(reported[0]?.[0]).toBe(
      error instanceof GraphQLError && error.originalError ? error.originalError : error,
    );
  });
});

test('every code says what it means', () => {
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^[A-Z_]+$/);
    expect(meaning).toMatch(/\.$/);
  }
});

function expectNoMarker(error: GraphQLFormattedError): void {
  expect(JSON.stringify(error)).not.toContain(MARKER);
  expect(error.message.length).toBeGreaterThan(10);
  expect(error.message.length).toBeLessThan(500);
}
