import type { Attack } from '../attack.js';
import { inParallel } from '../target.js';

const STATUSES = ['WAITING', 'SUBMITTING', 'UNCONFIRMED', 'QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED'];
/** Nearly as many values as variables may have. */
const LONGEST = 4900;

export const statusLists: Attack = {
  name: 'status-lists',
  shows: 'lists of ever other lengths leave no prepared statements behind',
  run: async (target) => {
    const query = 'query ($status: [JobStatus!]) { jobs(filter: { status: $status }) { edges { cursor } } }';
    await inParallel(target.pick(500, 100), 2, (i) => {
      const status = Array.from({ length: LONGEST - i }, (_, n) => STATUSES[n % STATUSES.length]);
      return target.ask({ query, variables: { status } });
    });
    return [];
  },
};
