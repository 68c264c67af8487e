import type { Attack } from '../attack.js';
import { aliased, picturesOf, submitLarge } from '../requests.js';

export const wideAnswers: Attack = {
  name: 'wide-answers',
  shows: 'an answer has a limit in bytes: 7 pages of large requests would be one of 287 MB',
  prepare: (target) => submitLarge(target, target.pick(110, 12)),
  run: async (target) => {
    const page = `jobs(first: 100) { edges { node { id ${picturesOf(1)} } } }`;
    for (let i = 0; i < 3; i += 1) await target.ask({ query: `{ ${aliased(7, () => page)} }` });
    return [];
  },
};
