/** What counts as the size of an answer. */
import { GraphQLError } from 'graphql';
import { expect, it } from 'vitest';
import { withinBudget } from '../../src/graphql/answer-size.js';
import { AnswerBudget } from '../../src/services/answer-budget.js';
import { HeldBytes, Holding } from '../../src/services/held-bytes.js';

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
    errors: [{ message: expect.stringContaining('more than 16 MiB') }],
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
  // Of 512 KiB.
  expect(answers('acme').filter(Boolean)).toHaveLength(8);
  for (const tenant of Array(10).keys()) expect(answers(`${tenant}`)[0]).toBe(true);
});
