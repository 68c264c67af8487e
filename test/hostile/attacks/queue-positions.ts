import type { Attack } from '../attack.js';
import { aliased, submitMany } from '../requests.js';

const ALIASES = 50;

export const queuePositions: Attack = {
  name: 'queue-positions',
  shows: 'a query that asks for thousands of queue positions costs little, or is refused',
  settings: () => ({ RATE_MUTATIONS_PER_MINUTE: '0', QUEUE_LIMIT: '100000', SUBMIT_WAIT_MS: '0' }),
  prepare: async (target) => {
    await submitMany(target, target.pick(10_000, 300));
  },
  run: async (target) => {
    const query = `{ ${aliased(ALIASES, () => 'jobs(first: 100) { edges { node { queuePosition } } }')} }`;
    for (let i = 0; i < 3; i += 1) await target.ask({ query });
    return [];
  },
};
