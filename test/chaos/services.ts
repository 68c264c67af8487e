/** The services that the gateways of a run share, and their failures. */
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'libsql';
import { Client, type QueryResultRow } from 'pg';
import { freePort } from '../support/free-port.js';
import { OwnRedis } from '../support/own-redis.js';
import { postgresUrl, withDatabase } from '../support/services.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { Dice } from './dice.js';
import type { Row } from './report.js';

/** A record of an upload, or of a job that names one that has no record. */
export interface StoredUpload {
  readonly row: string;
  /** When it is to be erased, in milliseconds since 1970; null if it is not hidden yet. */
  readonly due: number | null;
}

export interface Services {
  readonly env: Readonly<Record<string, string>>;
  /** Causes failures until the signal is aborted. */
  disturb(seed: number, signal: AbortSignal): Promise<void>;
  /** When each job's changes were stored, in milliseconds since 1970; empty if their timestamps suffice. */
  storedAt(): Promise<ReadonlyMap<string, readonly number[]>>;
  /** Read while no gateway runs, because each holds its file exclusively. */
  uploadRows(): Promise<readonly StoredUpload[]>;
  /** Whether a gateway started at this time may have found no database. */
  mayFailToStart(startedAt: number): boolean;
  /** How long the services may be the reason for a lack of news, in milliseconds. */
  readonly silenceMs: number;
  /** The failures that were caused. */
  readonly rows: readonly Row[];
  /** @param keep keeps the data for examination */
  close(keep: boolean): Promise<void>;
}

/** A file used by one gateway alone. */
export function embedded(file: string): Services {
  return {
    env: { DATABASE_URL: `sqlite:${file}` },
    disturb: async () => {},
    storedAt: async () => new Map(),
    uploadRows: async () => uploadRowsIn(file),
    mayFailToStart: () => false,
    silenceMs: 0,
    rows: [],
    close: async () => {},
  };
}

/** At least this long between two failures of a kind, so that jobs get on, also on a slow machine. */
const CALM_MS = 2000;
/** The share of commits lost before they arrive, and the share whose acknowledgement is lost. */
const LOST_COMMITS = 1 / 40;

/**
 * A PostgreSQL whose connections are cut and whose commits or acknowledgements are lost, and a Redis that is
 * killed and comes back empty; each hangs now and then.
 *
 * @param silenceMs the longest hang
 */
export async function shared(silenceMs: number): Promise<Services> {
  const server = await postgresUrl();
  if (server === null) throw new Error('--store postgres needs a PostgreSQL; TEST_POSTGRES_URL says where');
  const database = await withDatabase(server);
  const proxy = await startProxy(database.url);
  const redis = new OwnRedis(await freePort());
  await redis.start();
  const redisProxy = await startProxy(redis.url);
  const silences = { postgres: new Silences(proxy, silenceMs), redis: new Silences(redisProxy, silenceMs) };
  let cuts = 0;
  let restarts = 0;
  let lost = 0;
  const cutConnections = async (dice: Dice, signal: AbortSignal): Promise<void> => {
    while (await paused(dice.between(CALM_MS, 3 * CALM_MS), signal)) {
      await database.cutConnections();
      cuts += 1;
    }
  };
  const loseCommits = (dice: Dice, signal: AbortSignal): void => {
    const cutAt = (message: string) => (bytes: Buffer) => {
      if (signal.aborted || !bytes.includes(message) || !dice.chance(LOST_COMMITS)) return 'pass';
      lost += 1;
      return 'cut';
    };
    proxy.toClient = cutAt('COMMIT\0');
    proxy.toServer = cutAt('commit\0');
  };
  const restartRedis = async (dice: Dice, signal: AbortSignal): Promise<void> => {
    while (await paused(dice.between(3000, 8000), signal)) {
      await redis.stop();
      await sleep(dice.between(0, 2000));
      await redis.start();
      restarts += 1;
    }
  };
  return {
    env: { DATABASE_URL: proxy.url, DATABASE_POOL_SIZE: '5', REDIS_URL: redisProxy.url },
    disturb: async (seed, signal) => {
      loseCommits(new Dice(seed, 'commits'), signal);
      await Promise.all([
        cutConnections(new Dice(seed, 'cuts'), signal),
        restartRedis(new Dice(seed, 'restarts'), signal),
        silences.postgres.make(new Dice(seed, 'silent postgres'), signal),
        silences.redis.make(new Dice(seed, 'silent redis'), signal),
      ]);
    },
    storedAt: () => storedChanges(database.url),
    uploadRows: async () => {
      const rows = await query<{ row: string; due: string | null }>(database.url, UPLOAD_ROWS);
      return rows.map(({ row, due }) => ({ row, due: due === null ? null : Number(due) }));
    },
    mayFailToStart: (startedAt) => silences.postgres.hasBeen(startedAt),
    silenceMs,
    get rows() {
      return [
        { what: 'times all database connections were cut', value: cuts, atMost: null },
        { what: 'commits that were lost, or their answers', value: lost, atMost: null },
        { what: 'times Redis was killed', value: restarts, atMost: null },
        { what: 'times PostgreSQL fell silent', value: silences.postgres.count, atMost: null },
        { what: 'times Redis fell silent', value: silences.redis.count, atMost: null },
      ];
    },
    close: async (keep) => {
      await redisProxy.stop();
      await redis.stop();
      await proxy.stop();
      if (keep) console.error(`The database is kept: ${database.url}`);
      else await database.drop();
    },
  };
}

const UPLOAD_ROWS = `select 'uploads ' || id as row, erase_at as due from uploads
  union all
  select 'job_uploads ' || upload_id, null from job_uploads where upload_id not in (select id from uploads)`;

function uploadRowsIn(file: string): readonly StoredUpload[] {
  const database = new Sqlite(file);
  try {
    return database.prepare(UPLOAD_ROWS).all() as StoredUpload[];
  } finally {
    database.close();
  }
}

async function storedChanges(url: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const rows = await query<{ job_id: string; at: string }>(
    url,
    'select job_id, at from job_changes order by number',
  );
  const stored = new Map<string, number[]>();
  for (const { job_id: id, at } of rows) stored.set(id, [...(stored.get(id) ?? []), Number(at)]);
  return stored;
}

async function query<Row extends QueryResultRow>(url: string, sql: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Periods in which a service discards what it receives and closes no connection. */
class Silences {
  readonly #proxy: TcpProxy;
  readonly #longestMs: number;
  /** In milliseconds since 1970; the last one may still be open. */
  readonly #spans: { readonly from: number; to: number }[] = [];

  constructor(proxy: TcpProxy, longestMs: number) {
    this.#proxy = proxy;
    this.#longestMs = longestMs;
  }

  get count(): number {
    return this.#spans.length;
  }

  async make(dice: Dice, signal: AbortSignal): Promise<void> {
    while (await paused(CALM_MS + dice.between(this.#longestMs / 4, this.#longestMs), signal)) {
      const span = { from: Date.now(), to: Number.POSITIVE_INFINITY };
      this.#spans.push(span);
      await this.#proxy.become('silent');
      await paused(dice.between(this.#longestMs / 4, this.#longestMs), signal);
      await this.#proxy.become('on');
      span.to = Date.now();
    }
  }

  /** Whether it has been silent at any time since then. */
  hasBeen(since: number): boolean {
    return this.#spans.some(({ to }) => to > since);
  }
}

/** Returns false if the signal came first. */
async function paused(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}
