/** Idempotency keys. They outlive their jobs for a while, so that a late retry does not create a second job. */
import type { Kysely } from 'kysely';
import type { NewJob } from '../jobs/job-store.js';
import type { Tables } from './tables.js';
import { inPlaces } from './value-list.js';

/** The minimum life of a key. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;

export async function findKey(
  db: Kysely<Tables>,
  tenant: string,
  key: string,
): Promise<{ readonly fingerprint: string; readonly job_id: string } | null> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select(['fingerprint', 'job_id'])
    .where('tenant', '=', tenant)
    .where('key', '=', key)
    .executeTakeFirst();
  return row ?? null;
}

export async function rememberKey(
  trx: Kysely<Tables>,
  { id, tenant, at, idempotency }: NewJob,
): Promise<void> {
  if (idempotency === null) return;
  await trx
    .insertInto('idempotency_keys')
    .values({ tenant, ...idempotency, job_id: id, created_at: at, forget_at: null })
    .execute();
}

/** Lets the keys of erased jobs expire at the end of their minimum life. */
export async function letKeysExpire(trx: Kysely<Tables>, jobIds: readonly string[]): Promise<void> {
  await trx
    .updateTable('idempotency_keys')
    .set((eb) => ({ forget_at: eb('created_at', '+', LIFETIME_MS) }))
    .where('job_id', 'in', inPlaces(jobIds))
    .execute();
}

export async function isAnyKeyDue(db: Kysely<Tables>, now: number): Promise<boolean> {
  const due = await db
    .selectFrom('idempotency_keys')
    .select('key')
    .where('forget_at', 'is not', null)
    .where('forget_at', '<=', now)
    .limit(1)
    .executeTakeFirst();
  return due !== undefined;
}

export async function forgetKeys(trx: Kysely<Tables>, now: number): Promise<void> {
  await trx
    .deleteFrom('idempotency_keys')
    .where('forget_at', 'is not', null)
    .where('forget_at', '<=', now)
    .execute();
}
