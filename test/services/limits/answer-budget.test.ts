/** The limit of one response, and what it holds until it is read. */
import { expect, test } from 'vitest';
import { AnswerBudget, MAX_ANSWER_BYTES } from '../../../src/services/limits/answer-budget.js';
import { Holding } from '../../../src/services/limits/held-bytes.js';

/** Room for this many bytes. */
function roomFor(most: number): Holding {
  const holding = new Holding((more) => holding.bytes + more <= most);
  return holding;
}

const noRoom = expect.objectContaining({
  code: 'RATE_LIMITED',
  message: 'Too many answers are in progress; try again later.',
  extensions: { retryAfterSeconds: 1 },
});

test('an answer may have 16 MiB, of parts together, and not a byte more', () => {
  const budget = new AnswerBudget(roomFor(2 * MAX_ANSWER_BYTES), null);
  budget.take(MAX_ANSWER_BYTES - 1);
  budget.take(1);
  expect(() => budget.take(1)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  budget.release();
  budget.take(MAX_ANSWER_BYTES);
});

test('it holds what was read for it, or what it has, whichever is more', () => {
  const held = roomFor(100);
  const budget = new AnswerBudget(held, null);
  const after = (change: () => void): number => {
    change();
    return held.bytes;
  };
  expect([
    after(() => budget.take(10)),
    after(() => budget.take(5)),
    after(() => budget.reach(12)),
    after(() => budget.reach(20)),
    after(() => budget.reach(20)),
    after(() => budget.take(5)),
    after(() => budget.release()),
    after(() => budget.take(5)),
  ]).toEqual([10, 15, 15, 20, 20, 25, 0, 5]);
});

test('where there is no room for it, it is refused, unless it tells of what was stored', () => {
  const accepted = { size: 0 };
  const budget = new AnswerBudget(roomFor(10), accepted);
  expect(() => budget.take(11)).toThrow(noRoom);
  expect(() => new AnswerBudget(roomFor(10), null).take(11)).toThrow(noRoom);
  accepted.size = 1;
  budget.take(11);
});

test('once it is over, nothing more is held for it, nor refused', () => {
  const held = roomFor(10);
  const budget = new AnswerBudget(held, null);
  budget.take(10);
  budget.end();
  budget.take(11);
  expect(held.bytes).toBe(0);
});
