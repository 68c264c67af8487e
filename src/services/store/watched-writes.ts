/** A database whose `ping` also detects that writes fail: a database that can be read may be full or read-only. */
import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Database } from './database.js';
import type { Tables } from './tables.js';
import { isUnavailable } from './unavailable.js';

export interface WatchedDatabase extends Database {
  /**
   * Rejects if the database can't be read; or can't be written, if a write failed for that reason since the last ping.
   */
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
      // Writing costs two commits, so it is only tried if there is doubt.
      if (!isFailing) return database.ping();
      await write(takeRoom);
      await write(giveBack);
      isFailing = false;
    },
  };
}

/** As much as several jobs: on a full disk, the smallest writes may still succeed in leftover space. */
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
