/** Reads the environment once, into a frozen `Config` and separate `Secrets`. */
import type { Proxies } from '../outgoing.js';
import type { SandboxOptions } from '../sandbox/sandbox.js';
import { readSettings as readSandboxSettings, SettingsError } from '../sandbox/settings.js';
import type { ApiKey } from './api-keys.js';
import type { Bucket, S3Credentials } from './bucket.js';
import { contradictionsIn, hasCallers, isProduction } from './contradictions.js';
import { isPostgres, type SslSettings } from './postgres-address.js';
import { type LogFormat, type LogLevel, SETTINGS, type Setting, type Values } from './settings.js';

export interface Config {
  readonly host: string;
  readonly port: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  /** The URL at which Akool reaches us, without a trailing slash; null if it can't, so that results are polled. */
  readonly publicUrl: string | null;
  readonly akool: {
    readonly auth: 'api-key' | 'token';
    readonly baseUrl: string;
    readonly maxConcurrency: number;
    readonly timeoutMs: number;
    readonly confirmResults: boolean;
  };
  readonly submitWaitMs: number;
  /** Null for the default, which depends on whether callbacks can arrive. */
  readonly pollAfterMs: number | null;
  readonly jobDeadlineMs: number;
  readonly unconfirmedSlotMs: number;
  readonly queueLimit: number;
  readonly queueTtlMs: number;
  readonly acceptWhileBlocked: boolean;
  /** Serve, but send no jobs. */
  readonly dispatchPaused: boolean;
  readonly drainMs: number;
  readonly lameDuckMs: number;
  readonly databasePoolSize: number;
  readonly postgresSsl: SslSettings;
  /** Null to derive it from a secret in the database. */
  readonly redisPrefix: string | null;
  readonly leaseGraceMs: number;
  readonly detectCacheMs: number;
  readonly keepResults: boolean;
  readonly archiveDir: string;
  /** Used instead of `archiveDir` if not null. */
  readonly archiveBucket: Bucket | null;
  readonly archiveMaxBytes: number;
  readonly archiveTimeoutMs: number;
  readonly uploads: UploadSettings;
  readonly retentionDays: number | null;
  readonly sandboxPort: number | null;
  /** The other `SANDBOX_…` settings: see docs/sandbox.md. */
  readonly sandbox: SandboxOptions;
  readonly auth: {
    /** No authentication: all callers are one tenant. */
    readonly isOpen: boolean;
    /** Open by default, without `AUTH=none`: only programs and pages of this machine may call. */
    readonly onlyThisMachine: boolean;
    readonly jwksUrl: string | null;
    readonly issuer: string | null;
    readonly audience: string | null;
    readonly clockToleranceS: number;
  };
  /** Origins whose pages may call, or `*`. */
  readonly corsOrigins: readonly string[];
  readonly introspection: boolean;
  readonly graphiql: boolean;
  readonly studio: boolean;
  readonly trustedDocuments: string | null;
  readonly rates: { readonly queriesPerMinute: number | null; readonly mutationsPerMinute: number | null };
  readonly maxSockets: number;
  readonly maxSocketOperations: number;
  readonly maxSubscriptions: number;
  readonly logLevel: LogLevel;
  /** Null for the default, which depends on where standard output leads. */
  readonly logFormat: LogFormat | null;
  readonly production: boolean;
}

export interface UploadSettings {
  /** How long an upload is kept after the last job that named it has ended. */
  readonly ttlMs: number;
  /** For each tenant; null: no limit. */
  readonly quotaBytes: number | null;
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
  readonly maxPixels: number;
  /** The room that new uploads must leave on the disk. */
  readonly minFreeBytes: number;
}

/** Separate from `Config`, so that the configuration can be logged. */
export interface Secrets {
  /** Also the key that encrypts callbacks (`clientSecret`). */
  readonly akoolApiKey: string | null;
  readonly akoolClientId: string | null;
  readonly apiKeys: readonly ApiKey[];
  readonly jwtSecret: string | null;
  /** For `/metrics`; null if it is open. */
  readonly metricsToken: string | null;
  /** May contain a password. */
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  /** For requests to other servers. */
  readonly proxies: Proxies;
  /** For the archive's bucket; null for the default AWS credential chain. */
  readonly s3Credentials: S3Credentials | null;
}

/** Lists what is wrong with the environment, one line for each mistake. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly lines: readonly string[];
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigError with one line for each mistake */
export function readConfig(given: Environment): { readonly config: Config; readonly secrets: Secrets } {
  const environment = withoutOthers(given);
  const mistakes: string[] = [];
  const sandbox = readSandbox(environment, mistakes);
  const v = readSettings(environment, mistakes);
  mistakes.push(...contradictionsIn(v));
  if (sandbox === null || mistakes.length > 0) throw new ConfigError(mistakes);
  const production = isProduction(v);
  const isClosed = hasCallers(v);
  const rate = (perMinute: number): number | null => (isClosed && perMinute > 0 ? perMinute : null);
  const config: Config = {
    host: v.HOST,
    port: v.PORT,
    keepAliveMs: v.KEEP_ALIVE_MS,
    publicUrl: v.PUBLIC_URL,
    akool: Object.freeze({
      auth: v.AKOOL_AUTH,
      baseUrl: v.AKOOL_BASE_URL,
      maxConcurrency: v.AKOOL_MAX_CONCURRENCY,
      timeoutMs: v.AKOOL_TIMEOUT_MS,
      confirmResults: v.AKOOL_CONFIRM_RESULTS,
    }),
    submitWaitMs: v.SUBMIT_WAIT_MS,
    pollAfterMs: v.POLL_AFTER_MS,
    jobDeadlineMs: v.JOB_DEADLINE_MS,
    unconfirmedSlotMs: v.UNCONFIRMED_SLOT_MS,
    queueLimit: v.QUEUE_LIMIT,
    queueTtlMs: v.QUEUE_TTL_MS,
    acceptWhileBlocked: v.ACCEPT_WHILE_BLOCKED,
    dispatchPaused: v.DISPATCH === 'paused',
    drainMs: v.DRAIN_MS,
    lameDuckMs: v.LAME_DUCK_MS,
    databasePoolSize: v.DATABASE_POOL_SIZE,
    postgresSsl: Object.freeze({ mode: v.PGSSLMODE, rootCertFile: v.PGSSLROOTCERT }),
    redisPrefix: v.REDIS_PREFIX,
    leaseGraceMs: v.LEASE_GRACE_MS,
    detectCacheMs: v.DETECT_CACHE_MS,
    keepResults: v.KEEP_RESULTS,
    archiveDir: v.ARCHIVE_DIR,
    archiveBucket: bucketOf(v),
    archiveMaxBytes: v.ARCHIVE_MAX_BYTES,
    archiveTimeoutMs: v.ARCHIVE_TIMEOUT_MS,
    uploads: Object.freeze({
      ttlMs: v.UPLOAD_TTL_MS,
      quotaBytes: v.UPLOAD_QUOTA_BYTES,
      maxImageBytes: v.UPLOAD_MAX_IMAGE_BYTES,
      maxVideoBytes: v.UPLOAD_MAX_VIDEO_BYTES,
      maxPixels: v.UPLOAD_MAX_PIXELS,
      minFreeBytes: v.UPLOAD_MIN_FREE_BYTES,
    }),
    retentionDays: v.RETENTION_DAYS,
    sandboxPort: v.SANDBOX_PORT,
    sandbox,
    auth: Object.freeze({
      isOpen: !isClosed,
      onlyThisMachine: !isClosed && v.AUTH === null,
      jwksUrl: v.AUTH_JWKS_URL,
      issuer: v.AUTH_JWT_ISSUER,
      audience: v.AUTH_JWT_AUDIENCE,
      clockToleranceS: v.AUTH_JWT_CLOCK_TOLERANCE_S,
    }),
    corsOrigins: v.CORS_ORIGINS ?? [],
    introspection: v.INTROSPECTION ?? !production,
    graphiql: v.GRAPHIQL ?? !production,
    studio: v.STUDIO ?? !production,
    trustedDocuments: v.TRUSTED_DOCUMENTS,
    rates: Object.freeze({
      queriesPerMinute: rate(v.RATE_QUERIES_PER_MINUTE),
      mutationsPerMinute: rate(v.RATE_MUTATIONS_PER_MINUTE),
    }),
    maxSockets: v.MAX_SOCKETS,
    maxSocketOperations: v.MAX_SOCKET_OPERATIONS,
    maxSubscriptions: v.MAX_SUBSCRIPTIONS,
    logLevel: v.LOG_LEVEL,
    logFormat: v.LOG_FORMAT,
    production,
  };
  const secrets: Secrets = {
    akoolApiKey: v.AKOOL_API_KEY,
    akoolClientId: v.AKOOL_CLIENT_ID,
    apiKeys: v.AUTH_API_KEYS ?? [],
    jwtSecret: v.AUTH_JWT_SECRET,
    metricsToken: v.METRICS_TOKEN,
    databaseUrl: v.DATABASE_URL,
    redisUrl: v.REDIS_URL,
    proxies: Object.freeze({
      http: v.HTTP_PROXY,
      https: v.HTTPS_PROXY,
      exceptions: v.NO_PROXY ?? '',
    }),
    s3Credentials:
      v.AWS_ACCESS_KEY_ID === null || v.AWS_SECRET_ACCESS_KEY === null
        ? null
        : Object.freeze({
            accessKeyId: v.AWS_ACCESS_KEY_ID,
            secretAccessKey: v.AWS_SECRET_ACCESS_KEY,
            sessionToken: v.AWS_SESSION_TOKEN,
          }),
  };
  return Object.freeze({ config: Object.freeze(config), secrets: Object.freeze(secrets) });
}

/**
 * Removes variables that are meant for other programs: those of AWS without a bucket, those of libpq without
 * PostgreSQL, and those of proxies if nothing is fetched from other machines.
 */
function withoutOthers(environment: Environment): Environment {
  const hasBucket = Boolean(environment['ARCHIVE_S3_BUCKET']?.trim());
  const hasPostgres = isPostgres(environment['DATABASE_URL']?.trim() ?? '');
  const goesOut = ['AKOOL_API_KEY', 'AUTH_JWKS_URL'].some((name) => environment[name]?.trim());
  const isOthers = (name: string): boolean =>
    (name.startsWith('AWS_') && !hasBucket) ||
    (name.startsWith('PGSSL') && !hasPostgres) ||
    (/^(?:https?|no)_proxy$/i.test(name) && !goesOut);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isOthers(name)));
}

function bucketOf(v: Values): Bucket | null {
  if (v.ARCHIVE_S3_BUCKET === null) return null;
  return Object.freeze({
    name: v.ARCHIVE_S3_BUCKET,
    prefix: v.ARCHIVE_S3_PREFIX ?? '',
    region: v.AWS_REGION ?? 'us-east-1',
    endpoint: v.AWS_ENDPOINT_URL_S3,
    pathStyle: v.ARCHIVE_S3_PATH_STYLE ?? v.AWS_ENDPOINT_URL_S3 !== null,
  });
}

/** Returns null if there are mistakes, which it adds to `mistakes`. */
function readSandbox(environment: Environment, mistakes: string[]): SandboxOptions | null {
  try {
    return readSandboxSettings({ ...environment, SANDBOX_PORT: undefined });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    mistakes.push(...error.mistakes);
    return null;
  }
}

/** Adds a line to `mistakes` for each invalid setting. Its value is then undefined, despite the type. */
function readSettings(environment: Environment, mistakes: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [setting, { kind, default: fallback, ...about }] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const isLower = about.alsoLowercase === true && Boolean(environment[setting.toLowerCase()]?.trim());
    const name = isLower ? setting.toLowerCase() : setting;
    // `NAME=` in a file gives an empty variable, which counts as unset.
    const said = environment[name]?.trim() || null;
    const value = said ?? fallback;
    const parsed = value === null ? null : kind.parse(value);
    if (parsed === undefined) {
      const reason = value === null ? null : (kind.mistake?.(value) ?? null);
      const shown = about.secret ? 'not valid' : JSON.stringify(said && withoutUserInfo(said));
      mistakes.push(`${name} ${reason ?? `is ${shown}; it must be ${kind.allowed}`}`);
    }
    values[setting] = parsed;
  }
  return values as Values;
}

/** Hides user name and password in an address. */
function withoutUserInfo(text: string): string {
  const from = text.indexOf('//');
  const to = text.lastIndexOf('@');
  return from === -1 || to < from ? text : `${text.slice(0, from)}//…${text.slice(to)}`;
}
