import type { Attack } from '../attack.js';
import { aliased, largeSubmitOf } from '../requests.js';
import { inParallel } from '../target.js';

/** Length of each picture's URL, short enough for many to fit into one response. */
const ADDRESS_LENGTH = 40;

export const dearQueries: Attack = {
  name: 'dear-queries',
  shows: 'dear queries of a tenant run in turns: 20 at once, each of two pages of 100 jobs with 100 pictures',
  prepare: async (target) => {
    await inParallel(100, 4, (i) => target.ask(largeSubmitOf(i, ADDRESS_LENGTH)));
  },
  run: async (target) => {
    const page =
      'jobs(first: 100) { edges { node { ... on FaceSwapJob { sourceImage { path } targetImage { path } } } } }';
    const query = `{ ${aliased(2, () => page)} }`;
    for (let i = 0; i < target.pick(5, 2); i += 1) {
      const answers = await inParallel(20, 20, () => target.ask({ query }));
      const refused = answers.filter(({ status, codes }) => status !== 200 || codes.length > 0);
      if (refused.length > 0) return [`${refused.length} of 20 queries were not answered`];
    }
    return [];
  },
};
