/** What counts as the size of an answer. */
import { GraphQLError } from 'graphql';
import { expect, it } from 'vitest';
import { withinBudget } from '../../src/graphql/answer-size.js';
import { AnswerBudget } from '../../src/services/answer-budget.js';
import { Holding } from '../../src/services/held-bytes.js';

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
