import { setTimeout as sleep } from 'node:timers/promises';
import { UPGRADE } from '../../support/upgrade.js';
import type { Attack } from '../attack.js';
import { inParallel } from '../target.js';

export const silentSockets: Attack = {
  name: 'silent-sockets',
  shows: 'sockets from one address that say nothing leave places to others',
  settings: () => ({ MAX_SOCKETS: '500' }),
  run: async (target) => {
    const until = Date.now() + target.pick(20_000, 4000);
    const count = target.pick(2000, 600);
    while (Date.now() < until) {
      const sockets = await inParallel(count, 50, () => target.raw(UPGRADE));
      await sleep(2000);
      for (const socket of sockets) socket.destroy();
    }
    return [];
  },
};
