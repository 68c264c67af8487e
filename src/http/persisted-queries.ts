/**
 * The cache for Apollo Server's persisted queries: texts by hash. Apollo's own cache limits only the length of the
 * texts, so it has room for millions of short ones.
 */
import type { PersistedQueryOptions } from '@apollo/server';
import { LRUCache } from 'lru-cache';

/** The total length, in characters. */
const MAX_PERSISTED_CHARACTERS = 10_000_000;
/** Counted for each entry in addition to its text. */
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
