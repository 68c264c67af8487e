/** Reads the API keys of this gateway's callers from the settings. */
import { hash } from 'node:crypto';

/** Only the digest of a key is kept, so that memory dumps and errors contain no keys. */
export interface ApiKey {
  readonly tenant: string;
  readonly sha256: Buffer;
  /** Whether the key could be guessed; unknown, and so false, for a digest. */
  readonly isShort: boolean;
}

/** In characters. */
export const STRONG_KEY_LENGTH = 16;

/**
 * Reads `tenant:key,tenant:key`; a key may be given as `sha256:HEX`.
 *
 * @returns null if the text does not have this form, or two tenants have the same key
 */
export function readApiKeys(text: string): readonly ApiKey[] | null {
  const keys: ApiKey[] = [];
  for (const entry of text.split(',')) {
    const match = /^\s*([^\s:,]+):(\S+)\s*$/.exec(entry);
    const [, tenant, key] = match ?? [];
    if (tenant === undefined || key === undefined) return null;
    const digest = /^sha256:([0-9a-f]{64})$/i.exec(key)?.[1];
    if (digest === undefined && key.startsWith('sha256:')) return null;
    keys.push({
      tenant,
      sha256: digest === undefined ? hash('sha256', key, 'buffer') : Buffer.from(digest, 'hex'),
      isShort: digest === undefined && key.length < STRONG_KEY_LENGTH,
    });
  }
  // If two tenants shared a key, the tenant would be ambiguous.
  const owners = new Map(keys.map(({ tenant, sha256 }) => [sha256.toString('hex'), tenant]));
  return keys.every(({ tenant, sha256 }) => owners.get(sha256.toString('hex')) === tenant) ? keys : null;
}
