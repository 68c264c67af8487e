/**
 * Transactions whose outcome is known, though the acknowledgement of a commit may be lost.
 *
 * Each stores its number beside the name of this writer, and so commits or rolls back with it. When the answer to
 * COMMIT is missing, that row says what happened. Asking for it waits for a transaction that has not ended yet,
 * because that one holds the row. (`pg_xact_status` would need no table, but a standby that was promoted may have
 * given the transaction's id to another one. The row is there exactly when the writes are.)
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery, type Kysely } from 'kysely';
import type { Logger } from 'pino';
import type { Transactor } from './commit-queue.js';
import type { Tables } from './tables.js';
import { codeOf, isUnavailable, OutcomeUnknownError } from './unavailable.js';

/** No statement of ours is long; one that hangs must not hold a lock for ever. */
const STATEMENT_TIMEOUT_MS = 4000;
/** Of a transaction that waits for its next statement; this process may be cut off, and the locks are others' too. */
const IDLE_TIMEOUT_MS = 2000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;
/** Set in each transaction rather than when connecting, which PgBouncer refuses. */
const BEGIN = `begin; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}; set local idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`;
/** Rows of writers that are gone have nothing left to tell. */
const FORGET_THE_GONE = `delete from batches where at < now() - interval '1 day'`;

/** Statements and waits for locks that were ended (PostgreSQL's manual, appendix A). */
const TOOK_TOO_LONG = /^(57014|55P03)$/;

export class PostgresTransactions implements Transactor<Kysely<Tables>> {
  readonly #db: Kysely<Tables>;
  readonly #log: Logger;
  readonly #writer = randomUUID();
  readonly #closing = new AbortController();
  #batches = 0;
  /** Whether the last transaction came to an end that the database told. */
  #isHeard = false;

  constructor(db: Kysely<Tables>, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  async transaction<T>(work: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    this.#batches += 1;
    const batch = this.#batches;
    this.#isHeard = false;
    const { value, lost } = await this.#db.connection().execute(async (connection) => {
      const written = await this.#begun(connection, batch, work);
      return run(connection, 'commit').then(
        () => ({ value: written, lost: null }),
        (error: unknown) => ({ value: written, lost: error }),
      );
    });
    if (lost !== null && !(await this.#isCommitted(batch, lost))) throw lost;
    this.#isHeard = true;
    return value;
  }

  mayPass(error: unknown): boolean {
    // One write of the batch may be what takes long; it must not take the others along.
    return isUnavailable(error) && !TOOK_TOO_LONG.test(codeOf(error));
  }

  /** What is not known by then stays unknown. */
  giveUp(): void {
    this.#closing.abort();
  }

  /** A database that does not answer is not asked: the row goes when it is a day old. */
  async forget(): Promise<void> {
    if (this.#isHeard) await this.#db.deleteFrom('batches').where('writer', '=', this.#writer).execute();
  }

  async #begun<T>(
    connection: Kysely<Tables>,
    batch: number,
    work: (transaction: Kysely<Tables>) => Promise<T>,
  ): Promise<T> {
    try {
      await run(connection, BEGIN, ...(batch === 1 ? [FORGET_THE_GONE] : []), this.#marking(batch));
      return await work(connection);
    } catch (error) {
      await run(connection, 'rollback').catch(() => {});
      throw error;
    }
  }

  #marking(batch: number): string {
    return `insert into batches (writer, number) values ('${this.#writer}', ${batch})
      on conflict (writer) do update set number = excluded.number, at = now()`;
  }

  async #isCommitted(batch: number, lost: unknown): Promise<boolean> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        const isCommitted = (await this.#lastCommitted()) >= batch;
        this.#log.warn(
          { err: lost, isCommitted },
          'the answer to a commit was lost; its outcome was found out',
        );
        return isCommitted;
      } catch (error) {
        if (!isUnavailable(error) || this.#closing.signal.aborted) throw new OutcomeUnknownError(error);
        await sleep(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }

  /** Inserts where nothing is: that waits, as an update does, for a transaction that has not ended. */
  #lastCommitted(): Promise<number> {
    return this.#db.connection().execute(async (connection) => {
      try {
        await run(connection, BEGIN);
        const { number } = await connection
          .insertInto('batches')
          .values({ writer: this.#writer, number: 0 })
          .onConflict((conflict) =>
            conflict.column('writer').doUpdateSet((eb) => ({ number: eb.ref('batches.number') })),
          )
          .returning('number')
          .executeTakeFirstOrThrow();
        await run(connection, 'commit');
        return number;
      } catch (error) {
        await run(connection, 'rollback').catch(() => {});
        throw error;
      }
    });
  }
}

/** In one message, and so one round trip. */
async function run(connection: Kysely<Tables>, ...statements: readonly string[]): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(statements.join('; ')));
}
