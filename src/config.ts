/**
 * The environment, read once, into a frozen `Config` and separate `Secrets`.
 *
 * Settings are one table, from which the parsing, `.env.example` and the table in the README all come.
 */
import { isIP } from 'node:net';
import type { SandboxOptions } from './sandbox/sandbox.js';
import { readSettings as readSandboxSettings, SettingsError } from './sandbox/settings.js';
import { type ApiKey, readApiKeys } from './services/auth/api-keys.js';

export interface Config {
  readonly host: string;
  readonly port: number;
  /** How Akool reaches us, without a slash at the end; null: it can't, and results are polled. */
  readonly publicUrl: string | null;
  readonly akool: {
    readonly auth: 'api-key' | 'token';
    readonly baseUrl: string;
    readonly maxConcurrency: number;
    readonly timeoutMs: number;
    readonly confirmResults: boolean;
  };
  readonly submitWaitMs: number;
  /** Null: the default, which depends on whether webhooks can arrive. */
  readonly pollAfterMs: number | null;
  readonly jobDeadlineMs: number;
  readonly unconfirmedSlotMs: number;
  readonly queueLimit: number;
  readonly queueTtlMs: number;
  readonly drainMs: number;
  readonly databasePoolSize: number;
  readonly leaseGraceMs: number;
  readonly detectCacheMs: number;
  readonly keepResults: boolean;
  readonly archiveDir: string;
  readonly archiveMaxBytes: number;
  readonly archiveTimeoutMs: number;
  readonly retentionDays: number | null;
  readonly sandboxPort: number | null;
  /** The other `SANDBOX_…` settings: see docs/sandbox.md. */
  readonly sandbox: SandboxOptions;
  readonly auth: {
    /** Nobody is asked who they are: one tenant for all. */
    readonly isOpen: boolean;
    /** Open because nothing was set, not because `AUTH=none` says so: for programs and pages of this machine. */
    readonly onlyThisMachine: boolean;
    readonly jwksUrl: string | null;
    readonly issuer: string | null;
    readonly audience: string | null;
  };
  /** Origins whose pages may call, or `*`. */
  readonly corsOrigins: readonly string[];
  readonly introspection: boolean;
  readonly graphiql: boolean;
  readonly trustedDocuments: string | null;
  readonly rates: { readonly queriesPerMinute: number | null; readonly mutationsPerMinute: number | null };
  readonly maxSockets: number;
  readonly maxSocketOperations: number;
  readonly logLevel: LogLevel;
  readonly production: boolean;
}

/** Kept apart from `Config`, so that the configuration can be logged. */
export interface Secrets {
  /** Also the key that webhooks are encrypted with (`clientSecret`). */
  readonly akoolApiKey: string | null;
  readonly akoolClientId: string | null;
  readonly apiKeys: readonly ApiKey[];
  readonly jwtSecret: string | null;
  /** For `/metrics`; null: open. */
  readonly metricsToken: string | null;
  /** May hold a password. */
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is wrong with the environment: one line a mistake. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly lines: readonly string[];
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** How one setting reads its text. */
interface Kind<T> {
  /** Said after "may be". */
  readonly allowed: string;
  /** Undefined when the text is not one of the allowed. */
  parse(text: string): T | undefined;
}

interface Setting<T> {
  readonly kind: Kind<T>;
  /** As text, the way it would be set; null: unset, and then the value is null. */
  readonly default: string | null;
  readonly meaning: string;
  /** Never repeated in an error. */
  readonly secret?: true;
}

export const SETTINGS = {
  HOST: setting(host(), '127.0.0.1', 'The address to listen on.'),
  PORT: setting(
    integer(0, 65_535),
    '4000',
    'The port to listen on; `0` picks a free one, and the start prints it.',
  ),
  PUBLIC_URL: setting(
    httpUrl(),
    null,
    'How Akool reaches this gateway, like `https://swap.example.com`. Without it no webhook address is sent and results are polled (with the sandbox: our own loopback address).',
  ),
  AKOOL_API_KEY: secret(text(), null, 'The API key. Absent: the sandbox is started and used.'),
  AKOOL_CLIENT_ID: secret(
    text(),
    null,
    'The clientId, to read webhooks. Without it a webhook is a doorbell: its job is asked about.',
  ),
  AKOOL_AUTH: setting(
    oneOf(['api-key', 'token']),
    'api-key',
    'The way in: the key itself, or a token got with it and the clientId.',
  ),
  AKOOL_BASE_URL: setting(httpUrl(), 'https://openapi.akool.com', 'Where Akool is.'),
  AKOOL_MAX_CONCURRENCY: setting(
    integer(1, 10_000),
    '2',
    'How many jobs may be at Akool at once; your plan says how many.',
  ),
  AKOOL_TIMEOUT_MS: setting(integer(1, 600_000), '30000', 'The longest that one call to Akool may take.'),
  AKOOL_CONFIRM_RESULTS: setting(
    yesNo(),
    'false',
    'Ask the results endpoint before a webhook that says COMPLETED is believed.',
  ),
  SUBMIT_WAIT_MS: setting(
    integer(0, 600_000),
    '10000',
    "The longest that a submit's answer waits for Akool's, when a slot was free.",
  ),
  POLL_AFTER_MS: setting(
    integer(10, 86_400_000),
    null,
    'Silence after which a sent job is asked about. Unset: 30000, or 1000 where there is no PUBLIC_URL.',
  ),
  JOB_DEADLINE_MS: setting(
    integer(1, 604_800_000),
    '10800000',
    'From the sending: a job that has not ended by then fails.',
  ),
  UNCONFIRMED_SLOT_MS: setting(
    integer(0, 604_800_000),
    '600000',
    'How long a job of unknown outcome keeps its slot.',
  ),
  QUEUE_LIMIT: setting(integer(0, 10_000_000), '10000', 'How many jobs may wait.'),
  QUEUE_TTL_MS: setting(integer(1, 2_592_000_000), '86400000', 'How long a job may wait.'),
  DRAIN_MS: setting(
    integer(0, 600_000),
    '10000',
    'The longest that stopping waits for requests and calls in flight.',
  ),
  DATABASE_URL: secret(
    databaseUrl(),
    'sqlite:data/gateway.db',
    'Where jobs are kept: `sqlite:FILE`, or `postgres://…` for several gateways.',
  ),
  DATABASE_POOL_SIZE: setting(integer(2, 1000), '10', 'Connections to PostgreSQL of one gateway.'),
  REDIS_URL: secret(redisUrl(), null, 'How several gateways wake each other: `redis://…` or `rediss://…`.'),
  LEASE_GRACE_MS: setting(
    integer(0, 3_600_000),
    '30000',
    'A job that was being sent for this much longer than AKOOL_TIMEOUT_MS was left behind by a gateway that died; another takes it over.',
  ),
  DETECT_CACHE_MS: setting(
    integer(0, 86_400_000),
    '60000',
    'How long the faces found in a picture are remembered.',
  ),
  KEEP_RESULTS: setting(
    yesNo(),
    'true',
    'Fetch each result and keep a copy; `false` leaves results with Akool, for its 7 days.',
  ),
  ARCHIVE_DIR: setting(text(), 'data/archive', 'Where kept results lie.'),
  ARCHIVE_MAX_BYTES: setting(integer(1, 100_000_000_000), '536870912', 'Larger results are left with Akool.'),
  ARCHIVE_TIMEOUT_MS: setting(
    integer(1, 86_400_000),
    '300000',
    'The longest that fetching one result may take; it is tried again then.',
  ),
  RETENTION_DAYS: setting(
    integer(0, 36_500),
    null,
    'Finished jobs are deleted, here and at Akool, after so many days. Unset: never.',
  ),
  SANDBOX_PORT: setting(
    integer(0, 65_535),
    null,
    'The port of the built-in sandbox. Unset: one above PORT, or a free one where that is taken.',
  ),
  AUTH: setting(
    oneOf(['none']),
    null,
    '`none` says that the gateway is meant to be open to all where others can reach it.',
  ),
  AUTH_API_KEYS: secret(
    { allowed: 'tenant:key,tenant:key, a key also as sha256:HEX', parse: (t) => readApiKeys(t) ?? undefined },
    null,
    'Who may call: `tenant:key,tenant:key`, a key also as `sha256:HEX`.',
  ),
  AUTH_JWKS_URL: setting(
    httpUrl({ query: true }),
    null,
    "Where the public keys of callers' JWTs are. The claim `tenant`, else `sub`, is the tenant.",
  ),
  AUTH_JWT_SECRET: secret(
    text({ least: 32 }),
    null,
    "The shared secret of callers' JWTs (HS256, HS384, HS512); 32 random characters or more.",
  ),
  AUTH_JWT_ISSUER: setting(text(), null, 'The `iss` that a JWT must have.'),
  AUTH_JWT_AUDIENCE: setting(text(), null, 'The `aud` that a JWT must have.'),
  CORS_ORIGINS: setting(
    origins(),
    null,
    'Pages of other origins that may call, like `https://app.example.com,https://b.example.com`; `*` for all.',
  ),
  RATE_QUERIES_PER_MINUTE: setting(
    integer(0, 100_000_000),
    '30000',
    'Queries and subscriptions that one tenant may start in a minute; `0`: no limit. An open gateway has none.',
  ),
  RATE_MUTATIONS_PER_MINUTE: setting(
    integer(0, 100_000_000),
    '6000',
    'Mutations that one tenant may make in a minute; `0`: no limit. An open gateway has none.',
  ),
  MAX_SOCKETS: setting(integer(1, 10_000_000), '20000', 'WebSockets, and event streams, open at once.'),
  MAX_SOCKET_OPERATIONS: setting(integer(1, 100_000), '100', 'Operations under way on one WebSocket.'),
  INTROSPECTION: setting(yesNo(), null, 'Whether the schema can be asked for. Unset: not in production.'),
  GRAPHIQL: setting(yesNo(), null, 'Whether GraphiQL is served. Unset: not in production.'),
  TRUSTED_DOCUMENTS: setting(
    text(),
    null,
    'A JSON file `{"id": "document"}`: only these operations may run.',
  ),
  METRICS_TOKEN: secret(text(), null, 'What `/metrics` wants as `Authorization: Bearer …`. Unset: nothing.'),
  LOG_LEVEL: setting(oneOf(LOG_LEVELS), 'info', 'How much is logged.'),
  NODE_ENV: setting(text(), null, '`production` for a public server.'),
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;
type Values = {
  [N in SettingName]: (typeof SETTINGS)[N] extends Setting<infer T>
    ? (typeof SETTINGS)[N]['default'] extends string
      ? T
      : T | null
    : never;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigError with one line for each mistake */
export function readConfig(environment: Environment): { readonly config: Config; readonly secrets: Secrets } {
  const mistakes: string[] = [];
  const sandbox = readSandbox(environment, mistakes);
  const v = readSettings(environment, mistakes);
  if (v.AKOOL_AUTH === 'token' && (v.AKOOL_API_KEY === null || v.AKOOL_CLIENT_ID === null)) {
    mistakes.push('AKOOL_AUTH is "token"; that needs AKOOL_CLIENT_ID and AKOOL_API_KEY');
  }
  const hasCallers = v.AUTH_API_KEYS !== null || v.AUTH_JWKS_URL !== null || v.AUTH_JWT_SECRET !== null;
  if (hasCallers && v.AUTH === 'none') {
    mistakes.push(
      'AUTH is "none", but AUTH_API_KEYS, AUTH_JWKS_URL or AUTH_JWT_SECRET is set; keep one of both',
    );
  }
  if (!hasCallers && v.AUTH === null && v.HOST !== undefined && !isLoopback(v.HOST)) {
    mistakes.push(
      `HOST is ${JSON.stringify(v.HOST)}; without AUTH_API_KEYS, AUTH_JWKS_URL or AUTH_JWT_SECRET it may be a loopback address, or AUTH=none says that all may call`,
    );
  }
  if (sandbox === null || mistakes.length > 0) throw new ConfigError(mistakes);
  const production = v.NODE_ENV === 'production';
  const rate = (perMinute: number): number | null => (hasCallers && perMinute > 0 ? perMinute : null);
  const config: Config = {
    host: v.HOST,
    port: v.PORT,
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
    drainMs: v.DRAIN_MS,
    databasePoolSize: v.DATABASE_POOL_SIZE,
    leaseGraceMs: v.LEASE_GRACE_MS,
    detectCacheMs: v.DETECT_CACHE_MS,
    keepResults: v.KEEP_RESULTS,
    archiveDir: v.ARCHIVE_DIR,
    archiveMaxBytes: v.ARCHIVE_MAX_BYTES,
    archiveTimeoutMs: v.ARCHIVE_TIMEOUT_MS,
    retentionDays: v.RETENTION_DAYS,
    sandboxPort: v.SANDBOX_PORT,
    sandbox,
    auth: Object.freeze({
      isOpen: !hasCallers,
      onlyThisMachine: !hasCallers && v.AUTH === null,
      jwksUrl: v.AUTH_JWKS_URL,
      issuer: v.AUTH_JWT_ISSUER,
      audience: v.AUTH_JWT_AUDIENCE,
    }),
    corsOrigins: v.CORS_ORIGINS ?? [],
    introspection: v.INTROSPECTION ?? !production,
    graphiql: v.GRAPHIQL ?? !production,
    trustedDocuments: v.TRUSTED_DOCUMENTS,
    rates: Object.freeze({
      queriesPerMinute: rate(v.RATE_QUERIES_PER_MINUTE),
      mutationsPerMinute: rate(v.RATE_MUTATIONS_PER_MINUTE),
    }),
    maxSockets: v.MAX_SOCKETS,
    maxSocketOperations: v.MAX_SOCKET_OPERATIONS,
    logLevel: v.LOG_LEVEL,
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
  };
  return Object.freeze({ config: Object.freeze(config), secrets: Object.freeze(secrets) });
}

/** Null, and its mistakes with the others, when there are any. */
function readSandbox(environment: Environment, mistakes: string[]): SandboxOptions | null {
  try {
    return readSandboxSettings({ ...environment, SANDBOX_PORT: undefined });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    mistakes.push(...error.mistakes);
    return null;
  }
}

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/** Adds a line to `mistakes` for each wrong one, whose value is then undefined, whatever its type says. */
function readSettings(environment: Environment, mistakes: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, { kind, default: fallback, secret: isSecret }] of Object.entries<Setting<unknown>>(
    SETTINGS,
  )) {
    // An empty variable is what `NAME=` in a file gives: not set.
    const said = environment[name]?.trim() || null;
    const value = said ?? fallback;
    const parsed = value === null ? null : kind.parse(value);
    if (parsed === undefined) {
      const shown = isSecret ? 'not valid' : JSON.stringify(said?.replace(/\/\/.*@/s, '//…@'));
      mistakes.push(`${name} is ${shown}; it may be ${kind.allowed}`);
    }
    values[name] = parsed;
  }
  return values as Values;
}

function setting<T, const D extends string | null>(kind: Kind<T>, fallback: D, meaning: string) {
  return { kind, default: fallback, meaning };
}

function secret<T, const D extends string | null>(kind: Kind<T>, fallback: D, meaning: string) {
  return { kind, default: fallback, meaning, secret: true as const };
}

function text({ least = 1 }: { readonly least?: number } = {}): Kind<string> {
  const allowed = least === 1 ? 'any text' : `any text of ${least} characters or more`;
  return { allowed, parse: (t) => (t.length >= least ? t : undefined) };
}

function oneOf<const T extends string>(choices: readonly T[]): Kind<T> {
  return { allowed: choices.join(', '), parse: (t) => choices.find((choice) => choice === t) };
}

function yesNo(): Kind<boolean> {
  return { allowed: 'true, false', parse: (t) => (t === 'true' ? true : t === 'false' ? false : undefined) };
}

function integer(least: number, most: number): Kind<number> {
  return {
    allowed: `a whole number from ${least} to ${most}`,
    parse: (t) => {
      const n = /^\d{1,15}$/.test(t) ? Number(t) : Number.NaN;
      return n >= least && n <= most ? n : undefined;
    },
  };
}

function host(): Kind<string> {
  return {
    allowed: 'an IP address or a host name',
    parse: (t) => (isIP(t) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(t) ? t : undefined),
  };
}

/** An origin, perhaps with a path; given back without a slash at the end. */
function httpUrl({ query = false }: { readonly query?: boolean } = {}): Kind<string> {
  return {
    allowed: `an absolute http: or https: URL without ${query ? 'fragment' : 'query or fragment'}`,
    parse: (t) => {
      if (!/^https?:\/\//i.test(t) || !URL.canParse(t)) return undefined;
      const url = new URL(t);
      const isPlain = url.hash === '' && url.username === '' && url.password === '';
      if (!isPlain || (!query && url.search !== '')) return undefined;
      // Empty ones are taken off too: only then does the address end where it seems to.
      if (url.search === '') url.search = '';
      url.hash = '';
      return url.href.replace(/\/+$/, '');
    },
  };
}

function origins(): Kind<readonly string[]> {
  return {
    allowed: '*, or origins like https://app.example.com with commas between',
    parse: (t) => {
      const all = t.split(',').map((origin) => origin.trim());
      const isOrigin = (o: string) => o === '*' || (URL.canParse(o) && new URL(o).origin === o);
      return all.every(isOrigin) ? all : undefined;
    },
  };
}

function databaseUrl(): Kind<string> {
  return {
    allowed: 'sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE',
    parse: (t) =>
      /^sqlite:.+/.test(t) || (/^postgres(ql)?:\/\//.test(t) && URL.canParse(t)) ? t : undefined,
  };
}

function redisUrl(): Kind<string> {
  return {
    allowed: 'redis://HOST:PORT or rediss://HOST:PORT',
    parse: (t) => (/^rediss?:\/\//.test(t) && URL.canParse(t) ? t : undefined),
  };
}
