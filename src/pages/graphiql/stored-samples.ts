import type { PageConfig } from './page-config.js';

const OWN_KEY = 'gateway:samples';
const GRAPHIQL_KEYS = ['graphiql:tabState', 'graphiql:query'];

/**
 * GraphiQL keeps the reader's documents, and our example among them, from visit to visit. The samples may have moved
 * since: the sandbox has another port, or the real Akool is used. Then their old addresses are replaced where they are
 * stored, and all else is left as it was.
 */
export function renewStoredSamples(storage: Storage, samples: PageConfig): void {
  const present = JSON.stringify([samples.sampleSource, samples.sampleTarget]);
  const stored = storage.getItem(OWN_KEY);
  storage.setItem(OWN_KEY, present);
  if (stored === null || stored === present) return;

  const [oldSource, oldTarget] = JSON.parse(stored) as [string, string];
  for (const key of GRAPHIQL_KEYS) {
    const value = storage.getItem(key);
    if (value === null) continue;
    const renewed = value
      .replaceAll(oldSource, () => samples.sampleSource)
      .replaceAll(oldTarget, () => samples.sampleTarget);
    storage.setItem(key, renewed);
  }
}
