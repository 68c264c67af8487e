import type { Attack } from '../attack.js';
import { aliased, submitMany } from '../requests.js';

/** The most that an operation's cost allows, and the most aliases that it may have. */
const ALIASES = [16, 50];

export const queuePositions: Attack = {
  name: 'queue-positions',
  shows: 'a query that asks for thousands of queue positions costs little, or is refused',
  settings: () => ({ RATE_MUTATIONS_PER_MINUTE: '0', QUEUE_LIMIT: '100000', SUBMIT_WAIT_MS: '0' }),
  prepare: async (target) => {
    await submitMany(target, target.pick(10_000, 300));
  },
  run: async (target) => {
    const answers = [];
    for (const aliases of [...ALIASES, ...ALIASES, ...ALIASES]) {
      const query = `{ ${aliased(aliases, () => 'jobs(first: 100) { edges { node { queuePosition } } }')} }`;
      answers.push(await target.ask({ query }));
    }
    return answers.some(({ data }) => data !== null) ? [] : ['no position was asked for: all was refused'];
  },
};
