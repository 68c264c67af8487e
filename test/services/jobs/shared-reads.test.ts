/** Requests made during a read share the next one. */
import { expect, test } from 'vitest';
import { SharedReads } from '../../../src/services/jobs/shared-reads.js';
import { Gate } from '../../support/gate.js';

test('whoever asks during a read shares the one after it, and is told what is so then', async () => {
  const gate = new Gate();
  const asked: (readonly string[])[] = [];
  const reads = new SharedReads(async (ids) => {
    asked.push(ids);
    await gate.pass();
    return new Map(ids.filter((id) => id !== 'none').map((id, i) => [id, asked.length * 10 + i]));
  });
  const a = reads.of('a');
  await gate.arrived();
  const others = Promise.all(['b', 'a', 'c', 'none'].map((id) => reads.of(id)));
  expect(asked).toEqual([['a']]);
  gate.open();
  expect([await a, await others]).toEqual([10, [20, 21, 22, null]]);
  expect(asked).toEqual([['a'], ['b', 'a', 'c', 'none']]);
});

test('a read takes no more than it may, and the next one takes the rest', async () => {
  const asked: (readonly string[])[] = [];
  const reads = new SharedReads(async (ids) => {
    asked.push(ids);
    return new Map(ids.map((id) => [id, id]));
  }, 2);
  expect(await Promise.all(['a', 'b', 'a', 'c'].map((id) => reads.of(id)))).toEqual(['a', 'b', 'a', 'c']);
  expect(asked).toEqual([['a', 'b'], ['c']]);
});

test('a read that fails fails those who wait behind it, and nobody who comes later', async () => {
  const gate = new Gate();
  let isBroken = true;
  const reads = new SharedReads(async (ids) => {
    await gate.pass();
    if (isBroken) throw new Error('away');
    return new Map(ids.map((id) => [id, 1]));
  });
  const outcomes = [reads.of('a').catch(String)];
  await gate.arrived();
  outcomes.push(reads.of('b').catch(String));
  gate.open();
  expect(await Promise.all(outcomes)).toEqual(['Error: away', 'Error: away']);
  isBroken = false;
  expect(await reads.of('b')).toBe(1);
});
