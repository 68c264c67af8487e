import type { Attack } from '../attack.js';

const BYTES = 8 * 1024 * 1024 - 64;

export const deepBodies: Attack = {
  name: 'deep-bodies',
  shows: 'without credentials no body is parsed, however deep it is',
  run: async (target) => {
    const deep = '['.repeat(BYTES / 2) + ']'.repeat(BYTES / 2);
    for (const path of ['/graphql', '/graphql/stream']) {
      for (const body of [deep, `{"query":${deep}}`, `{"variables":${deep},"query":"{__typename}"}`]) {
        for (let i = 0; i < target.pick(3, 1); i += 1) await target.post(path, body, null);
      }
    }
    return [];
  },
};
