import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import type { Attack } from '../attack.js';
import { submitMany } from '../requests.js';
import { inParallel, subscribe } from '../target.js';

const SUBSCRIPTIONS = 90;

/** The cursor of the present, told to a subscription. */
async function cursorOf(socket: WebSocket): Promise<string> {
  const told = new Promise<string>((resolve) => {
    socket.on('message', (data) => {
      const cursor = /"cursor":"([^"]+)"/.exec(data.toString())?.[1];
      if (cursor !== undefined) resolve(cursor);
    });
  });
  subscribe(socket, 'subscription { jobsChanged { cursor } }', 1);
  return told;
}

export const returningFollowers: Attack = {
  name: 'returning-followers',
  shows: 'followers of all changes who come back together, and do not read, are told a few jobs at a time',
  run: async (target) => {
    const first = await target.follow();
    const cursor = await cursorOf(first);
    first.terminate();
    await submitMany(target, target.pick(400, 100));
    const query = `subscription { jobsChanged(after: "${cursor}") { kind job { id history { status } } } }`;
    const sockets = await inParallel(target.pick(20, 4), 4, () => target.follow());
    for (const socket of sockets) {
      subscribe(socket, query, SUBSCRIPTIONS);
      socket.pause();
    }
    await sleep(target.pick(10_000, 1500));
    for (const socket of sockets) socket.terminate();
    return [];
  },
};
