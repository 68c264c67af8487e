/**
 * Persisted queries, whose texts are kept by their hash. Apollo Server's own cache limits only the length of the texts,
 * so it has room for millions of short ones.
 */
import { hash } from 'node:crypto';
import type { PersistedQueryOptions } from '@apollo/server';
import { LRUCache } from 'lru-cache';
import type { OperationRequest } from './operation-request.js';
import { REFUSALS, type Refusal } from './refusals.js';

/** The total length, in characters. */
const MAX_PERSISTED_CHARACTERS = 10_000_000;
/** Counted for each entry in addition to its text. */
const ENTRY_CHARACTERS = 500;

/**
 * Returns what is wrong with a persisted query, which Apollo Server would report as an error of its own; null if nothing
 * is, or there is none.
 */
export function persistedQueryFault({ query, extensions }: OperationRequest): Refusal | null {
  const asked = askedOf(extensions);
  if (asked === null) return null;
  const { version, sha256Hash } = asked;
  if (version !== 1) return REFUSALS.PERSISTED_VERSION;
  if (typeof sha256Hash !== 'string') return REFUSALS.PERSISTED_HASH;
  const isOfAnother =
    typeof query === 'string' && query !== '' && hash('sha256', query, 'hex') !== sha256Hash;
  return isOfAnother ? REFUSALS.PERSISTED_OTHER : null;
}

/** Returns the hash of a request without a fault; null if it names none. */
export function persistedHash({ extensions }: OperationRequest): string | null {
  const { sha256Hash } = askedOf(extensions) ?? {};
  return typeof sha256Hash === 'string' ? sha256Hash : null;
}

function askedOf(extensions: unknown): Record<string, unknown> | null {
  if (typeof extensions !== 'object' || extensions === null || !('persistedQuery' in extensions)) return null;
  return extensions.persistedQuery == null ? null : Object(extensions.persistedQuery);
}

export class PersistedTexts {
  readonly #texts = new LRUCache<string, string>({
    maxSize: MAX_PERSISTED_CHARACTERS,
    sizeCalculation: (text) => text.length + ENTRY_CHARACTERS,
  });

  get(hash: string): string | undefined {
    return this.#texts.get(hash);
  }

  set(hash: string, text: string): void {
    this.#texts.set(hash, text);
  }

  /** The same texts for Apollo Server, which begins the keys with a prefix of its own. */
  get forApollo(): PersistedQueryOptions {
    const hashOf = (key: string): string => key.replace(/^apq:/, '');
    return {
      cache: {
        get: async (key) => this.get(hashOf(key)),
        set: async (key, text) => this.set(hashOf(key), text),
        delete: async (key) => this.#texts.delete(hashOf(key)),
      },
    };
  }
}
