import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Attack } from '../attack.js';
import { BYSTANDER_DOCUMENTS } from '../bystander-documents.js';

const CHARACTERS = 8 * 1024 * 1024 - 64;

export const untrustedTexts: Attack = {
  name: 'untrusted-texts',
  shows: 'a text that is not trusted is not parsed, however long it is',
  settings: (folder) => {
    const file = join(folder, 'trusted.json');
    writeFileSync(file, JSON.stringify(BYSTANDER_DOCUMENTS));
    return { TRUSTED_DOCUMENTS: file };
  },
  run: async (target) => {
    const texts = [`{${' a'.repeat(CHARACTERS / 2 - 4)} }`, `{ ${'#\n'.repeat(CHARACTERS / 2 - 4)} a }`];
    for (const path of ['/graphql', '/graphql/stream']) {
      for (const query of texts) {
        // One that exceeds the limit for bodies without pictures, and one within it.
        await target.post(path, JSON.stringify({ query }));
        await target.post(path, JSON.stringify({ query: `{ ${query.slice(-CHARACTERS / 16)}` }));
      }
    }
    return [];
  },
};
