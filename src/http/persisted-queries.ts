/**
 * The cache for Apollo Server's persisted queries: texts by hash. Apollo's own cache limits only the length of the
 * texts, so it has room for millions of short ones.
 */
import { hash } from 'node:crypto';
import type { PersistedQueryOptions } from '@apollo/server';
import { LRUCache } from 'lru-cache';
import type { OperationRequest } from './operation-request.js';

/** The total length, in characters. */
const MAX_PERSISTED_CHARACTERS = 10_000_000;
/** Counted for each entry in addition to its text. */
const ENTRY_CHARACTERS = 500;

/**
 * Returns what is wrong with a persisted query, which Apollo Server would report as an error of its own; null if nothing
 * is, or there is none.
 */
export function persistedQueryFault({ query, extensions }: OperationRequest): string | null {
  if (typeof extensions !== 'object' || extensions === null || !('persistedQuery' in extensions)) return null;
  if (extensions.persistedQuery == null) return null;
  const { version, sha256Hash } = Object(extensions.persistedQuery) as Record<string, unknown>;
  if (version !== 1) return 'extensions.persistedQuery.version must be 1.';
  if (typeof sha256Hash !== 'string') return 'extensions.persistedQuery.sha256Hash must be a string.';
  const isOfAnother =
    typeof query === 'string' && query !== '' && hash('sha256', query, 'hex') !== sha256Hash;
  return isOfAnother
    ? 'extensions.persistedQuery.sha256Hash is not the hash of the query (SHA-256, hex).'
    : null;
}

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
