import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Attack } from '../attack.js';
import { ATTACKER_KEY } from '../callers.js';
import { picturesOf, submitLarge } from '../requests.js';

const SUBSCRIPTIONS = 90;
/** Each event is some 2 MB. */
const TIMES = 5;

export const manySubscriptions: Attack = {
  name: 'many-subscriptions',
  shows: 'a socket with 90 subscriptions that all bring the same large job has a limit in bytes',
  run: async (target) => {
    const socket = new WebSocket(`${target.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
      localAddress: '127.0.0.2',
    });
    socket.on('error', () => {});
    const say = (message: unknown): void => socket.send(JSON.stringify(message));
    await new Promise<void>((resolve) => {
      socket.once('open', () =>
        say({ type: 'connection_init', payload: { authorization: `Bearer ${ATTACKER_KEY}` } }),
      );
      socket.once('message', () => resolve());
      socket.once('close', () => resolve());
    });
    const query = `subscription { jobsUpdated { id ${picturesOf(TIMES)} } }`;
    for (let i = 0; i < SUBSCRIPTIONS; i += 1) {
      say({ type: 'subscribe', id: String(i), payload: { query } });
    }
    await sleep(500);
    socket.pause();
    await submitLarge(target, target.pick(4, 1));
    await sleep(target.pick(5000, 1000));
    socket.terminate();
    return [];
  },
};
