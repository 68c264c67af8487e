import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { aliased, submitMany } from '../requests.js';
import { inParallel, subscribe } from '../target.js';

const SUBSCRIPTIONS = 100;
const ALIASES = 50;

export const manyFollowers: Attack = {
  name: 'many-followers',
  shows: '2,000 subscriptions that each look up 50 histories at every change',
  run: async (target) => {
    const fields = aliased(ALIASES, () => 'history { version status at source note }');
    const query = `subscription { jobsUpdated { id ${fields} } }`;
    const sockets = await inParallel(target.pick(20, 4), 4, () => target.follow());
    for (const socket of sockets) subscribe(socket, query, SUBSCRIPTIONS);
    await submitMany(target, target.pick(20, 4));
    await sleep(target.pick(20_000, 2000));
    for (const socket of sockets) socket.terminate();
    return [];
  },
};
