/** Every setting in one table: the parser, `.env.example` and the table in the README are derived from it. */
import { readApiKeys } from './api-keys.js';
import { SSL_MODES } from './postgres-address.js';
import {
  awsRegion,
  bucketName,
  databaseUrl,
  headerText,
  host,
  httpUrl,
  integer,
  type Kind,
  keyPrefix,
  oneOf,
  origins,
  proxyUrl,
  redisPrefix,
  redisUrl,
  text,
  yesNo,
} from './setting-kinds.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
const LOG_FORMATS = ['pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** The text that would be set; null if there is no default, so that an unset value is null. */
  readonly default: string | null;
  readonly meaning: string;
  /** Errors never contain its value. */
  readonly secret?: true;
  /** Its name in lowercase is read too, and first, as other programs do. */
  readonly alsoLowercase?: true;
}

export const SETTINGS = {
  HOST: setting(host(), '127.0.0.1', 'Address to listen on.'),
  PORT: setting(
    integer(0, 65_535),
    '4000',
    'Port to listen on; `0` picks a free one, which is printed at startup.',
  ),
  KEEP_ALIVE_MS: setting(
    integer(1000, 86_400_000),
    '72000',
    'How long an idle connection of a client is kept; longer than the idle timeout of the load balancer in front.',
  ),
  PUBLIC_URL: setting(
    httpUrl(),
    null,
    'URL at which Akool reaches this gateway, like `https://swap.example.com`. Without it no callback URL is sent and results are polled (with the sandbox: our own loopback address).',
  ),
  AKOOL_API_KEY: secret(
    headerText(),
    null,
    'Akool API key. Unset: the sandbox is started and used; see SANDBOX.',
  ),
  AKOOL_CLIENT_ID: secret(
    text(),
    null,
    'Akool clientId, for decrypting callbacks. Without it callback bodies cannot be decrypted, so the gateway polls that job.',
  ),
  AKOOL_AUTH: setting(
    oneOf(['api-key', 'token']),
    'api-key',
    'How to authenticate with Akool: with the key itself, or with a token obtained with the key and the clientId.',
  ),
  AKOOL_BASE_URL: setting(httpUrl(), 'https://openapi.akool.com', "Base URL of Akool's API."),
  AKOOL_MAX_CONCURRENCY: setting(
    integer(1, 10_000),
    '3',
    'Maximum number of jobs at Akool at once; your plan sets it (secondary sources say 3 for Pro Max, 5 for Business, 10 for Enterprise).',
  ),
  AKOOL_TIMEOUT_MS: setting(
    integer(1, 600_000),
    '30000',
    'Timeout of one call to Akool, counted from its first byte.',
  ),
  AKOOL_CONFIRM_RESULTS: setting(
    yesNo(),
    'false',
    'Check with the results endpoint before trusting a callback that reports COMPLETED.',
  ),
  SUBMIT_WAIT_MS: setting(
    integer(0, 600_000),
    '10000',
    "How long a submit waits for Akool's answer before it returns, if a slot was free.",
  ),
  POLL_AFTER_MS: setting(
    integer(10, 86_400_000),
    null,
    'Poll a job after this long without news. Unset: 30000, or 1000 without PUBLIC_URL.',
  ),
  JOB_DEADLINE_MS: setting(
    integer(1, 604_800_000),
    '10800000',
    'A job fails if it has not finished this long after it was sent.',
  ),
  UNCONFIRMED_SLOT_MS: setting(
    integer(0, 604_800_000),
    '600000',
    'How long a job holds its slot while it is unknown whether Akool accepted it.',
  ),
  QUEUE_LIMIT: setting(
    integer(0, 10_000_000),
    '10000',
    'Maximum number of waiting jobs. The same number again is reserved for tenants with few waiting jobs while others fill the queue; see docs/security.md.',
  ),
  QUEUE_TTL_MS: setting(integer(1, 2_592_000_000), '86400000', 'How long a job may wait.'),
  ACCEPT_WHILE_BLOCKED: setting(
    yesNo(),
    'false',
    'Accept submits while Akool refuses the account (no credit, unpaid, wrong key). Otherwise they are refused with `PROVIDER_UNAVAILABLE`.',
  ),
  DISPATCH: setting(
    oneOf(['on', 'paused']),
    'on',
    '`paused`: serve, but send no jobs; for starting from a restored backup.',
  ),
  DRAIN_MS: setting(
    integer(0, 600_000),
    '10000',
    'How long shutdown waits for requests and calls in flight.',
  ),
  LAME_DUCK_MS: setting(
    integer(0, 600_000),
    '0',
    'How long a gateway keeps serving after it is told to stop, while `/readyz` returns 503, so that load balancers can drop it first.',
  ),
  DATABASE_URL: secret(
    databaseUrl(),
    'sqlite:data/gateway.db',
    'Where jobs are stored: `sqlite:FILE`, or `postgres://…` for several gateways.',
  ),
  PGSSLMODE: setting(
    oneOf(SSL_MODES),
    null,
    'TLS mode for PostgreSQL if DATABASE_URL has no `sslmode`. All but `disable` and `no-verify` require TLS and verify certificate and host name; `verify-ca` with PGSSLROOTCERT verifies the certificate only. Unset: no TLS, unless PGSSLROOTCERT is set.',
  ),
  PGSSLROOTCERT: setting(
    text(),
    null,
    "PEM file of the CA that signed PostgreSQL's certificate. Unset: the CAs that Node trusts.",
  ),
  DATABASE_POOL_SIZE: setting(integer(2, 1000), '10', 'PostgreSQL connections per gateway.'),
  REDIS_URL: secret(
    redisUrl(),
    null,
    'Redis through which several gateways notify each other: `redis://…` or `rediss://…`.',
  ),
  REDIS_PREFIX: setting(
    redisPrefix(),
    null,
    'Prefix of channels and keys in Redis; the same on all gateways of one database. Unset: a name stored in the database, so that installations can share a Redis.',
  ),
  LEASE_GRACE_MS: setting(
    integer(0, 3_600_000),
    '30000',
    'Another gateway takes over a job that has been SUBMITTING for this much longer than AKOOL_TIMEOUT_MS, because its gateway has died.',
  ),
  DETECT_CACHE_MS: setting(
    integer(0, 86_400_000),
    '60000',
    'How long the faces found in a picture are cached.',
  ),
  KEEP_RESULTS: setting(
    yesNo(),
    'true',
    'Download each result and keep a copy; `false` leaves results at Akool, which keeps them for 7 days.',
  ),
  ARCHIVE_DIR: setting(
    text(),
    'data/archive',
    'Directory for kept results, unless ARCHIVE_S3_BUCKET is set.',
  ),
  ARCHIVE_S3_BUCKET: setting(
    bucketName(),
    null,
    'Bucket for kept results, on Amazon S3 or an S3-compatible store.',
  ),
  ARCHIVE_S3_PREFIX: setting(
    keyPrefix(),
    null,
    'Prefix of object names in the bucket, like `face-swap/results`. A slash is added after it.',
  ),
  ARCHIVE_S3_PATH_STYLE: setting(
    yesNo(),
    null,
    'Put the bucket name in the path instead of the host. Unset: only if AWS_ENDPOINT_URL_S3 is set.',
  ),
  AWS_REGION: setting(
    awsRegion(),
    null,
    'Region of the bucket. Unset: `us-east-1` if AWS_ENDPOINT_URL_S3 is set, which most S3-compatible stores accept.',
  ),
  AWS_ENDPOINT_URL_S3: setting(
    httpUrl(),
    null,
    'URL of an S3-compatible store, like `https://minio.example.com:9000`. Unset: Amazon S3.',
  ),
  AWS_ACCESS_KEY_ID: secret(
    text(),
    null,
    'Access key for the bucket, together with AWS_SECRET_ACCESS_KEY. Unset: the default AWS credential chain, for example a role.',
  ),
  AWS_SECRET_ACCESS_KEY: secret(text(), null, 'Secret of that access key.'),
  AWS_SESSION_TOKEN: secret(text(), null, 'Session token of that access key, if it is temporary.'),
  ARCHIVE_MAX_BYTES: setting(integer(1, 100_000_000_000), '536870912', 'Larger results are left at Akool.'),
  ARCHIVE_TIMEOUT_MS: setting(
    integer(1, 86_400_000),
    '300000',
    'Timeout of downloading one result; the download is then retried.',
  ),
  UPLOAD_TTL_MS: setting(
    integer(0, 2_592_000_000),
    '3600000',
    'How long an upload is kept after the last job that named it has ended. One that no job names is kept for 24 hours.',
  ),
  UPLOAD_QUOTA_BYTES: setting(
    integer(1, 100_000_000_000_000),
    null,
    'How many bytes of uploads one tenant may have at once. Unset: no limit.',
  ),
  UPLOAD_MAX_IMAGE_BYTES: setting(
    integer(1, 2_147_483_647),
    '20971520',
    'Largest picture that can be uploaded.',
  ),
  UPLOAD_MAX_VIDEO_BYTES: setting(
    integer(1, 2_147_483_647),
    '209715200',
    'Largest video that can be uploaded.',
  ),
  UPLOAD_MAX_PIXELS: setting(
    integer(1, 268_402_689),
    '50000000',
    'Pixels (width × height) of the largest picture that can be uploaded.',
  ),
  UPLOAD_MIN_FREE_BYTES: setting(
    integer(0, 100_000_000_000_000),
    '1073741824',
    'No new uploads are accepted while the disk that stores them has less room than this.',
  ),
  RETENTION_DAYS: setting(
    integer(0, 36_500),
    null,
    'Delete finished jobs, here and at Akool, after this many days. Unset: never.',
  ),
  SANDBOX: setting(
    yesNo(),
    null,
    '`true`: without AKOOL_API_KEY, use the sandbox even if other settings (NODE_ENV=production, AKOOL_CLIENT_ID, a PUBLIC_URL that is not of this machine) suggest that a key is missing.',
  ),
  SANDBOX_PORT: setting(
    integer(0, 65_535),
    null,
    'Port of the built-in sandbox. Unset: PORT + 1, or a free port if that is taken.',
  ),
  HTTPS_PROXY: alsoLowercase(
    secret(
      proxyUrl(),
      null,
      'Proxy for `https:` URLs: calls to Akool, downloads of results, and AUTH_JWKS_URL; see docs/operating.md. Also in lowercase, like the next two. Not read if neither AKOOL_API_KEY nor AUTH_JWKS_URL is set.',
    ),
  ),
  HTTP_PROXY: alsoLowercase(secret(proxyUrl(), null, 'The same for `http:` URLs.')),
  NO_PROXY: alsoLowercase(
    setting(
      text(),
      null,
      'Hosts that are connected to without a proxy, subdomains included, like `example.com,keys.internal:8443`; `*` for all. Hosts of this machine always are.',
    ),
  ),
  AUTH: setting(
    oneOf(['none']),
    null,
    '`none` confirms that the gateway is meant to be open to everyone who can reach it.',
  ),
  AUTH_API_KEYS: secret(
    {
      allowed: 'tenant:key,tenant:key, where a key can be sha256:HEX',
      parse: (t) => readApiKeys(t) ?? undefined,
    },
    null,
    'API keys of callers: `tenant:key,tenant:key`, where a key can also be `sha256:HEX`.',
  ),
  AUTH_JWKS_URL: setting(
    httpUrl({ query: true }),
    null,
    "URL of the public keys for callers' JWTs. The claim `tenant`, or else `sub`, is the tenant.",
  ),
  AUTH_JWT_SECRET: secret(
    text(),
    null,
    "Shared secret for callers' JWTs (HS256, HS384, HS512); at least 32 random characters.",
  ),
  AUTH_JWT_ISSUER: setting(text(), null, 'The `iss` that a JWT must have.'),
  AUTH_JWT_AUDIENCE: setting(text(), null, 'The `aud` that a JWT must have.'),
  AUTH_JWT_CLOCK_TOLERANCE_S: setting(
    integer(0, 3600),
    '5',
    'How far the clocks of the gateway and of the issuer of JWTs may differ.',
  ),
  CORS_ORIGINS: setting(
    origins(),
    null,
    'Other origins whose pages may call, like `https://app.example.com,https://*.example.com,capacitor://localhost`, where `*.` is one label; `*` for all. An open gateway on a loopback address also serves pages of its own machine.',
  ),
  RATE_QUERIES_PER_MINUTE: setting(
    integer(0, 100_000_000),
    '30000',
    'Queries and subscriptions that one tenant may start per minute; `0`: no limit. An open gateway has no limit.',
  ),
  RATE_MUTATIONS_PER_MINUTE: setting(
    integer(0, 100_000_000),
    '6000',
    'Mutations that one tenant may make per minute; `0`: no limit. An open gateway has no limit.',
  ),
  MAX_SOCKETS: setting(
    integer(1, 10_000_000),
    '20000',
    'Maximum number of WebSockets, and of event streams, open at once.',
  ),
  MAX_SOCKET_OPERATIONS: setting(
    integer(1, 100_000),
    '100',
    'Maximum number of operations running on one WebSocket.',
  ),
  MAX_SUBSCRIPTIONS: setting(
    integer(2, 100_000_000),
    '40000',
    'Maximum number of running subscriptions. A tenant may hold as many as remain free: half of them if it is alone.',
  ),
  INTROSPECTION: setting(
    yesNo(),
    null,
    'Whether clients may query the schema. Unset: only outside production.',
  ),
  GRAPHIQL: setting(yesNo(), null, 'Whether GraphiQL is served. Unset: only outside production.'),
  STUDIO: setting(
    yesNo(),
    null,
    'Whether the studio is served, a page that swaps faces. Unset: only outside production.',
  ),
  TRUSTED_DOCUMENTS: setting(text(), null, 'JSON file `{"id": "document"}`: only these operations may run.'),
  METRICS_TOKEN: secret(
    text(),
    null,
    'Token that `/metrics` requires as `Authorization: Bearer …`. Unset: none.',
  ),
  LOG_LEVEL: setting(oneOf(LOG_LEVELS), 'info', 'Lowest level that is logged.'),
  LOG_FORMAT: setting(
    oneOf(LOG_FORMATS),
    null,
    'One JSON object per event, or one line for people, in color on a terminal unless NO_COLOR is set. Unset: `pretty` on a terminal (or if LOG_LEVEL is `silent`, for the greeting), `json` elsewhere.',
  ),
  NODE_ENV: setting(text(), null, '`production` for a public server.'),
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;
/** The parsed settings; null where nothing is set and there is no default. */
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

function alsoLowercase<T>(setting: T) {
  return { ...setting, alsoLowercase: true as const };
}
