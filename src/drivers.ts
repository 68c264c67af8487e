/**
 * Creates the drivers that the settings ask for, and turns their errors into one line for the operator.
 *
 * A driver is loaded only if it is used, so that the others cost no startup time or memory.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config, Secrets } from './config/config.js';
import { driverAddress } from './config/postgres-address.js';
import { reasonOf, StartError } from './errors.js';
import type { SharedLimiters } from './graphql/rate-limits.js';
import { listenFault } from './listen-fault.js';
import { NO_PROXIES, type Proxies } from './outgoing.js';
import type { Sandbox } from './sandbox/sandbox.js';
import type { AkoolClient } from './services/akool/akool-client.js';
import { createAkoolClient } from './services/akool/http-akool-client.js';
import { createInProcessJobBus } from './services/bus/in-process-job-bus.js';
import { refusalOf } from './services/bus/redis-refusal.js';
import type { JobBus } from './services/jobs/job-bus.js';
import type { JobStore } from './services/jobs/job-store.js';
import type { BlobStore } from './services/media/blob-store.js';
import { createFolderBlobStore } from './services/media/folder-blob-store.js';
import { S3Error } from './services/media/s3-call.js';
import { DatabaseUnusableError } from './services/store/database-errors.js';
import { createKyselyJobStore } from './services/store/kysely-job-store.js';
import { Spool } from './services/uploads/spool.js';

export interface Settings {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Logger;
}

const MAX_PORT = 65_535;
/** How many bytes of a database's identity are used. */
const PREFIX_BYTES = 8;

/** Returns the file of an embedded database; null for any other database. */
function databaseFileOf({ databaseUrl }: Pick<Secrets, 'databaseUrl'>): string | null {
  return /^sqlite:(.*)$/.exec(databaseUrl)?.[1] ?? null;
}

export function createStore({ config, secrets, log }: Settings): ReturnType<typeof createKyselyJobStore> {
  const file = databaseFileOf(secrets);
  return createKyselyJobStore(async () => {
    if (file !== null) {
      const { openSqlite } = await import('./services/store/sqlite.js');
      return openSqlite(file);
    }
    const { openPostgres } = await import('./services/store/postgres.js');
    const { postgresSsl: ssl, databasePoolSize: poolSize } = config;
    if (ssl.rootCertFile !== null) await expectCertificates(ssl.rootCertFile);
    return openPostgres(driverAddress(secrets.databaseUrl, ssl), { poolSize, log });
  }, log);
}

async function expectCertificates(file: string): Promise<void> {
  const text = await readFile(file, 'latin1').catch((error: unknown) => reasonOf(error));
  if (text.includes('-----BEGIN CERTIFICATE-----')) return;
  throw new StartError(
    `PGSSLROOTCERT is ${JSON.stringify(file)}; it must be a readable file of certificates (PEM)`,
    { cause: text },
  );
}

/** Turns a database error at startup into one for the operator. */
export function databaseUnusable(secrets: Secrets, error: unknown): Error {
  if (error instanceof StartError) return error;
  // Don't show the URL of a database server, because it may contain a password.
  return new DatabaseUnusableError(databaseFileOf(secrets) ?? 'PostgreSQL', error);
}

/** The Redis that instances share, and the prefix of their channels and keys in it. */
interface RedisPlace {
  readonly url: string;
  readonly prefix: string;
}

/** Returns null without Redis. */
export async function redisPlace({ config, secrets }: Settings, store: JobStore): Promise<RedisPlace | null> {
  const { redisUrl: url } = secrets;
  if (url === null) return null;
  if (config.redisPrefix !== null) return { url, prefix: config.redisPrefix };
  // A separate secret, because everyone with access to Redis can see it.
  const identity = await store.secret('redis-prefix');
  return { url, prefix: `faceswap:${Buffer.from(identity).toString('hex', 0, PREFIX_BYTES)}` };
}

export async function createBus(place: RedisPlace | null, log: Logger): Promise<JobBus> {
  if (place === null) return createInProcessJobBus();
  const { createRedisJobBus } = await import('./services/bus/redis-job-bus.js');
  return createRedisJobBus({ ...place, log });
}

/**
 * Logs that Redis is unavailable; the gateway connects once it is available.
 *
 * @throws StartError if REDIS_URL is wrong, because waiting would not help
 */
export function goOnWithoutRedis(error: unknown, log: Logger): void {
  const refusal = refusalOf(error);
  if (refusal !== null) throw new StartError(`REDIS_URL is set, but ${refusal}`, { cause: error });
  log.error(
    { reason: reasonOf(error) },
    'STARTED WITHOUT REDIS: what REDIS_URL names does not answer. Updates from other gateways arrive seconds late, and limits are counted by each gateway for itself, until it does.',
  );
}

/** Returns null if each instance counts separately. */
export async function createLimiters(place: RedisPlace | null, log: Logger): Promise<SharedLimiters | null> {
  if (place === null) return null;
  const { createRedisLimiters } = await import('./graphql/redis-limiters.js');
  return createRedisLimiters({ ...place, log });
}

/** The part of the archive's place that is for uploads. */
const UPLOADS = 'uploads';

export async function createArchive(settings: Settings): Promise<BlobStore> {
  return createBlobStore(settings, '');
}

/** Creates the store for uploads, which is a part of the archive's place that the archive never touches. */
export async function createUploads(settings: Settings): Promise<BlobStore> {
  return createBlobStore(settings, UPLOADS);
}

async function createBlobStore({ config, secrets, log }: Settings, part: string): Promise<BlobStore> {
  const { archiveBucket: bucket, archiveDir, archiveTimeoutMs } = config;
  if (bucket === null) return createFolderBlobStore(join(archiveDir, part));
  // Loading its client takes 14 MB and a fifth of a second.
  const { createS3BlobStore } = await import('./services/media/s3-blob-store.js');
  return createS3BlobStore({
    bucket: { ...bucket, prefix: [bucket.prefix, part].filter((name) => name !== '').join('/') },
    credentials: secrets.s3Credentials,
    longestWriteMs: archiveTimeoutMs,
    log,
  });
}

/** Without a bucket it is on the same disk as the uploads, so that files only have to be moved. */
export function createSpool({ archiveBucket, archiveDir }: Config): Spool {
  return archiveBucket === null
    ? new Spool(join(archiveDir, UPLOADS, '.arriving'))
    : new Spool(tmpdir(), 'face-swap-gateway~');
}

export function archiveUnusable({ archiveBucket, archiveDir }: Config, error: unknown): StartError {
  const region = error instanceof S3Error ? error.region : null;
  if (archiveBucket !== null && region !== null && region !== archiveBucket.region) {
    return new StartError(
      `AWS_REGION is ${JSON.stringify(archiveBucket.region)}, but the bucket ${JSON.stringify(archiveBucket.name)} is in ${JSON.stringify(region)}`,
      { cause: error },
    );
  }
  const place =
    archiveBucket === null
      ? `ARCHIVE_DIR is ${JSON.stringify(archiveDir)}; it must be a writable directory`
      : `ARCHIVE_S3_BUCKET is ${JSON.stringify(archiveBucket.name)}; it must be a bucket that can be written to, read and listed`;
  return new StartError(`${place} (${reasonOf(error)})`, { cause: error });
}

/** How to reach Akool or the sandbox. */
export interface AkoolAddress {
  readonly baseUrl: string;
  /** Also the key that callbacks are encrypted with. */
  readonly apiKey: string;
  readonly clientId: string | null;
  /** Of Akool only: the sandbox is on this machine. */
  readonly proxies: Proxies;
}

export function akoolAddress({ config, secrets }: Settings, sandbox: Sandbox | null): AkoolAddress {
  if (sandbox !== null) {
    const { url: baseUrl, apiKey, clientId } = sandbox;
    return { baseUrl, apiKey, clientId, proxies: NO_PROXIES };
  }
  return {
    baseUrl: config.akool.baseUrl,
    apiKey: secrets.akoolApiKey ?? '',
    clientId: secrets.akoolClientId,
    proxies: secrets.proxies,
  };
}

export function createAkool(
  { config, log }: Settings,
  { baseUrl, apiKey, clientId, proxies }: AkoolAddress,
): AkoolClient {
  return createAkoolClient({
    baseUrl,
    credentials:
      config.akool.auth === 'token' && clientId !== null
        ? { kind: 'token', clientId, clientSecret: apiKey }
        : { kind: 'api-key', apiKey },
    timeoutMs: config.akool.timeoutMs,
    proxies,
    logger: log,
  });
}

/**
 * Starts the sandbox on SANDBOX_PORT. If that is unset, uses the gateway's port + 1, or a free port if that is taken.
 *
 * @param create creates a replacement, for tests
 */
export async function startSandbox(
  { config, secrets, log }: Settings,
  create?: (port: number) => Sandbox,
): Promise<Sandbox> {
  const { createSandbox } = await import('./sandbox/sandbox.js');
  const file = databaseFileOf(secrets);
  const begin = async (port: number): Promise<Sandbox> => {
    const sandbox =
      create?.(port) ??
      createSandbox({
        // Like Akool, the sandbox must not forget its jobs when the gateway stops.
        ...(file !== null && file !== ':memory:' && { journalFile: `${file}.sandbox` }),
        maxConcurrency: config.akool.maxConcurrency,
        logger: log.child({ part: 'sandbox' }),
        ...config.sandbox,
        port,
      });
    await sandbox.start();
    return sandbox;
  };
  const port = config.sandboxPort ?? (config.port === 0 || config.port === MAX_PORT ? 0 : config.port + 1);
  try {
    return await begin(port).catch((error: unknown) => {
      if (config.sandboxPort !== null || !isPortRefused(error)) throw error;
      return begin(0);
    });
  } catch (error) {
    const names = { host: 'SANDBOX_HOST', port: 'SANDBOX_PORT' };
    const fault = listenFault(error, { names, host: config.sandbox.host ?? '127.0.0.1', port });
    throw new StartError(
      `${fault ?? "The sandbox can't start; set AKOOL_API_KEY to do without it"} (${reasonOf(error)})`,
      { cause: error },
    );
  }
}

export function cannotListen({ host, port }: Config, error: unknown): StartError {
  const names = { host: 'HOST', port: 'PORT' };
  const fault = listenFault(error, { names, host, port }) ?? `The gateway can't listen at ${host}:${port}`;
  return new StartError(`${fault} (${reasonOf(error)})`, { cause: error });
}

/** Taken, or below 1024 without the privilege. */
function isPortRefused(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'EADDRINUSE' || code === 'EACCES';
}
