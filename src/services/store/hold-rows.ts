/** The account hold, which is stored in the queue's row, and its effect on waiting jobs. */
import { type Kysely, type SqlBool, sql } from 'kysely';
import { type AccountHold, type PriceLimits, priceLimits, UNKNOWN_CREDIT } from '../jobs/account-hold.js';
import type { HeldCount, HoldChange, Trial } from '../jobs/job-store.js';
import type { Database } from './database.js';
import { waits } from './due-rows.js';
import { only, Statement } from './statement.js';
import { type JobRow, jobColumns, type Tables } from './tables.js';

export function toHold(text: string | null): AccountHold | null {
  return text === null ? null : (JSON.parse(text) as AccountHold);
}

const holdText = new Statement((db) => db.selectFrom('queue').select('account_hold').where('id', '=', 1));

export async function findHold(db: Kysely<Tables>): Promise<AccountHold | null> {
  return toHold(only(await holdText.rows(db, {})).account_hold);
}

/** Also returns the ids of the jobs for which the balance at their refusal is now known. */
export function changeHold<After extends AccountHold | null>(
  database: Database,
  change: (before: AccountHold | null) => After,
): Promise<HoldChange<After> & { readonly marked: readonly string[] }> {
  return database.write(async (trx) => {
    const before = toHold((await database.lockQueue(trx)).account_hold);
    const after = change(before);
    if (after === before) return { before, after, marked: [] };
    const text = after === null ? null : JSON.stringify(after);
    await trx.updateTable('queue').set({ account_hold: text }).where('id', '=', 1).execute();
    const marked = after === null || after.credit === null ? [] : await markRefused(trx, after.credit);
    return { before, after, marked };
  });
}

/** This is no change of the jobs: no version, no history. */
async function markRefused(trx: Kysely<Tables>, credit: number): Promise<readonly string[]> {
  const marked = await trx
    .updateTable('jobs')
    .set({ credit_refused: credit })
    .where('credit_refused', '=', UNKNOWN_CREDIT)
    .where('finished_at', 'is', null)
    .returning('id')
    .execute();
  return marked.map(({ id }) => id);
}

/** The rule of `isTooDear` in account-hold.ts. */
export function isTooDear({ credit, pictures }: PriceLimits) {
  return sql<SqlBool>`(coalesce(credit_refused, -1) >= ${credit} or coalesce(pictures, 0) >= ${pictures})`;
}

/**
 * Chooses a job for a trial: first the cheapest of those that were not refused yet, then the one that was tried longest
 * ago. If the account is refused regardless of cost, only the latter counts.
 */
export function trialOf(
  database: Database,
  trx: Kysely<Tables>,
  hold: AccountHold,
  trial: Trial,
  now: number,
): Promise<JobRow[]> {
  const limits = priceLimits(hold);
  const all = trx.selectFrom('jobs').select(jobColumns).where(waits).where('deadline_at', '>', now);
  const wanted =
    trial === 'any'
      ? all
      : all.where((eb) => (trial === 'too-dear' ? isTooDear(limits) : eb.not(isTooDear(limits))));
  return database
    .skipLocked(
      wanted
        .$if(hold.reason === 'NO_CREDIT', (jobs) =>
          jobs
            .orderBy(sql`case when coalesce(credit_refused, -1) >= ${limits.credit} then 1 else 0 end`)
            .orderBy(sql`coalesce(pictures, 2147483647)`),
        )
        .orderBy(sql`coalesce(sent_at, 0)`)
        .orderBy('turn')
        .orderBy('sequence')
        .limit(1),
    )
    .execute();
}

/** Whether any waiting job was stored since the hold began, and not sent yet. */
export async function isAnyNewUntried(trx: Kysely<Tables>, { since }: AccountHold): Promise<boolean> {
  const untried = await trx
    .selectFrom('jobs')
    .select('id')
    .where(waits)
    .where('created_at', '>', since)
    .where('sent_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return untried !== undefined;
}

export async function countHeld(db: Kysely<Tables>, hold: AccountHold, now: number): Promise<HeldCount> {
  const { all, tooDear } = await db
    .selectFrom('jobs')
    .select((eb) => [
      eb.fn.countAll<number>().as('all'),
      sql<number>`count(case when ${isTooDear(priceLimits(hold))} then 1 end)`.as('tooDear'),
    ])
    .where(waits)
    .where('deadline_at', '>', now)
    .executeTakeFirstOrThrow();
  return { all: Number(all), tooDear: Number(tooDear) };
}
