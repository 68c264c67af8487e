import { expect, test } from 'vitest';
import { OPTS_FAULTS, optsFault, toOpts } from '../../../src/services/jobs/opts.js';

test.each([
  ['', 'POINTS'],
  [' ', 'POINTS'],
  ['face', 'POINTS'],
  ['1,2:3,4:5,6', 'POINTS'],
  ['1,2:3,4:5,6:7,8:9,10:11,12', 'POINTS'],
  ['1,2;3,4;5,6;7,8', 'POINTS'],
  ['1:2:3:4', 'PAIRS'],
  ['1,2:3,4:5,6:7,8,9', 'PAIRS'],
  ['1,2:3,4:5,6:7,', 'NUMBERS'],
  ['.,2:3,4:5,6:7,8', 'NUMBERS'],
  ['+,2:3,4:5,6:7,8', 'NUMBERS'],
  ['--1,2:3,4:5,6:7,8', 'NUMBERS'],
  ['1e9,2:3,4:5,6:7,8', 'NUMBERS'],
  ['1e400,2:3,4:5,6:7,8', 'NUMBERS'],
  ['e3,2:3,4:5,6:7,8', 'NUMBERS'],
  ['26 2,175:363,175:313,215:272,279', 'NUMBERS'],
  ['1,2:3,4:5,6:7,x', 'NUMBERS'],
  ['1,2:3,4:5,6:7,1234567', 'NUMBERS'],
  [`1,2:3,4:5,6:7,8${' '.repeat(2000)}`, 'TOO_LONG'],
  [`${'1,2:'.repeat(200)}1,2`, 'TOO_LONG'],
] as const)('%j cannot be sent as opts, because of %s', (text, fault) => {
  expect(optsFault(text)).toBe(fault);
  expect(OPTS_FAULTS[fault]).toMatch(/^must /);
});

test.each([
  '262,175:363,175:313,215:272,279',
  '262,175:363,175:313,215:272,279:340,280',
  '262.1234567890123,-175:363, 175 :313,215:272,279',
  '2.62e+2,-1.75E2:3.63e-05,175:313,215:272,279',
])('%j can be sent as opts', (text) => {
  expect(optsFault(text)).toBeNull();
});

test.each([
  ['262.1000000000000227373675443232059478759765625', '262.1'],
  ['0.000012345678901234567890', '0.000012345679'],
  ['0.00001234567890123456', '0.00001234567890123456'],
  ['.5', '0.5'],
  ['-.5', '-0.5'],
  ['5.', '5'],
  ['+5', '5'],
  ['5.0', '5.0'],
])('%j is sent as %j', (written, sent) => {
  const opts = (number: string) => `${number},175:363,175:313,215:272,279`;
  expect([optsFault(opts(written)), toOpts(opts(written))]).toEqual([null, opts(sent)]);
});

test('numbers as long as programs write them fit, however many points there are', () => {
  const long = '262.1000000000000227373675443232059478759765625';
  const opts = Array(5).fill(`${long}, ${long}`).join(' : ');
  expect([optsFault(opts), toOpts(opts)]).toEqual([null, Array(5).fill('262.1,262.1').join(':')]);
});
