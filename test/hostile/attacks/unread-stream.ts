import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { picturesOf, submitLarge } from '../requests.js';

/** Repeated this often, the pictures of a job make an event of some 8 MB. */
const TIMES = 20;

export const unreadStream: Attack = {
  name: 'unread-stream',
  shows: 'an event stream that is not read holds a bounded number of bytes',
  run: async (target) => {
    const query = `subscription { jobsUpdated { id ${picturesOf(TIMES)} } }`;
    const stream = await target.unread('/graphql/stream', { query }, 'text/event-stream');
    await submitLarge(target, target.pick(16, 5));
    await sleep(target.pick(5000, 1000));
    stream.destroy();
    return [];
  },
};
