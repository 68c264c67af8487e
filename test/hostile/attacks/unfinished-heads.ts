import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { inParallel } from '../target.js';

const HEAD = 'GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nx: '.padEnd(15_000, 'x');
/** The limit of all heads together, plus some that have just arrived. */
const MAX_BYTES = 20 * 1024 * 1024;

export const unfinishedHeads: Attack = {
  name: 'unfinished-heads',
  shows: 'heads of requests that never end hold a bounded number of bytes, without credentials',
  run: async (target) => {
    const sockets = await inParallel(target.pick(9000, 2000), 50, async () => {
      const socket = await target.raw(HEAD);
      return socket.resume();
    });
    await sleep(target.pick(10_000, 2000));
    const held = sockets.filter((socket) => !socket.destroyed).length * HEAD.length;
    for (const socket of sockets) socket.destroy();
    return held > MAX_BYTES ? [`${held} bytes of heads were held`] : [];
  },
};
