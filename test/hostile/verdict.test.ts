/** Tests that the hostile run detects what it must detect. */
import { describe, expect, it } from 'vitest';
import type { Bill } from '../../src/sandbox/sandbox.js';
import { addressOf, type Sample } from './bystander.js';
import { type Evidence, judge } from './verdict.js';

const MB = 1024 * 1024;
/** One sample every 40 ms; the attack starts at 4,000. */
const samples = (ms: (i: number) => number, failure: string | null = null): Sample[] =>
  Array.from({ length: 200 }, (_, i) => ({ at: i * 40, ms: ms(i), busyMs: 3, failure }));
const billOf = (nth: number): Bill => ({
  providerId: `p${nth}`,
  at: nth,
  kind: 'pro',
  cost: 4,
  request: { sourceImage: [{ path: addressOf(nth) }] },
});
const HELD: Evidence = {
  attack: 'none',
  leaks: [],
  deaths: [],
  bystander: {
    queries: samples(() => 5),
    control: samples(() => 4),
    sockets: [],
    submits: samples(() => 20).slice(0, 20),
    notCompleted: [],
  },
  attackedFrom: 4000,
  attackedUntil: 8000,
  bills: Array.from({ length: 20 }, (_, nth) => billOf(nth)),
  before: 100 * MB,
  peak: 400 * MB,
  after: 199 * MB,
};
const bystander = (more: Partial<Evidence['bystander']>): Partial<Evidence> => ({
  bystander: { ...HELD.bystander, ...more },
});

describe('The verdict on an attack', () => {
  it('is that it did nothing, when nobody else has felt it', () => {
    expect(judge(HELD)).toEqual({
      attack: 'none',
      quietP99: 5,
      attackedP99: 5,
      controlP99: 4,
      busyP99: 3,
      submits: 20,
      before: 100 * MB,
      peak: 400 * MB,
      after: 199 * MB,
      broken: [],
    });
  });

  it.each<[string, Partial<Evidence>, RegExp]>([
    ['the attacker saw what is not hers', { leaks: ['two are one'] }, /^two are one$/],
    ['the gateway died', { deaths: ['134, heap out of memory'] }, /^the gateway ended: 134, heap/],
    [
      'more than one query of a hundred was slow during the attack',
      bystander({ queries: samples((i) => (i > 100 && i < 105 ? 2000 : 5)) }),
      /^p99 is 2000 ms$/,
    ],
    [
      'it was at work for longer than a query may take, however slow the machine is',
      bystander({
        queries: samples(() => 5).map((one, i) => ({ ...one, busyMs: i > 100 && i < 105 ? 900 : 3 })),
        control: samples(() => 600),
      }),
      /^p99 is 900 ms of work$/,
    ],
    ['a query failed', bystander({ queries: samples(() => 5, '503') }), /^200 × query failed: 503/],
    ['a submit failed', bystander({ submits: samples(() => 5, '503 busy').slice(0, 1) }), /× submit failed/],
    ['a socket was turned away', bystander({ sockets: samples(() => 5, 'x').slice(0, 2) }), /^2 × socket/],
    ['a submit was never billed', { bills: HELD.bills.slice(1) }, /^1 submits never billed: 0$/],
    ['a submit was billed twice', { bills: [...HELD.bills, billOf(19)] }, /^1 submits billed twice: 19$/],
    [
      'a submit was overtaken by more than are sent together',
      { bills: [...HELD.bills.slice(1), billOf(0)] },
      /^1 submits overtaken: 0$/,
    ],
    [
      'a job came to no good end',
      bystander({ notCompleted: ['FAILED SUBMIT_UNCONFIRMED'] }),
      /^1 jobs not completed: FAILED SUBMIT_UNCONFIRMED$/,
    ],
    ['memory was not given back', { after: 201 * MB }, /^101 MB were not given back$/],
  ])('is that it hurt, when %s', (_what, more, line) => {
    const { broken } = judge({ ...HELD, ...more });
    expect(broken).toHaveLength(1);
    expect(broken[0]).toMatch(line);
  });

  it('does not blame an attack for a machine that is slow for everybody', () => {
    const slow = bystander({ queries: samples(() => 1200), control: samples(() => 600) });
    expect(judge({ ...HELD, ...slow }).broken).toEqual([]);
  });
});
