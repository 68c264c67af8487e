/**
 * What Apollo Server remembers of persisted queries: texts, by their hashes. Its own memory is bounded by the length
 * of the texts alone, so that millions of short ones find room in it.
 */
import type { PersistedQueryOptions } from '@apollo/server';
import { LRUCache } from 'lru-cache';

/** All texts together, in characters. */
const MAX_PERSISTED_CHARACTERS = 10_000_000;
/** What else one takes: its hash, and its place. */
const ENTRY_CHARACTERS = 500;

export function persistedQueries(): PersistedQueryOptions {
  const texts = new LRUCache<string, string>({
    maxSize: MAX_PERSISTED_CHARACTERS,
    sizeCalculation: (text) => text.length + ENTRY_CHARACTERS,
  });
  return {
    cache: {
      get: async (hash) => texts.get(hash),
      set: async (hash, text) => void texts.set(hash, text),
      delete: async (hash) => texts.delete(hash),
    },
  };
}
