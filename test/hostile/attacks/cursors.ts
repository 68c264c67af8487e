import type { Attack } from '../attack.js';
import { submitOf } from '../requests.js';

const PAGE =
  'query ($after: String) { jobs(first: 1, after: $after) { edges { cursor node { createdAt } } } }';

export const cursors: Attack = {
  name: 'cursors',
  shows: 'a cursor cannot be read, and none can be made up to find out how many jobs all tenants have',
  run: async (target) => {
    await target.ask(submitOf());
    const { text } = await target.ask({ query: PAGE });
    const cursor = /"cursor":"([^"]+)"/.exec(text)?.[1] ?? '';
    const createdAt = Date.parse(/"createdAt":"([^"]+)"/.exec(text)?.[1] ?? '');
    const leaks: string[] = [];
    if (/\d{6}/.test(Buffer.from(cursor, 'base64url').toString('latin1'))) {
      leaks.push('a cursor can be read');
    }
    const guess = Buffer.from(`${createdAt}.1000000`).toString('base64url');
    if ((await target.ask({ query: PAGE, variables: { after: guess } })).data?.['jobs'] != null) {
      leaks.push('a cursor can be made up');
    }
    return leaks;
  },
};
