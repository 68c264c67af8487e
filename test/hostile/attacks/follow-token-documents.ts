import type { Attack } from '../attack.js';
import { followToken } from '../requests.js';
import { inParallel } from '../target.js';

/** Each as long as the limits allow, 8 KB, and never the same twice. */
const DOCUMENTS: readonly ((nth: number) => string)[] = [
  // Valid.
  (nth) => `query Q${nth} { jobs(filter: { status: [${'WAITING '.repeat(950)}] }) { __typename } }`,
  // Refused during validation.
  (nth) => `query Q${nth} { job(id: [${'1 '.repeat(3900)}]) { id } }`,
  (nth) => `query Q${nth} { ${'unknown '.repeat(780)} }`,
  // Refused before validation.
  (nth) => `query Q${nth} { ${' a'.repeat(3900)} }`,
];

export const followTokenDocuments: Attack = {
  name: 'follow-token-documents',
  shows: 'a browser with a follow token fills no cache: documents are weighed by their nodes',
  run: async (target) => {
    const token = await followToken(target);
    const count = target.pick(400, 100) * DOCUMENTS.length;
    await inParallel(count, 2, (i) => {
      const document = DOCUMENTS[i % DOCUMENTS.length];
      return target.ask({ query: document?.(i) ?? '' }, token);
    });
    return [];
  },
};
