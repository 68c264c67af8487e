/**
 * The end of uploads: hidden first, then erased.
 *
 * Nothing happens to an upload when a job that names it ends. Its `expires_at` is looked at when it is reached, and by
 * then the jobs tell how long it is kept: so jobs without uploads cost nothing, and no end can be missed.
 */
import { type Kysely, sql } from 'kysely';
import type { Upload } from '../uploads/upload.js';
import type { Discarded } from '../uploads/upload-store.js';
import type { Database } from './database.js';
import type { Tables } from './tables.js';
import { toUpload, uploadColumns } from './upload-rows.js';
import { inPlaces } from './value-list.js';

/** Until when jobs keep an upload. */
interface Need {
  readonly isOpen: boolean;
  /** When the last of its jobs finished; null if none has. */
  readonly lastEnd: number | null;
}

/** An upload that an unfinished job needs is looked at again after this time at the earliest. */
const LOOK_AGAIN_MS = 1000;

const NO_NEED: Need = { isOpen: false, lastEnd: null };

/** Returns what the jobs that are not deleted need of these uploads; nothing for those that no job names. */
async function needsOf(db: Kysely<Tables>, uploadIds: readonly string[]): Promise<Map<string, Need>> {
  if (uploadIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('job_uploads')
    .innerJoin('jobs', 'jobs.id', 'job_uploads.job_id')
    .select([
      'upload_id',
      sql<number>`max(case when jobs.finished_at is null then 1 else 0 end)`.as('open'),
      sql<number | null>`max(jobs.finished_at)`.as('last_end'),
    ])
    .where('upload_id', 'in', inPlaces(uploadIds))
    .where('jobs.erase_at', 'is', null)
    .groupBy('upload_id')
    .execute();
  return new Map(
    rows.map(({ upload_id, open, last_end }) => [upload_id, { isOpen: open === 1, lastEnd: last_end }]),
  );
}

export function discard(database: Database, tenant: string, id: string, now: number): Promise<Discarded> {
  if (id.includes('\0')) return Promise.resolve('unknown');
  return database.write(async (trx): Promise<Discarded> => {
    const own = trx
      .selectFrom('uploads')
      .select(['id', 'claim_until'])
      .where('id', '=', id)
      .where('tenant', '=', tenant)
      .where('erase_at', 'is', null);
    const row = await database.waitForLock(own).executeTakeFirst();
    if (row === undefined) return 'unknown';
    if ((await needsOf(trx, [id])).get(id)?.isOpen === true) return 'needed';
    // Whoever is receiving it notices, and removes the bytes; or dies, and then its claim ends.
    await hide(trx, [id], Math.max(now, row.claim_until ?? 0));
    return 'discarded';
  });
}

export async function release(database: Database, jobIds: readonly string[], now: number): Promise<boolean> {
  if (jobIds.length === 0) return false;
  const links = await database.db
    .selectFrom('job_uploads')
    .select('upload_id')
    .where('job_id', 'in', inPlaces(jobIds))
    .execute();
  // Most jobs name no uploads.
  if (links.length === 0) return false;
  return database.write(async (trx) => {
    const named = trx
      .selectFrom('uploads')
      .select('id')
      .where('id', 'in', inPlaces(links.map(({ upload_id }) => upload_id)))
      .where('handed_out', '=', 0)
      .where('erase_at', 'is', null)
      .orderBy('id');
    const ids = (await database.waitForLock(named).execute()).map(({ id }) => id);
    const needs = await needsOf(trx, ids);
    const free = ids.filter((id) => !needs.has(id));
    await hide(trx, free, now);
    return free.length > 0;
  });
}

export async function expire(database: Database, now: number, ttlMs: number, limit: number): Promise<number> {
  const due = (db: Kysely<Tables>) =>
    db
      .selectFrom('uploads')
      .where('erase_at', 'is', null)
      .where('expires_at', '<=', now)
      .where((eb) => eb.or([eb('claim_until', 'is', null), eb('claim_until', '<=', now)]))
      .orderBy('expires_at')
      .limit(limit);
  if ((await due(database.db).select('id').executeTakeFirst()) === undefined) return 0;
  return database.write(async (trx) => {
    const ids = (await database.skipLocked(due(trx).select('id')).execute()).map(({ id }) => id);
    const needs = await needsOf(trx, ids);
    const over: string[] = [];
    for (const id of ids) {
      const { isOpen, lastEnd } = needs.get(id) ?? NO_NEED;
      // It is kept for that long after the end, which is still to come.
      const expires_at = isOpen ? now + Math.max(ttlMs, LOOK_AGAIN_MS) : (lastEnd ?? now - ttlMs) + ttlMs;
      if (!isOpen && expires_at <= now) over.push(id);
      else await trx.updateTable('uploads').set({ expires_at }).where('id', '=', id).execute();
    }
    await hide(trx, over, now);
    return ids.length;
  });
}

async function hide(trx: Kysely<Tables>, ids: readonly string[], erase_at: number): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('uploads').set({ erase_at }).where('id', 'in', inPlaces(ids)).execute();
}

export async function claimErasures(
  database: Database,
  now: number,
  until: number,
  limit: number,
): Promise<readonly Upload[]> {
  const due = (db: Kysely<Tables>) =>
    db
      .selectFrom('uploads')
      .where('erase_at', 'is not', null)
      .where('erase_at', '<=', now)
      .orderBy('erase_at')
      .limit(limit);
  if ((await due(database.db).select('id').executeTakeFirst()) === undefined) return [];
  return database.write(async (trx) => {
    const rows = await database.skipLocked(due(trx).select(uploadColumns)).execute();
    await rescheduleErasures(
      trx,
      rows.map(({ id }) => id),
      until,
    );
    return rows.map(toUpload);
  });
}

export async function rescheduleErasures(
  trx: Kysely<Tables>,
  ids: readonly string[],
  at: number,
): Promise<void> {
  if (ids.length === 0) return;
  await trx
    .updateTable('uploads')
    .set({ erase_at: at })
    .where('id', 'in', inPlaces(ids))
    .where('erase_at', 'is not', null)
    .execute();
}

export async function eraseUploads(trx: Kysely<Tables>, ids: readonly string[]): Promise<void> {
  await trx.deleteFrom('job_uploads').where('upload_id', 'in', inPlaces(ids)).execute();
  await trx.deleteFrom('uploads').where('id', 'in', inPlaces(ids)).execute();
}
