import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { PeriodicLoop } from '../src/periodic-loop.js';
import { Gate, until } from './support/gate.js';

const RARELY = 1_000_000;
const log = pino({ level: 'silent' });
const loops: PeriodicLoop[] = [];

afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.stop()));
});

function loopOf(everyMs: number, work: () => Promise<void>): PeriodicLoop {
  const loop = new PeriodicLoop(everyMs, work, log);
  loops.push(loop);
  return loop;
}

describe('a periodic loop', () => {
  test('works at once when it is started, and again and again', async () => {
    let runs = 0;
    const loop = loopOf(1, async () => {
      runs += 1;
    });
    expect(runs).toBe(0);
    loop.start();
    loop.start();
    await until(() => runs >= 3);
    expect(runs).toBeGreaterThanOrEqual(3);
  });

  test('does nothing before it is started', async () => {
    let runs = 0;
    const loop = loopOf(RARELY, async () => {
      runs += 1;
    });
    loop.wake();
    await loop.pass();
    expect(runs).toBe(0);
  });

  test('woken while it works, works once more afterwards, however often it was woken', async () => {
    const gate = new Gate();
    let runs = 0;
    let atOnce = 0;
    const loop = loopOf(RARELY, async () => {
      runs += 1;
      atOnce += 1;
      expect(atOnce).toBe(1);
      await gate.pass();
      atOnce -= 1;
    });
    loop.start();
    await gate.arrived();
    for (let i = 0; i < 10; i++) loop.wake();
    const passed = loop.pass();
    gate.open();
    await passed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(runs).toBe(2);
  });

  test('resolves a pass only after a run that began after it was asked for', async () => {
    const gate = new Gate();
    const begun: number[] = [];
    const loop = loopOf(RARELY, async () => {
      begun.push(begun.length);
      await gate.pass();
    });
    loop.start();
    await gate.arrived();
    const passed = loop.pass().then(() => begun.length);
    gate.open();
    expect(await passed).toBe(2);
  });

  test('goes on after a failure, thrown at once or later', async () => {
    let runs = 0;
    const loop = loopOf(RARELY, () => {
      runs += 1;
      if (runs === 1) throw new Error('at once');
      return runs === 2 ? Promise.reject(new Error('later')) : Promise.resolve();
    });
    loop.start();
    await loop.pass();
    await loop.pass();
    await loop.pass();
    expect(runs).toBe(4);
  });

  test('waits for the work under way when it stops, and works no more', async () => {
    const gate = new Gate();
    let runs = 0;
    let ended = false;
    const loop = loopOf(1, async () => {
      runs += 1;
      await gate.pass();
      ended = true;
    });
    loop.start();
    await gate.arrived();
    const waiting = loop.pass();
    const stopped = loop.stop();
    const again = loop.stop();
    expect(ended).toBe(false);
    gate.open();
    await Promise.all([stopped, again, waiting]);
    expect(ended).toBe(true);
    loop.wake();
    loop.start();
    await loop.pass();
    expect(runs).toBe(1);
  });

  test('works sooner when something is due sooner, and not later when it is due later', async () => {
    let runs = 0;
    const loop = loopOf(RARELY, async () => {
      runs += 1;
    });
    loop.start();
    await loop.pass();
    const before = runs;
    loop.wakeIn(1);
    loop.wakeIn(RARELY);
    await until(() => runs > before);
    expect(runs).toBe(before + 1);
  });
});
