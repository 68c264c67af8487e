/** The first step of a start: opens, in order, everything that the gateway uses outside its process. */
import type { Logger } from 'pino';
import type { Clock } from './clock.js';
import {
  type AkoolAddress,
  akoolAddress,
  archiveUnusable,
  createAkool,
  createArchive,
  createBus,
  createLimiters,
  createSpool,
  createStore,
  createUploads,
  databaseUnusable,
  goOnWithoutRedis,
  redisPlace,
  type Settings,
  startSandbox,
} from './drivers.js';
import { reasonOf } from './errors.js';
import type { SharedLimiters } from './graphql/rate-limits.js';
import type { Sandbox } from './sandbox/sandbox.js';
import type { AkoolClient } from './services/akool/akool-client.js';
import type { JobBus } from './services/jobs/job-bus.js';
import type { JobStore } from './services/jobs/job-store.js';
import type { BlobStore } from './services/media/blob-store.js';
import { ResultFetcher } from './services/media/result-fetcher.js';
import { tellerFor } from './services/store/unavailable.js';
import type { Spool } from './services/uploads/spool.js';
import type { UploadStore } from './services/uploads/upload-store.js';
import { InstanceHeartbeat } from './services/workers/instance-heartbeat.js';
import { StoreClock } from './services/workers/store-clock.js';

/** Replacements that tests may pass for the real parts. */
export interface Overrides {
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly bus?: JobBus;
  readonly sandbox?: (port: number) => Sandbox;
  readonly wrapStore?: (store: JobStore) => JobStore;
  readonly wrapUploadStore?: (store: UploadStore) => UploadStore;
  readonly archive?: BlobStore;
  readonly wrapAkool?: (akool: AkoolClient) => AkoolClient;
  /** Turns polling off, so that tests can prove that the checks notice lost updates. */
  readonly withoutReconciler?: boolean;
}

/** What has been opened. */
export interface Opened {
  readonly store: JobStore;
  /** In the same database. */
  readonly uploadStore: UploadStore;
  /** The keys that sign follow tokens and encrypt cursors; the same on all instances. */
  readonly keys: { readonly followTokens: Uint8Array; readonly cursors: Uint8Array };
  readonly clock: Clock;
  /** Null if there is a key for the real Akool. */
  readonly sandbox: Sandbox | null;
  readonly akoolAddress: AkoolAddress;
  readonly akool: AkoolClient;
  readonly bus: JobBus;
  /** Null if each instance counts separately. */
  readonly limiters: SharedLimiters | null;
  readonly archive: BlobStore;
  /** The files of callers; apart from the archive. */
  readonly uploads: BlobStore;
  /** Where they arrive. */
  readonly spool: Spool;
  readonly fetcher: ResultFetcher;
  /** Stopped with the workers, in parallel, because each may wait for a database that does not answer. */
  readonly beating: readonly Stoppable[];
}

/** A clock passed as an override may have nothing to stop. */
export interface Stoppable {
  stop?(): Promise<void> | void;
}

/** Steps that undo a start, to be run in reverse order. */
export type Stops = StopStep[];

interface StopStep {
  /** For the log. */
  readonly part: string;
  readonly stop: () => Promise<void> | void;
}

const NO_SPOOL =
  'files of callers cannot arrive: with a bucket, TMPDIR must be a writable directory on a disk with room';

/**
 * @param stops receives a step that closes each thing opened
 * @throws StartError
 */
export async function open(settings: Settings, overrides: Overrides, stops: Stops): Promise<Opened> {
  const { config, secrets, log } = settings;
  const cantUseDatabase = (error: unknown): never => {
    throw databaseUnusable(secrets, error);
  };

  const plainStore = createStore(settings);
  const wrappedStore = overrides.wrapStore?.(plainStore) ?? plainStore;
  const telling = tellerFor(wrappedStore, log);
  const store = telling(wrappedStore);
  const uploadStore = telling(overrides.wrapUploadStore?.(plainStore.uploads) ?? plainStore.uploads);
  stops.push({ part: 'store', stop: () => store.stop() });
  await store.start().catch(cantUseDatabase);
  const keys = {
    followTokens: await store.secret('follow-tokens').catch(cantUseDatabase),
    cursors: await store.secret('cursors').catch(cantUseDatabase),
  };
  const clock: Clock & Stoppable =
    overrides.clock ?? (await startClock(store, log, stops).catch(cantUseDatabase));

  const sandbox = secrets.akoolApiKey === null ? await startSandbox(settings, overrides.sandbox) : null;
  if (sandbox !== null) stops.push({ part: 'sandbox', stop: () => sandbox.stop() });
  if (sandbox !== null && config.production) {
    log.warn('AKOOL_API_KEY is not set: the sandbox draws the results, and nothing is sent to Akool');
  }
  const address = akoolAddress(settings, sandbox);
  const client = createAkool(settings, address);
  const akool = overrides.wrapAkool?.(client) ?? client;
  // No caller is waiting by then, so lookups still running must not delay the shutdown.
  stops.push({ part: 'Akool client', stop: () => akool.destroy() });

  const redis = await redisPlace(settings, store).catch(cantUseDatabase);
  const bus = overrides.bus ?? (await createBus(redis, log));
  stops.push({ part: 'bus', stop: () => bus.stop() });
  await bus.start().catch((error: unknown) => goOnWithoutRedis(error, log));
  const heartbeat = new InstanceHeartbeat({
    store,
    clock,
    hasSharedBus: secrets.redisUrl !== null || store.exclusive,
    log,
  });
  stops.push({ part: 'heartbeat', stop: () => heartbeat.stop() });
  await heartbeat.start().catch(cantUseDatabase);
  const limiters = await createLimiters(redis, log);
  if (limiters !== null) stops.push({ part: 'rate limiters', stop: () => limiters.stop() });

  const archive = overrides.archive ?? (await createArchive(settings));
  const uploads = await createUploads(settings);
  for (const [part, blobs] of Object.entries({ archive, 'upload storage': uploads })) {
    stops.push({ part, stop: () => blobs.stop() });
    await blobs.start().catch((error: unknown) => {
      throw archiveUnusable(config, error);
    });
  }
  const spool = createSpool(config);
  stops.push({ part: 'spool', stop: () => spool.stop() });
  // Without it, uploads are refused, and all else works.
  await spool.start().catch((error: unknown) => log.error({ reason: reasonOf(error) }, NO_SPOOL));
  const fetcher = new ResultFetcher(address.baseUrl, address.proxies);
  stops.push({ part: 'result fetcher', stop: () => fetcher.close() });

  return {
    store,
    uploadStore,
    keys,
    clock,
    sandbox,
    akoolAddress: address,
    akool,
    bus,
    limiters,
    archive,
    uploads,
    spool,
    fetcher,
    beating: [heartbeat, clock],
  };
}

async function startClock(store: JobStore, log: Logger, stops: Stops): Promise<StoreClock> {
  const clock = new StoreClock({ store, log });
  stops.push({ part: 'clock', stop: () => clock.stop() });
  await clock.start();
  return clock;
}
