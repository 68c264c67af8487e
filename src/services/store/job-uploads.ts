/** The uploads that a new job names. */
import type { Kysely } from 'kysely';
import type { Created, NewJob } from '../jobs/job-store.js';
import type { Database } from './database.js';
import type { Tables } from './tables.js';
import { isName } from './upload-rows.js';
import { inPlaces } from './value-list.js';

type Unusable = Extract<Created, { readonly kind: 'uploads-unusable' }>;

/**
 * Locks the uploads that a job names, so that none is erased before the job is stored.
 *
 * @returns their ids; or those names that are not its tenant's `READY` uploads
 */
export async function lockNamed(
  database: Database,
  trx: Kysely<Tables>,
  { tenant, uploads }: NewJob,
): Promise<readonly string[] | Unusable> {
  if (uploads === null) return [];
  const named = trx
    .selectFrom('uploads')
    .select(['id', 'name', 'sent_sha256'])
    .where('name', 'in', inPlaces(['', ...uploads.names.filter(isName)]))
    .where('tenant', '=', tenant)
    .where('erase_at', 'is', null)
    .orderBy('id');
  const rows = await database.waitForLock(named).execute();
  const known = new Map(rows.map((row) => [row.name, row]));
  const notReady = rows.filter(({ sent_sha256 }) => sent_sha256 === null).map(({ name }) => name);
  const unknown = uploads.names.filter((name) => !known.has(name));
  if (notReady.length + unknown.length > 0) return { kind: 'uploads-unusable', notReady, unknown };
  return rows.map(({ id }) => id);
}

export async function linkUploads(
  trx: Kysely<Tables>,
  { id, uploads }: NewJob,
  uploadIds: readonly string[],
): Promise<void> {
  if (uploads === null || uploadIds.length === 0) return;
  await trx
    .updateTable('uploads')
    .set({ expires_at: uploads.expiresAt, handed_out: 0 })
    .where('id', 'in', inPlaces(uploadIds))
    .execute();
  await trx
    .insertInto('job_uploads')
    .columns(['upload_id', 'job_id'])
    .expression((eb) =>
      eb
        .selectFrom('uploads')
        .select(['id', eb.val(id).as('job_id')])
        .where('id', 'in', inPlaces(uploadIds)),
    )
    .execute();
}
