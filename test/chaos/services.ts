/** Where the gateways of a run keep what they share, and how it fails them now and then. */
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../free-port.js';
import { OwnRedis } from '../own-redis.js';
import { postgresUrl, withDatabase } from '../services.js';
import { startProxy } from '../tcp-proxy.js';
import { Dice } from './dice.js';
import type { Row } from './report.js';

export interface Services {
  readonly env: Readonly<Record<string, string>>;
  /** Makes trouble until the signal. */
  disturb(seed: number, signal: AbortSignal): Promise<void>;
  /** How long a write may take, in milliseconds. */
  readonly storingMs: number;
  /** What trouble was made. */
  readonly rows: readonly Row[];
  /** @param keep leaves the data for whoever wants to know what went wrong */
  close(keep: boolean): Promise<void>;
}

/** A file that one gateway has for itself. */
export function embedded(file: string): Services {
  return {
    env: { DATABASE_URL: `sqlite:${file}` },
    disturb: async () => {},
    storingMs: 250,
    rows: [],
    close: async () => {},
  };
}

/** Of so many commits one is lost, before it arrives or its answer. */
const LOST_COMMITS = 1 / 40;

/** A PostgreSQL whose connections are cut and whose answers are lost, and a Redis that is killed and comes back empty. */
export async function shared(): Promise<Services> {
  const server = await postgresUrl();
  if (server === null) throw new Error('--store postgres needs a PostgreSQL; TEST_POSTGRES_URL says where');
  const database = await withDatabase(server);
  const proxy = await startProxy(database.url);
  const redis = new OwnRedis(await freePort());
  await redis.start();
  let cuts = 0;
  let restarts = 0;
  let lost = 0;
  const cutConnections = async (dice: Dice, signal: AbortSignal): Promise<void> => {
    while (await paused(dice.between(1000, 4000), signal)) {
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
    env: { DATABASE_URL: proxy.url, DATABASE_POOL_SIZE: '5', REDIS_URL: redis.url },
    disturb: async (seed, signal) => {
      loseCommits(new Dice(seed, 'commits'), signal);
      await Promise.all([
        cutConnections(new Dice(seed, 'cuts'), signal),
        restartRedis(new Dice(seed, 'restarts'), signal),
      ]);
    },
    // With its connection cut and made anew.
    storingMs: 1500,
    get rows() {
      return [
        { what: 'times all database connections were cut', value: cuts, atMost: null },
        { what: 'commits that were lost, or their answers', value: lost, atMost: null },
        { what: 'times Redis was killed', value: restarts, atMost: null },
      ];
    },
    close: async (keep) => {
      await redis.stop();
      await proxy.stop();
      if (keep) console.error(`The database is kept: ${database.url}`);
      else await database.drop();
    },
  };
}

/** False when the signal came first. */
async function paused(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}
