/** The gateways that use this database, by their heartbeats. */
import type { Kysely } from 'kysely';
import type { Tables } from './tables.js';

/** Resolves with the number of other instances seen within `ttlMs`. */
export async function beat(trx: Kysely<Tables>, id: string, now: number, ttlMs: number): Promise<number> {
  await trx
    .insertInto('instances')
    .values({ id, seen_at: now })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at: now }))
    .execute();
  await trx
    .deleteFrom('instances')
    .where('seen_at', '<', now - 10 * ttlMs)
    .execute();
  const { n } = await trx
    .selectFrom('instances')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where('id', '!=', id)
    .where('seen_at', '>', now - ttlMs)
    .executeTakeFirstOrThrow();
  return Number(n);
}

export async function forgetInstance(trx: Kysely<Tables>, id: string): Promise<void> {
  await trx.deleteFrom('instances').where('id', '=', id).execute();
}
