/** A database that tells whether it takes writes: one that reads well may be full, or let nobody write. */
import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Database } from './database.js';
import type { Tables } from './tables.js';
import { isUnavailable } from './unavailable.js';

export interface WatchedDatabase extends Database {
  /** Rejects when it can't be read; or not written, where a write failed for that since the last time. */
  ping(): Promise<void>;
}

export function watchingWrites(database: Database): WatchedDatabase {
  let isFailing = false;
  const write: Database['write'] = async (work, options) => {
    try {
      return await database.write(work, options);
    } catch (error) {
      if (isUnavailable(error)) isFailing = true;
      throw error;
    }
  };
  return {
    ...database,
    write,
    ping: async () => {
      // It costs two commits, so it is tried only where there is doubt.
      if (!isFailing) return database.ping();
      await write(takeRoom);
      await write(giveBack);
      isFailing = false;
    },
  };
}

/** As much as several jobs: on a full disk the smallest writes still find a place that a larger one left. */
const ROOM_BYTES = 64 * 1024;
const ROOM = 'room';

async function takeRoom(trx: Kysely<Tables>): Promise<void> {
  const value = randomBytes(ROOM_BYTES).toString('base64url');
  await trx
    .insertInto('secrets')
    .values({ name: ROOM, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

async function giveBack(trx: Kysely<Tables>): Promise<void> {
  await trx.deleteFrom('secrets').where('name', '=', ROOM).execute();
}
