/** Reads the clock of stored times, and moves due times after it was set. */
import { type Kysely, sql } from 'kysely';
import { type AccountHold, movedBy } from '../jobs/account-hold.js';
import type { ClockMove, ClockReading } from '../jobs/job-store.js';
import type { Database } from './database.js';
import { toHold } from './hold-rows.js';
import type { Tables } from './tables.js';

export function readClock(
  database: Database,
  decide: (reading: ClockReading) => ClockMove,
): Promise<ClockMove> {
  return database.write(async (trx) => {
    // Locks in the same order as leases, and lets nobody else read the clock until this reading is handled.
    const { account_hold: heldAs } = await database.lockQueue(trx);
    const { read_at: lastAt } = await trx.selectFrom('clock').select('read_at').executeTakeFirstOrThrow();
    const earliest = performance.now();
    const at = await database.now(trx);
    const move = decide({ at, earliest, latest: performance.now(), lastAt });
    if (move.due !== 0) await moveDueTimes(trx, toHold(heldAs), move.due);
    if (move.strayPolls !== 0) await moveStrayPolls(trx, at, move.strayPolls);
    if (move.isNoted) await trx.updateTable('clock').set({ read_at: at }).execute();
    return move;
  });
}

/** This is no change of the jobs: no version, no history. */
async function moveDueTimes(trx: Kysely<Tables>, hold: AccountHold | null, ms: number): Promise<void> {
  if (hold !== null) {
    const account_hold = JSON.stringify(movedBy(hold, ms));
    await trx.updateTable('queue').set({ account_hold }).where('id', '=', 1).execute();
  }
  // `sent_at` is never shown; ages computed from it decide what is due. `announced_hold` identifies the hold.
  await trx
    .updateTable('jobs')
    .set({
      announced_hold: sql`announced_hold + ${ms}`,
      sent_at: sql`sent_at + ${ms}`,
      retry_at: sql`retry_at + ${ms}`,
      slot_free_at: sql`slot_free_at + ${ms}`,
      deadline_at: sql`deadline_at + ${ms}`,
      poll_at: sql`poll_at + ${ms}`,
    })
    .where((eb) => eb.or([eb('finished_at', 'is', null), eb('poll_at', 'is not', null)]))
    .execute();
  for (const column of ['archive_at', 'erase_at'] as const) {
    await trx
      .updateTable('jobs')
      .set({ [column]: sql`${sql.ref(column)} + ${ms}` })
      .where(column, 'is not', null)
      .execute();
  }
  await trx
    .updateTable('uploads')
    .set({
      expires_at: sql`expires_at + ${ms}`,
      claim_until: sql`claim_until + ${ms}`,
      erase_at: sql`erase_at + ${ms}`,
    })
    .execute();
  await trx
    .updateTable('idempotency_keys')
    .set({ forget_at: sql`forget_at + ${ms}` })
    .where('forget_at', 'is not', null)
    .execute();
  await trx
    .updateTable('instances')
    .set({ seen_at: sql`seen_at + ${ms}` })
    .execute();
}

async function moveStrayPolls(trx: Kysely<Tables>, now: number, ms: number): Promise<void> {
  await trx
    .updateTable('jobs')
    .set({ poll_at: sql`poll_at + ${ms}` })
    .where('finished_at', 'is', null)
    .where('poll_at', '>', now - ms)
    .execute();
}
