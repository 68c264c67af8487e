/** A database without room, on any machine: SQLite gets a limit on its number of pages. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createKyselyJobStore } from '../../../src/services/store/kysely-job-store.js';
import { openSqlite } from '../../../src/services/store/sqlite.js';
import type { Tables } from '../../../src/services/store/tables.js';
import { tellingUnavailable } from '../../../src/services/store/unavailable.js';
import { newJobOf } from '../../support/samples.js';

test('a full database can be read, answers no ping, and is told once; with room it goes on', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'watched-'));
  const lines: string[] = [];
  let db: Kysely<Tables> | undefined;
  const store = tellingUnavailable(
    createKyselyJobStore(async () => {
      const database = await openSqlite(join(dir, 'gateway.db'));
      db = database.db;
      return database;
    }),
    pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
  );
  await store.start();
  const mayHave = async (pages: number): Promise<void> => {
    if (db !== undefined) await sql`pragma max_page_count = ${sql.lit(pages)}`.execute(db);
  };
  const stored = newJobOf('ann');
  await store.create(stored, 1000);
  await store.ping();

  await mayHave(1);
  const refused = { code: 'STORE_UNAVAILABLE', cause: { code: 'SQLITE_FULL' } };
  const fill = async (): Promise<never> => {
    for (;;) await store.create(newJobOf('ann'), 1_000_000);
  };
  await expect(fill()).rejects.toMatchObject(refused);
  for (let i = 0; i < 3; i++) await expect(store.ping()).rejects.toMatchObject(refused);
  expect(await store.get(stored.id)).toMatchObject({ status: 'WAITING' });
  expect(lines).toEqual(['the disk of the database is full: nothing can be stored']);

  await mayHave(1_000_000);
  // No ping is needed: the gateway's usual writes are enough.
  await expect
    .poll(async () => {
      await store.create(newJobOf('ann'), 1_000_000);
      return lines.slice(1);
    })
    .toEqual(['the disk of the database has room again']);
  await store.ping();
  expect(lines).toHaveLength(2);
  await store.stop();
  rmSync(dir, { recursive: true });
});
