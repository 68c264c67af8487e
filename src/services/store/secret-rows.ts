/** Secrets that the gateways of one database share. */
import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Tables } from './tables.js';

export async function findOrMakeSecret(trx: Kysely<Tables>, name: string): Promise<Uint8Array> {
  const value = randomBytes(32).toString('base64url');
  await trx
    .insertInto('secrets')
    .values({ name, value })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const kept = await trx
    .selectFrom('secrets')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return Buffer.from(kept.value, 'base64url');
}
