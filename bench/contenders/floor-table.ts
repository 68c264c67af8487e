/** Jobs in SQLite on the bare driver: WAL and `synchronous=FULL` like the gateway's, one commit per write. */
import Libsql from 'libsql';
import type { CallbackEvent } from '../../src/services/akool/callback.js';
import type { SampleJob } from '../sample-jobs.js';

export class FloorTable {
  readonly #db: Libsql.Database;
  readonly #insert: Libsql.Statement;
  readonly #update: Libsql.Statement;
  readonly #log: Libsql.Statement;
  readonly #begin: Libsql.Statement;
  readonly #commit: Libsql.Statement;

  constructor(file: string) {
    const db = new Libsql(file);
    this.#db = db;
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.exec(
      'create table if not exists jobs (id text primary key, token text unique, status text, provider_id text, job text)',
    );
    db.exec('create table if not exists updates (token text, status int, at int)');
    this.#insert = db.prepare(
      'insert into jobs (id, token, status, provider_id, job) values (?, ?, ?, ?, ?)',
    );
    this.#update = db.prepare('update jobs set status = ?, job = ? where token = ?');
    this.#log = db.prepare('insert into updates (token, status, at) values (?, ?, ?)');
    this.#begin = db.prepare('begin immediate');
    this.#commit = db.prepare('commit');
  }

  insert(job: SampleJob): void {
    this.#insert.run(job.id, job.callbackToken, job.status, job.providerId, JSON.stringify(job));
  }

  /** A change and its line of history. */
  update(token: string, event: CallbackEvent): boolean {
    this.#begin.run();
    const { changes } = this.#update.run(String(event.status), JSON.stringify(event), token);
    this.#log.run(token, event.status, Date.now());
    this.#commit.run();
    return changes === 1;
  }

  close(): void {
    this.#db.close();
  }
}
