/** Authenticates callers by API keys of this gateway. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Only the digest of a key is kept, so that memory dumps and errors contain no keys. */
export interface ApiKey {
  readonly tenant: string;
  readonly sha256: Buffer;
}

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
    keys.push({ tenant, sha256: digest === undefined ? sha256(key) : Buffer.from(digest, 'hex') });
  }
  // With one key for two tenants, the tenant would be ambiguous.
  const owners = new Map(keys.map(({ tenant, sha256 }) => [sha256.toString('hex'), tenant]));
  return keys.every(({ tenant, sha256 }) => owners.get(sha256.toString('hex')) === tenant) ? keys : null;
}

/** Returns the tenant of this key; null if there is none. Takes the same time for any input. */
export function tenantOfKey(keys: readonly ApiKey[], presented: string): string | null {
  const digest = sha256(presented);
  let tenant: string | null = null;
  for (const key of keys) if (timingSafeEqual(key.sha256, digest)) tenant = key.tenant;
  return tenant;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
