import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { submitMany, submitOf } from '../requests.js';
import type { Target } from '../target.js';

/** Longer than the other gateway may hold a lock. */
const PAUSE_MS = 7000;
const MAX_SUBMIT_MS = 4500;

export const pausedGateway: Attack = {
  name: 'paused-gateway',
  shows: 'a gateway that is paused inside a transaction holds the queue for the others for 2 s at most',
  hasCompanion: true,
  settings: () => ({ RATE_MUTATIONS_PER_MINUTE: '0', QUEUE_LIMIT: '100000', SUBMIT_WAIT_MS: '0' }),
  run: async (target) => {
    const other = target.atCompanion();
    const { pid } = target.companion;
    const slow: string[] = [];
    for (let i = 0; i < target.pick(5, 2); i += 1) {
      // It writes all the time, so it is most likely paused within a transaction.
      const writing = submitMany(other, 400);
      await sleep(150 + 37 * i);
      process.kill(pid, 'SIGSTOP');
      try {
        slow.push(...(await slowSubmits(target, Date.now() + PAUSE_MS)));
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await writing;
    }
    await other.close();
    return slow;
  },
};

async function slowSubmits(target: Target, until: number): Promise<readonly string[]> {
  const slow: string[] = [];
  while (Date.now() < until) {
    const begin = Date.now();
    await target.ask(submitOf());
    const ms = Date.now() - begin;
    if (ms > MAX_SUBMIT_MS) slow.push(`a submit took ${ms} ms while the other gateway was paused`);
    await sleep(100);
  }
  return slow;
}
