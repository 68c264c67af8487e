import type { PageConfig } from './page-config.js';

const OWN_KEY = 'gateway:samples';
const GRAPHIQL_KEYS = ['graphiql:tabState', 'graphiql:query'];

/**
 * GraphiQL keeps the user's documents, including our example, between visits. If the samples have moved since then (the
 * sandbox has another port, or the real Akool is used), replaces their old URLs in the stored documents, and leaves
 * everything else unchanged.
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
