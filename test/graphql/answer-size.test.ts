/** How the size of a response is counted. */
import { readFileSync } from 'node:fs';
import { buildSchema, GraphQLError, parse } from 'graphql';
import { expect, it } from 'vitest';
import { eventWithinBudget, type Result, withinBudget } from '../../src/graphql/answer-size.js';
import { DEFAULT_LIMITS } from '../../src/graphql/query-limits.js';
import { AnswerBudget, MAX_ANSWER_BYTES } from '../../src/services/limits/answer-budget.js';
import { HeldBytes, Holding } from '../../src/services/limits/held-bytes.js';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const MEASURED = {
  schema,
  document: parse('subscription { jobUpdated(id: "1") { history { version } } }'),
};

it.each([
  ['message', (text: string) => new GraphQLError(text)],
  [
    'extensions',
    (text: string) => new GraphQLError('x', { extensions: { fieldErrors: [{ message: text }] } }),
  ],
])('the %s of an error', (_member, make) => {
  const within = (characters: number) =>
    withinBudget(
      { data: { job: null }, errors: [make('x'.repeat(characters))] },
      new AnswerBudget(new Holding(() => true), null),
    );
  expect(within(16 * 1024 * 1024 - 1000).data).toEqual({ job: null });
  expect(within(16 * 1024 * 1024)).toMatchObject({
    data: null,
    errors: [{ message: expect.stringContaining('exceed 16 MiB') }],
  });
});

it('small answers that are not read take no more than the share of those who ask, and others find room', () => {
  const held = new HeldBytes(1024 * 1024);
  const small = { data: { x: 'x'.repeat(60_000) } };
  const answers = (tenant: string) =>
    Array.from({ length: 20 }, () => {
      const budget = new AnswerBudget(held.open({ tenant, onlyJob: null }), null);
      return withinBudget(small, budget) === small;
    });
  // 8 fit into 512 KiB.
  expect(answers('acme').filter(Boolean)).toHaveLength(8);
  for (const tenant of Array(10).keys()) expect(answers(`${tenant}`)[0]).toBe(true);
});

it.each<[string, Record<string, unknown>]>([
  ['empty texts', { list: Array(1000).fill('') }],
  ['texts', { list: Array(1000).fill('A text of some words') }],
  ['numbers', { list: Array(1000).fill(1234) }],
  ['nulls and truth values', { list: Array(500).fill([null, true]) }],
  ['short names', { list: Array(1000).fill({ a: 'x', b: 'y' }) }],
])('of %s, an answer counts about as the length of its JSON', (_what, data) => {
  const held = new Holding(() => true);
  withinBudget({ data }, new AnswerBudget(held, null));
  const { length } = JSON.stringify(data);
  expect([held.bytes > 0.6 * length, held.bytes < 1.3 * length]).toEqual([true, true]);
});

it('of an answer that is too large, no more is looked at than what makes it so', () => {
  const data = {
    large: 'x'.repeat(17 * 1024 * 1024),
    rest: {
      get more() {
        throw new Error('It was looked at');
      },
    },
  };
  expect(withinBudget({ data }, new AnswerBudget(new Holding(() => true), null)).data).toBeNull();
});

it('the names and values of as many fields as are allowed fit into an answer, if each is as long as it may be', () => {
  // 16 KiB each: see `MAX_SMALL_CHARACTERS`.
  expect(DEFAULT_LIMITS.fields * 2 * 16 * 1024).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
});

const FLAT = 'subscription { jobUpdated(id: "1") { id status result { url } } }';

it.each<[string, boolean, { text?: string; result?: Result; counted?: number }]>([
  ['without lists', false, {}],
  ['with errors', true, { result: { errors: [new GraphQLError('x')] } }],
  ['for which something was read', true, { counted: 1 }],
  ['with a list', true, { text: 'subscription { jobUpdated(id: "1") { id history { version } } }' }],
  [
    'with a list in a fragment',
    true,
    {
      text: 'subscription { jobUpdated(id: "1") { ...F } } fragment F on FaceSwapJob { targetImage { path } }',
    },
  ],
  ['of a long document', true, { text: `${FLAT} # ${'x'.repeat(16 * 1024)}` }],
])('an event %s is measured: %s', (_what, isMeasured, { text = FLAT, result = {}, counted = 0 }) => {
  const held = new Holding(() => true);
  const budget = new AnswerBudget(held, null);
  if (counted > 0) budget.take(counted);
  const event = { ...result, data: { jobUpdated: { id: 'x'.repeat(500) } } };
  eventWithinBudget(event, { schema, document: parse(text) }, budget);
  expect(held.bytes > counted).toBe(isMeasured);
});

it('an event that is too large tells its follower so; one for which there is no room ends the following', () => {
  const event = (characters: number) => ({ data: { x: 'x'.repeat(characters) } });
  const roomy = () => new AnswerBudget(new Holding(() => true), null);
  const small = event(10);
  expect(eventWithinBudget(small, MEASURED, roomy())).toBe(small);
  expect(eventWithinBudget(event(17 * 1024 * 1024), MEASURED, roomy())).toMatchObject({
    data: null,
    errors: [{ originalError: { code: 'BAD_USER_INPUT' } }],
  });
  const full = new AnswerBudget(new Holding(() => false), null);
  expect(() => eventWithinBudget(small, MEASURED, full)).toThrow(
    expect.objectContaining({ code: 'RATE_LIMITED' }),
  );
  const failed = { data: null, errors: [new GraphQLError('x')] };
  expect(eventWithinBudget(failed, MEASURED, roomy())).toBe(failed);
});
