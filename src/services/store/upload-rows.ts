/** Single uploads: announcing, receiving and finding them. */
import type { Kysely, Selectable } from 'kysely';
import { hasEnded } from '../uploads/put-token.js';
import { type KeptUpload, UNNAMED_LIFE_MS, type Upload } from '../uploads/upload.js';
import type { NewUpload, Reception } from '../uploads/upload-store.js';
import type { Database } from './database.js';
import { Statement } from './statement.js';
import type { Tables, UploadTable } from './tables.js';
import { inPlaces } from './value-list.js';

/** All columns that an `Upload` is made of. */
export const uploadColumns = [
  'sequence',
  'id',
  'tenant',
  'name',
  'put_token',
  'created_at',
  'expires_at',
  'announced',
  'kept',
] as const;

type UploadRow = Pick<Selectable<UploadTable>, (typeof uploadColumns)[number]>;

export function toUpload(row: UploadRow): Upload {
  return {
    id: row.id,
    tenant: row.tenant,
    sequence: row.sequence,
    status: row.kept === null ? 'AWAITING' : 'READY',
    name: row.name,
    putToken: row.put_token,
    announced: JSON.parse(row.announced) as Upload['announced'],
    kept: row.kept === null ? null : (JSON.parse(row.kept) as KeptUpload),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

export function announce(
  database: Database,
  upload: NewUpload,
  quotaBytes: number | null,
): Promise<Upload | null> {
  const { id, tenant, name, putToken, announced, at, expiresAt } = upload;
  return database.write(async (trx) => {
    if (quotaBytes !== null) {
      // One at a time, so that those announced at once see each other.
      await database.lockQueue(trx);
      if ((await usageOf(trx, tenant, at)) + announced.byteSize > quotaBytes) return null;
    }
    const row = await trx
      .insertInto('uploads')
      .values({
        id,
        tenant,
        name,
        put_token: putToken,
        created_at: at,
        expires_at: expiresAt,
        bytes: announced.byteSize,
        handed_out: 1,
        announced: JSON.stringify(announced),
      })
      .returning(uploadColumns)
      .executeTakeFirstOrThrow();
    return toUpload(row);
  });
}

export async function usageOf(db: Kysely<Tables>, tenant: string, now: number): Promise<number> {
  const { bytes } = await db
    .selectFrom('uploads')
    .select((eb) => eb.fn.sum<number | null>('bytes').as('bytes'))
    .where('tenant', '=', tenant)
    .where('erase_at', 'is', null)
    .where((eb) =>
      eb.or([eb('sent_sha256', 'is not', null), eb('expires_at', '>', now), eb('claim_until', '>', now)]),
    )
    .executeTakeFirstOrThrow();
  return Number(bytes ?? 0);
}

export async function handOut(
  database: Database,
  tenant: string,
  sentSha256: string,
  expiresAt: number,
): Promise<Upload | null> {
  const same = (db: Kysely<Tables>) =>
    db
      .selectFrom('uploads')
      .select(uploadColumns)
      .where('tenant', '=', tenant)
      .where('sent_sha256', '=', sentSha256)
      .where('erase_at', 'is', null)
      .orderBy('sequence', 'desc')
      .limit(1);
  // Usually there is none, and a read is enough to find out.
  if ((await same(database.db).executeTakeFirst()) === undefined) return null;
  return database.write(async (trx) => {
    const found = await database.waitForLock(same(trx)).executeTakeFirst();
    if (found === undefined) return null;
    const expires_at = Math.max(found.expires_at, expiresAt);
    await trx.updateTable('uploads').set({ expires_at, handed_out: 1 }).where('id', '=', found.id).execute();
    return toUpload({ ...found, expires_at });
  });
}

export async function findUpload(db: Kysely<Tables>, tenant: string, id: string): Promise<Upload | null> {
  // PostgreSQL's text type can't contain it, and the query would fail.
  if (id.includes('\0')) return null;
  const row = await db
    .selectFrom('uploads')
    .select(uploadColumns)
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .where('erase_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? null : toUpload(row);
}

export async function findNamed(
  db: Kysely<Tables>,
  tenant: string,
  names: readonly string[],
): Promise<Map<string, Upload>> {
  const possible = names.filter(isName);
  if (possible.length === 0) return new Map();
  const rows = await db
    .selectFrom('uploads')
    .select(uploadColumns)
    .where('name', 'in', inPlaces(possible))
    .where('tenant', '=', tenant)
    .where('erase_at', 'is', null)
    .execute();
  return new Map(rows.map((row) => [row.name, toUpload(row)]));
}

const served = new Statement((db, { name }: { name: string }) =>
  db
    .selectFrom('uploads')
    .select(uploadColumns)
    .where('name', '=', name)
    .where('erase_at', 'is', null)
    .where('kept', 'is not', null),
);

export async function findServed(db: Kysely<Tables>, lastPart: string): Promise<Upload | null> {
  const [name = ''] = lastPart.split('.', 1);
  if (!isName(name)) return null;
  const [row] = await served.rows(db, { name });
  return row === undefined ? null : toUpload(row);
}

/** Whether it can be the name of an upload, or the permission to send one. */
export function isName(text: string): boolean {
  return /^[\w-]{1,64}$/.test(text);
}

export function beginReception(
  database: Database,
  putToken: string,
  claim: { readonly id: string; readonly now: number; readonly until: number },
): Promise<Reception> {
  return database.write(async (trx): Promise<Reception> => {
    const sent = trx
      .selectFrom('uploads')
      .select([...uploadColumns, 'claim', 'claim_until'])
      .where('put_token', '=', isName(putToken) ? putToken : '')
      .where('erase_at', 'is', null);
    const row = await database.waitForLock(sent).executeTakeFirst();
    if (row === undefined) return { outcome: hasEnded(putToken, claim.now) ? 'expired' : 'unknown' };
    if (row.kept !== null) return { outcome: 'ready', upload: toUpload(row) };
    if (row.claim !== null && (row.claim_until ?? 0) > claim.now) return { outcome: 'inProgress' };
    if (row.expires_at <= claim.now) return { outcome: 'expired' };
    await trx
      .updateTable('uploads')
      .set({ claim: claim.id, claim_until: claim.until })
      .where('id', '=', row.id)
      .execute();
    return { outcome: 'claimed', upload: toUpload(row) };
  });
}

/** Sets until when the claim holds; null: it is given up. Returns false if it was lost. */
export async function moveClaim(
  trx: Kysely<Tables>,
  id: string,
  claim: string,
  until: number | null,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('uploads')
    .set(until === null ? { claim: null, claim_until: null } : { claim_until: until })
    .where('id', '=', id)
    .where('claim', '=', claim)
    .where('kept', 'is', null)
    .where('erase_at', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function giveUpClaims(trx: Kysely<Tables>): Promise<void> {
  await trx
    .updateTable('uploads')
    .set({ claim: null, claim_until: null })
    .where('claim_until', 'is not', null)
    .execute();
}

/** The claim stays on record, so that a repeated call finds what the first one did. */
export async function finishReception(
  trx: Kysely<Tables>,
  id: string,
  claim: string,
  kept: KeptUpload,
  now: number,
): Promise<Upload | null> {
  await trx
    .updateTable('uploads')
    .set({
      claim_until: null,
      expires_at: now + UNNAMED_LIFE_MS,
      bytes: kept.byteSize,
      sent_sha256: kept.sentSha256,
      kept: JSON.stringify(kept),
    })
    .where('id', '=', id)
    .where('claim', '=', claim)
    .where('kept', 'is', null)
    .where('erase_at', 'is', null)
    .execute();
  const row = await trx
    .selectFrom('uploads')
    .select(uploadColumns)
    .where('id', '=', id)
    .where('claim', '=', claim)
    .where('kept', 'is not', null)
    .where('erase_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? null : toUpload(row);
}
