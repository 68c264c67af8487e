/** Which writes share a commit. The durability of commits is tested with the stores. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CommitQueue, type Transactor } from '../../../src/services/store/commit-queue.js';
import { Gate } from '../../support/gate.js';

// The queue collects writes for some milliseconds of this clock, however slow the machine is.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Records how many writes each transaction contained. */
class Ledger implements Transactor<number[]> {
  readonly commits: number[][] = [];

  mayPass(): boolean {
    return false;
  }

  async transaction<T>(work: (written: number[]) => Promise<T>): Promise<T> {
    const written: number[] = [];
    const result = await work(written);
    this.commits.push(written);
    return result;
  }
}

function queue(mostWrites = 1000): { ledger: Ledger; write: (n: number) => Promise<number> } {
  const ledger = new Ledger();
  const commits = new CommitQueue(ledger, { mostWrites, timeoutMs: null });
  return { ledger, write: (n) => commits.write(async (written) => written.push(n)) };
}

it('commits those together that arrive in the same turn of the event loop', async () => {
  const { ledger, write } = queue();
  await Promise.all([write(1), write(2), write(3)]);
  expect(ledger.commits).toEqual([[1, 2, 3]]);
});

it('gathers for as long as each turn brings one more', async () => {
  const { ledger, write } = queue();
  const all: Promise<number>[] = [write(0)];
  for (let n = 1; n <= 2; n += 1) {
    all.push(write(n));
    await setImmediate();
  }
  await Promise.all(all);
  expect(ledger.commits).toEqual([[0, 1, 2]]);
});

it('does not wait for what does not come', async () => {
  const { ledger, write } = queue();
  const first = write(1);
  await setImmediate();
  await setImmediate();
  await setImmediate();
  expect(ledger.commits).toEqual([[1]]);
  await Promise.all([first, write(2)]);
  expect(ledger.commits).toEqual([[1], [2]]);
});

it('commits at last though there is no end of them', async () => {
  const { ledger, write } = queue();
  let done = false;
  const first = write(0).then(() => {
    done = true;
  });
  const all: Promise<number>[] = [];
  while (!done) {
    all.push(write(all.length + 1));
    vi.advanceTimersByTime(1);
    await setImmediate();
  }
  await Promise.all([first, ...all]);
  // Ten milliseconds with one write each, plus the first.
  expect(ledger.commits[0]).toHaveLength(11);
  expect(ledger.commits.flat()).toEqual([0, ...all.map((_, n) => n + 1)]);
});

it('holds no more in one transaction than it may', async () => {
  const { ledger, write } = queue(2);
  await Promise.all([1, 2, 3, 4, 5].map(write));
  expect(ledger.commits).toEqual([[1, 2], [3, 4], [5]]);
});

it('keeps nothing of writes that nobody waits for any more, however long a commit takes', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const stuck = new Gate();
  const transaction = async (): Promise<never> => {
    await stuck.pass();
    throw new Error('gone');
  };
  const commits = new CommitQueue<null>(
    { transaction, mayPass: () => false },
    { mostWrites: 1, timeoutMs: 20 },
  );
  const refused: unknown[] = [];
  const writeOne = (): WeakRef<object> => {
    const work = async () => null;
    commits.write(work).catch((error: Error) => refused.push(error.message));
    return new WeakRef(work);
  };
  const under = commits.write(async () => null, { until: new AbortController().signal });
  // Otherwise one of the others could be in the commit, if this one was too late for it.
  await stuck.arrived();
  const late = Array.from({ length: 10 }, writeOne);
  await vi.waitUntil(() => refused.length === 10, { timeout: 10_000 });
  const areGone = (): boolean => {
    collect();
    return late.every((work) => work.deref() === undefined);
  };
  // The last call may still be on the stack, or be collected later.
  await vi.waitUntil(areGone, { timeout: 10_000 });
  stuck.open();
  await expect(under).rejects.toThrow('gone');
  await commits.drained();
});
