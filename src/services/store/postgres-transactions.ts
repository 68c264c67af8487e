/**
 * Transactions whose outcome can be determined even if the acknowledgement of the commit is lost.
 *
 * Each transaction stores its number in this writer's row, which commits or rolls back with it. If the answer to COMMIT
 * is missing, the row shows what happened. Reading it waits for a transaction that has not ended yet, because that one
 * locks the row. (`pg_xact_status` would need no table, but a promoted standby may have assigned the transaction's id
 * to another one. The row exists if and only if the writes do.)
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery, type Kysely } from 'kysely';
import type { Logger } from 'pino';
import type { Transactor } from './commit-queue.js';
import type { Tables } from './tables.js';
import { codeOf, isUnavailable, OutcomeUnknownError } from './unavailable.js';

/** Our statements are short; one that hangs must not hold a lock forever. */
const STATEMENT_TIMEOUT_MS = 4000;
/** How long a transaction may wait for its next statement: a process that was cut off must not hold its locks. */
const IDLE_TIMEOUT_MS = 2000;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;
/** Set in each transaction, because PgBouncer refuses it when connecting. */
const BEGIN = `begin; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}; set local idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`;
/** Deletes the rows of writers that have been gone for a day. */
const FORGET_THE_GONE = `delete from batches where at < now() - interval '1 day'`;

/** Codes of cancelled statements and lock waits (PostgreSQL's manual, appendix A). */
const TOOK_TOO_LONG = /^(57014|55P03)$/;

export class PostgresTransactions implements Transactor<Kysely<Tables>> {
  readonly #db: Kysely<Tables>;
  readonly #log: Logger;
  readonly #writer = randomUUID();
  readonly #closing = new AbortController();
  #batches = 0;
  /** Whether the database confirmed the end of the last transaction. */
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
    // A single write of the batch may take long; it must not affect the others.
    return isUnavailable(error) && !TOOK_TOO_LONG.test(codeOf(error));
  }

  /** Outcomes that are still unknown after this call stay unknown. */
  giveUp(): void {
    this.#closing.abort();
  }

  /** Deletes this writer's row. If the database does not answer, the row is left, and deleted after a day. */
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
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      try {
        const isCommitted = (await this.#lastCommitted()) >= batch;
        this.#log.warn(
          { err: lost, isCommitted },
          'the reply to a commit was lost; its outcome was determined',
        );
        return isCommitted;
      } catch (error) {
        if (!isUnavailable(error) || this.#closing.signal.aborted) throw new OutcomeUnknownError(error);
        await sleep(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }

  /** Inserts the row if it is missing. Like an update, that waits for a transaction that has not ended. */
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

/** Sent as one message, to save round trips. */
async function run(connection: Kysely<Tables>, ...statements: readonly string[]): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(statements.join('; ')));
}
