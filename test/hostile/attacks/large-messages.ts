import { UPGRADE } from '../../support/upgrade.js';
import type { Attack } from '../attack.js';
import { followToken } from '../requests.js';
import { inParallel } from '../target.js';

const many = (one: (i: number) => string, count: number): string =>
  Array.from({ length: count }, (_, i) => one(i)).join();
/** The members of requests that take longest to read, because of their length or their number. */
const EXTENSIONS = [
  `{"x":"${'x'.repeat(1_000_000)}"}`,
  `{"x":"${'é'.repeat(500_000)}"}`,
  `{${many((i) => `"${i.toString(36)}":{}`, 5000)}}`,
  `{${many((i) => `"x${i.toString(36)}":1`, 74_000)}}`,
];
const REQUESTS = EXTENSIONS.map((extensions) => `{"query":"{ __typename }","extensions":${extensions}}`);

/** A complete client message (RFC 6455, section 5.2), masked with zeros. */
function frameOf(text: string): Buffer {
  const content = Buffer.from(text);
  const head = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(content.length, 6);
  return Buffer.concat([head, content]);
}

export const largeMessages: Attack = {
  name: 'large-messages',
  shows: 'messages and bodies with follow tokens cost others no time, however many come and of how many jobs',
  run: async (target) => {
    const tokens = await inParallel(target.pick(32, 8), 4, () => followToken(target));
    const until = Date.now() + target.pick(20_000, 4000);
    const lanes = target.pick(64, 16);
    await inParallel(lanes, lanes, async (lane) => {
      const token = tokens[lane % tokens.length] ?? '';
      const request = REQUESTS[lane % REQUESTS.length] ?? '';
      const init = frameOf(`{"type":"connection_init","payload":{"authorization":"Bearer ${token}"}}`);
      const message = frameOf(`{"type":"subscribe","id":"1","payload":${request}}`);
      while (Date.now() < until) {
        const socket = await target.raw(UPGRADE);
        socket.resume().write(init);
        const end = setTimeout(() => socket.destroy(), until - Date.now());
        while (!socket.destroyed) await new Promise((resolve) => socket.write(message, resolve));
        clearTimeout(end);
        await target.post('/graphql', request, token);
      }
    });
    return [];
  },
};
