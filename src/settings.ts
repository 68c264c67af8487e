/**
 * Every setting in one table, from which the reading of the environment, `.env.example` and the table in the
 * README all come.
 */
import { readApiKeys } from './services/auth/api-keys.js';
import { SSL_MODES } from './services/store/postgres-address.js';
import {
  awsRegion,
  bucketName,
  databaseUrl,
  host,
  httpUrl,
  integer,
  type Kind,
  keyPrefix,
  oneOf,
  origins,
  redisPrefix,
  redisUrl,
  text,
  yesNo,
} from './setting-kinds.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Setting<T> {
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
  AKOOL_TIMEOUT_MS: setting(
    integer(1, 600_000),
    '30000',
    'The longest that one call to Akool may take, from its first byte on.',
  ),
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
  QUEUE_LIMIT: setting(
    integer(0, 10_000_000),
    '10000',
    'How many jobs may wait. As many again are kept for tenants that wait with few while others fill the queue: see docs/security.md.',
  ),
  QUEUE_TTL_MS: setting(integer(1, 2_592_000_000), '86400000', 'How long a job may wait.'),
  ACCEPT_WHILE_BLOCKED: setting(
    yesNo(),
    'false',
    'Take submits while Akool refuses the account (no credit, not paid, wrong key). Otherwise they are refused with `PROVIDER_UNAVAILABLE`.',
  ),
  DISPATCH: setting(
    oneOf(['on', 'paused']),
    'on',
    '`paused`: serve, and send nothing; for the start on a restored backup.',
  ),
  DRAIN_MS: setting(
    integer(0, 600_000),
    '10000',
    'The longest that stopping waits for requests and calls in flight.',
  ),
  LAME_DUCK_MS: setting(
    integer(0, 600_000),
    '0',
    'How long a gateway that is told to stop serves on while `/readyz` answers 503, so that load balancers turn to others first.',
  ),
  DATABASE_URL: secret(
    databaseUrl(),
    'sqlite:data/gateway.db',
    'Where jobs are kept: `sqlite:FILE`, or `postgres://…` for several gateways.',
  ),
  PGSSLMODE: setting(
    oneOf(SSL_MODES),
    null,
    'How PostgreSQL is reached where DATABASE_URL has no `sslmode`. All but `disable` and `no-verify` want TLS and verify certificate and name; `verify-ca` with PGSSLROOTCERT the certificate alone. Unset: without TLS, unless PGSSLROOTCERT is set.',
  ),
  PGSSLROOTCERT: setting(
    text(),
    null,
    "The file (PEM) of the CA that has signed PostgreSQL's certificate. Unset: those that Node trusts.",
  ),
  DATABASE_POOL_SIZE: setting(integer(2, 1000), '10', 'Connections to PostgreSQL of one gateway.'),
  REDIS_URL: secret(redisUrl(), null, 'How several gateways wake each other: `redis://…` or `rediss://…`.'),
  REDIS_PREFIX: setting(
    redisPrefix(),
    null,
    'What stands before the names of channels and keys in Redis; the same on all gateways of one database. Unset: a name that is kept in the database, so installations can share a Redis.',
  ),
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
  ARCHIVE_DIR: setting(text(), 'data/archive', 'Where kept results lie, unless ARCHIVE_S3_BUCKET is set.'),
  ARCHIVE_S3_BUCKET: setting(
    bucketName(),
    null,
    'A bucket of Amazon S3, or of a store that speaks its protocol, for kept results.',
  ),
  ARCHIVE_S3_PREFIX: setting(
    keyPrefix(),
    null,
    'What stands before their names in the bucket, like `face-swap/results`. A slash is put between.',
  ),
  ARCHIVE_S3_PATH_STYLE: setting(
    yesNo(),
    null,
    'Name the bucket in the path and not in the host. Unset: where AWS_ENDPOINT_URL_S3 is set.',
  ),
  AWS_REGION: setting(
    awsRegion(),
    null,
    "The bucket's region. Unset: `us-east-1` where AWS_ENDPOINT_URL_S3 is set, which most such stores take.",
  ),
  AWS_ENDPOINT_URL_S3: setting(
    httpUrl(),
    null,
    "Where a store that is not Amazon's is, like `https://minio.example.com:9000`.",
  ),
  AWS_ACCESS_KEY_ID: secret(
    text(),
    null,
    'With AWS_SECRET_ACCESS_KEY, the key for the bucket. Unset: what AWS programs find by themselves, like a role.',
  ),
  AWS_SECRET_ACCESS_KEY: secret(text(), null, 'The secret half of that key.'),
  AWS_SESSION_TOKEN: secret(text(), null, 'What belongs to a key that is temporary.'),
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
    text(),
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
  MAX_SUBSCRIPTIONS: setting(
    integer(2, 100_000_000),
    '40000',
    'Subscriptions under way at once; of these a tenant may hold as many as the others leave free: half of them when it is alone.',
  ),
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
/** What the table gives: null where nothing is set and there is no default. */
export type Values = {
  [N in SettingName]: (typeof SETTINGS)[N] extends Setting<infer T>
    ? (typeof SETTINGS)[N]['default'] extends string
      ? T
      : T | null
    : never;
};

function setting<T, const D extends string | null>(kind: Kind<T>, fallback: D, meaning: string) {
  return { kind, default: fallback, meaning };
}

function secret<T, const D extends string | null>(kind: Kind<T>, fallback: D, meaning: string) {
  return { kind, default: fallback, meaning, secret: true as const };
}
