import type { Attack } from '../attack.js';
import { jwtOf } from '../callers.js';
import { submitOf } from '../requests.js';

/** Pairs that some layer cannot tell apart or cannot store. */
const PAIRS: readonly (readonly [own: string, other: string])[] = [
  ['acme\ud800', 'acme\ud801'],
  ['\udc00', '\ufffd'],
  ['acme\u0000', 'acme\u0000globex'],
  ['acme\u0000', 'acme'],
];
const LIST = '{ jobs { edges { node { id } } } }';

export const tenantNames: Attack = {
  name: 'tenant-names',
  shows: 'tenants whose names layers read differently see nothing of each other and lose nothing',
  run: async (target) => {
    const leaks: string[] = [];
    for (const [own, other] of PAIRS) {
      const [mine, theirs] = [await jwtOf({ tenant: own }), await jwtOf({ tenant: other })];
      const { text } = await target.ask(submitOf(), mine);
      const id = /"id":"([^"]+)"/.exec(text)?.[1];
      // Refused, so nothing can be seen or lost.
      if (id === undefined) continue;
      const pair = `${JSON.stringify(own)} and ${JSON.stringify(other)}`;
      if ((await target.ask({ query: LIST }, theirs)).text.includes(id)) leaks.push(`${pair} are one`);
      if (!(await target.ask({ query: LIST }, mine)).text.includes(id)) leaks.push(`${pair}: a job is lost`);
    }
    return leaks;
  },
};
