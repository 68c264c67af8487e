/** Authenticates callers by API keys of this gateway. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../../config/api-keys.js';

/** Returns the tenant of this key; null if there is none. Takes the same time for any input. */
export function tenantOfKey(keys: readonly ApiKey[], presented: string): string | null {
  const digest = hash('sha256', presented, 'buffer');
  let tenant: string | null = null;
  for (const key of keys) if (timingSafeEqual(key.sha256, digest)) tenant = key.tenant;
  return tenant;
}
