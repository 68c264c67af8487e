import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { picturesOf, submitLarge } from '../requests.js';
import { subscribe } from '../target.js';

const SUBSCRIPTIONS = 90;
/** Makes each event some 2 MB. */
const TIMES = 5;

export const manySubscriptions: Attack = {
  name: 'many-subscriptions',
  shows: 'a socket with 90 subscriptions that all bring the same large job has a limit in bytes',
  run: async (target) => {
    const socket = await target.follow();
    const query = `subscription { jobsUpdated { id ${picturesOf(TIMES)} } }`;
    subscribe(socket, query, SUBSCRIPTIONS);
    await sleep(500);
    socket.pause();
    await submitLarge(target, target.pick(4, 1));
    await sleep(target.pick(5000, 1000));
    socket.terminate();
    return [];
  },
};
