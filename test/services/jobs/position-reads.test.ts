/** Who asks while a read of positions is under way shares the next one. */
import { expect, test } from 'vitest';
import { PositionReads } from '../../../src/services/jobs/position-reads.js';
import { Gate } from './gate.js';

const waiting = (id: string) => ({ id, status: 'WAITING' }) as const;

test('whoever asks during a read shares the one after it, and is told what is so then', async () => {
  const gate = new Gate();
  const asked: (readonly string[])[] = [];
  const reads = new PositionReads({
    queuePositions: async (ids) => {
      asked.push(ids);
      await gate.pass();
      return new Map(ids.map((id, i) => [id, asked.length * 10 + i]));
    },
  });
  const a = reads.of(waiting('a'));
  await gate.arrived();
  const others = Promise.all([waiting('b'), waiting('a'), waiting('c')].map((job) => reads.of(job)));
  expect(await reads.of({ id: 'd', status: 'QUEUED' })).toBeNull();
  expect(asked).toEqual([['a']]);
  gate.open();
  expect([await a, await others]).toEqual([10, [20, 21, 22]]);
  expect(asked).toEqual([['a'], ['b', 'a', 'c']]);
});

test('a read that fails fails those who wait behind it, and nobody who comes later', async () => {
  const gate = new Gate();
  let isBroken = true;
  const reads = new PositionReads({
    queuePositions: async (ids) => {
      await gate.pass();
      if (isBroken) throw new Error('away');
      return new Map(ids.map((id) => [id, 1]));
    },
  });
  const outcomes = [reads.of(waiting('a')).catch(String)];
  await gate.arrived();
  outcomes.push(reads.of(waiting('b')).catch(String));
  gate.open();
  expect(await Promise.all(outcomes)).toEqual(['Error: away', 'Error: away']);
  isBroken = false;
  expect(await reads.of(waiting('b'))).toBe(1);
});
