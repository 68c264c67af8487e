import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { picturesOf, submitLarge } from '../requests.js';
import { inParallel } from '../target.js';

export const unreadAnswers: Attack = {
  name: 'unread-answers',
  shows: 'answers that nobody reads hold a bounded number of bytes',
  prepare: (target) => submitLarge(target, target.pick(55, 12)),
  run: async (target) => {
    const query = `{ jobs(first: 55) { edges { node { id ${picturesOf(1)} } } } }`;
    const sockets = await inParallel(target.pick(60, 20), 20, () => target.unread('/graphql', { query }));
    await sleep(target.pick(20_000, 4000));
    for (const socket of sockets) socket.destroy();
    return [];
  },
};
