import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { headOf, inParallel } from '../target.js';

const BYTES = 8 * 1024 * 1024;

export const unfinishedBodies: Attack = {
  name: 'unfinished-bodies',
  shows: 'bodies that never end hold a bounded number of bytes, without credentials or with wrong ones',
  run: async (target) => {
    const body = 'x'.repeat(BYTES - 1);
    const sockets = await inParallel(target.pick(200, 40), 20, async (i) => {
      const socket = await target.raw(headOf('/graphql', BYTES, i % 2 === 0 ? null : 'wrong'));
      socket.write(body);
      return socket;
    });
    await sleep(target.pick(20_000, 4000));
    for (const socket of sockets) socket.destroy();
    return [];
  },
};
