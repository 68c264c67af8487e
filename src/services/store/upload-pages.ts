/** Lists a tenant's uploads, page by page. */
import type { ExpressionBuilder, Kysely } from 'kysely';
import type { JobPlace, PageRequest } from '../jobs/job-store.js';
import type { UploadPage } from '../uploads/upload-store.js';
import type { Tables } from './tables.js';
import { toUpload, uploadColumns } from './upload-rows.js';

export async function listUploads(
  db: Kysely<Tables>,
  tenant: string,
  { limit, direction, after, before }: PageRequest,
): Promise<UploadPage> {
  const within = (older: JobPlace | undefined, newer: JobPlace | undefined) =>
    db
      .selectFrom('uploads')
      .where('tenant', '=', tenant)
      .where('erase_at', 'is', null)
      .$if(older !== undefined, (q) => q.where((eb) => isBeyond(eb, '<', older)))
      .$if(newer !== undefined, (q) => q.where((eb) => isBeyond(eb, '>', newer)));
  const isAny = async (older?: JobPlace, newer?: JobPlace): Promise<boolean> =>
    (await within(older, newer).select('id').limit(1).executeTakeFirst()) !== undefined;

  const isForward = direction === 'forward';
  const order = isForward ? 'desc' : 'asc';
  const rows = await within(after, before)
    .select(uploadColumns)
    .orderBy('created_at', order)
    .orderBy('sequence', order)
    .limit(limit + 1)
    .execute();
  const uploads = rows.slice(0, limit).map(toUpload);
  if (!isForward) uploads.reverse();
  const more = rows.length > limit;
  const [newest, oldest] = [uploads[0], uploads.at(-1)];
  // Without `after`, a forward page begins with the newest; without `before`, a backward one ends with the oldest.
  const mayBeNewer = after !== undefined && newest !== undefined;
  const mayBeOlder = before !== undefined && oldest !== undefined;
  return {
    uploads,
    hasNextPage: isForward ? more : mayBeOlder && (await isAny(oldest)),
    hasPreviousPage: isForward ? mayBeNewer && (await isAny(undefined, newest)) : more,
  };
}

function isBeyond(eb: ExpressionBuilder<Tables, 'uploads'>, side: '<' | '>', place: JobPlace | undefined) {
  const { createdAt, sequence } = place ?? { createdAt: 0, sequence: 0 };
  return eb(eb.refTuple('created_at', 'sequence'), side, eb.tuple(createdAt, sequence));
}
