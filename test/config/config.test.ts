import { homedir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/config/config.js';
import { SSL_MODES } from '../../src/config/postgres-address.js';
import { SETTINGS, type SettingName } from '../../src/config/settings.js';
import { isLoopback } from '../../src/loopback.js';

/** Some settings ask for a key, unless the sandbox is meant. */
function withSandbox(environment: Record<string, string>): Record<string, string> {
  return 'AKOOL_API_KEY' in environment ? environment : { SANDBOX: 'true', ...environment };
}

/** The reported mistakes of an environment, one per line; empty if it is valid. */
function mistakesIn(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(withSandbox(environment));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message.split('\n')).toEqual(error.lines);
    return error.lines;
  }
}

describe('an empty environment', () => {
  test('gives the defaults of the design', () => {
    const { config, secrets } = readConfig({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      publicUrl: null,
      akool: {
        auth: 'api-key',
        baseUrl: 'https://openapi.akool.com',
        maxConcurrency: 3,
        timeoutMs: 30_000,
        confirmResults: false,
      },
      submitWaitMs: 10_000,
      pollAfterMs: null,
      jobDeadlineMs: 3 * 60 * 60 * 1000,
      unconfirmedSlotMs: 600_000,
      queueLimit: 10_000,
      queueTtlMs: 24 * 60 * 60 * 1000,
      archiveDir: 'data/archive',
      archiveBucket: null,
      logLevel: 'info',
      logFormat: null,
      production: false,
    });
    expect(secrets).toMatchObject({
      akoolApiKey: null,
      akoolClientId: null,
      databaseUrl: 'sqlite:data/gateway.db',
      s3Credentials: null,
    });
  });

  test('is the same as one whose variables are empty', () => {
    const empty = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, '']));
    const blank = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, ' \t']));
    expect(readConfig(empty)).toEqual(readConfig({}));
    expect(readConfig(blank)).toEqual(readConfig({}));
  });

  test('gives what can not be changed afterwards', () => {
    const { config, secrets } = readConfig({});
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(() => Object.assign(config.akool, { timeoutMs: 1 })).toThrow(TypeError);
    expect(() => Object.assign(secrets, { akoolApiKey: 'x' })).toThrow(TypeError);
  });
});

describe('without AKOOL_API_KEY', () => {
  test.each([
    [{ NODE_ENV: 'production' }, 'NODE_ENV is "production"'],
    [{ AKOOL_CLIENT_ID: 'x' }, 'AKOOL_CLIENT_ID is set'],
    [{ PUBLIC_URL: 'https://swap.example.com' }, 'PUBLIC_URL is not of this machine'],
  ])('%o asks for the key, unless the sandbox is meant', (environment, why) => {
    expect(() => readConfig(environment)).toThrow(`${why}; this requires AKOOL_API_KEY, or SANDBOX=true`);
    expect(() => readConfig({ ...environment, SANDBOX: 'false' })).toThrow(
      'SANDBOX is "false"; this requires AKOOL_API_KEY',
    );
    expect(mistakesIn(environment)).toEqual([]);
    expect(() => readConfig({ ...environment, AKOOL_API_KEY: 'k' })).not.toThrow();
  });

  test.each([
    {},
    { NODE_ENV: 'test' },
    { PUBLIC_URL: 'http://127.0.0.1:4000' },
    { PUBLIC_URL: 'http://[::1]:1' },
  ])('%o is the sandbox', (environment) => {
    expect(() => readConfig(environment)).not.toThrow();
  });
});

test('SANDBOX=true beside AKOOL_API_KEY, and SANDBOX=false without it, are contradictions', () => {
  expect(mistakesIn({ AKOOL_API_KEY: 'k', SANDBOX: 'true' })).toEqual([
    'SANDBOX is "true", but AKOOL_API_KEY is set; remove one or the other',
  ]);
  expect(mistakesIn({ SANDBOX: 'false' })).toEqual(['SANDBOX is "false"; this requires AKOOL_API_KEY']);
});

test('SANDBOX_PORT may be PORT where there is no sandbox, and is not compared if neither is a port', () => {
  const ports = { PORT: '4100', SANDBOX_PORT: '4100' };
  expect(mistakesIn(ports)).toEqual(['SANDBOX_PORT is "4100", which is PORT; it must be another port']);
  expect(mistakesIn({ ...ports, AKOOL_API_KEY: 'k' })).toEqual([]);
  expect(mistakesIn({ PORT: 'x', SANDBOX_PORT: 'x' })).toHaveLength(2);
});

test.each([
  ['DATABASE_URL', 'sqlite:', 'names no file'],
  ['DATABASE_URL', 'sqlite://data/gateway.db', 'could mean two files'],
  ['DATABASE_URL', 'sqlite:data/gateway.db?mode=ro', 'takes none'],
  ['DATABASE_URL', 'sqlite:file:data/gateway.db', 'without file:'],
  ['DATABASE_URL', 'sqlite:~root/gateway.db', "another user's home"],
  ['PUBLIC_URL', 'https://swap.example.com/media', 'its path must not begin like an address of the gateway'],
  ['PUBLIC_URL', 'https://swap.example.com/graphql/v1', 'its path must not begin'],
  ['PUBLIC_URL', 'https://swap.example.com/uploads', 'its path must not begin'],
  ['PUBLIC_URL', 'https://swap.example.com/home', 'its path must not begin'],
  ['SANDBOX_PORT', '4000', 'which is PORT; it must be another port'],
  ['UPLOAD_QUOTA_BYTES', '0', 'it must be an integer from 1'],
  ['UPLOAD_MAX_VIDEO_BYTES', '2147483648', 'it must be an integer from 1 to 2147483647'],
])('%s=%j is refused, because it %s', (name, text, why) => {
  expect(mistakesIn({ [name]: text })).toEqual([expect.stringMatching(`^${name} .*${why}`)]);
});

test('what a setting must be leaves nothing open', () => {
  const allowed = Object.entries(SETTINGS).map(([name, { kind }]) => `${name} must be ${kind.allowed}`);
  expect(allowed.filter((line) => /\bmay\b/.test(line))).toEqual([]);
});

describe('settings of other programs', () => {
  test('do not stop a start that has no use for them', () => {
    const others = { AWS_REGION: 'US EAST', AWS_ENDPOINT_URL_S3: 'minio', PGSSLMODE: 'maybe' };
    expect(readConfig(others)).toEqual(readConfig({}));
    expect(mistakesIn({ ...others, ARCHIVE_S3_BUCKET: 'my-results' })).toHaveLength(2);
    expect(mistakesIn({ ...others, DATABASE_URL: 'postgres://localhost/db' })).toHaveLength(1);
  });
});

describe('a setting', () => {
  test.each<[SettingName, string, (c: ReturnType<typeof readConfig>) => unknown, unknown]>([
    ['PORT', '0', ({ config }) => config.port, 0],
    ['PORT', ' 65535 ', ({ config }) => config.port, 65_535],
    ['HOST', 'localhost', ({ config }) => config.host, 'localhost'],
    ['HOST', '::1', ({ config }) => config.host, '::1'],
    ['PUBLIC_URL', 'https://swap.example.com/', ({ config }) => config.publicUrl, 'https://swap.example.com'],
    ['PUBLIC_URL', 'http://h:1/base//', ({ config }) => config.publicUrl, 'http://h:1/base'],
    ['PUBLIC_URL', 'HTTPS://Swap.Example.com', ({ config }) => config.publicUrl, 'https://swap.example.com'],
    ['PUBLIC_URL', 'https://h/?', ({ config }) => config.publicUrl, 'https://h'],
    ['PUBLIC_URL', 'https://h/a#', ({ config }) => config.publicUrl, 'https://h/a'],
    [
      'AKOOL_BASE_URL',
      'http://127.0.0.1:4001',
      ({ config }) => config.akool.baseUrl,
      'http://127.0.0.1:4001',
    ],
    ['AKOOL_CONFIRM_RESULTS', 'true', ({ config }) => config.akool.confirmResults, true],
    ['POLL_AFTER_MS', '500', ({ config }) => config.pollAfterMs, 500],
    ['SUBMIT_WAIT_MS', '0', ({ config }) => config.submitWaitMs, 0],
    ['LOG_LEVEL', 'silent', ({ config }) => config.logLevel, 'silent'],
    ['LOG_FORMAT', 'pretty', ({ config }) => config.logFormat, 'pretty'],
    ['NODE_ENV', 'production', ({ config }) => config.production, true],
    ['NODE_ENV', 'Production', ({ config }) => config.production, true],
    ['NODE_ENV', 'test', ({ config }) => config.production, false],
    ['DATABASE_URL', 'sqlite:/a b/c.db', ({ secrets }) => secrets.databaseUrl, 'sqlite:/a b/c.db'],
    ['DATABASE_URL', 'sqlite:///a/c.db', ({ secrets }) => secrets.databaseUrl, 'sqlite:/a/c.db'],
    ['DATABASE_URL', 'sqlite:~/c.db', ({ secrets }) => secrets.databaseUrl, `sqlite:${homedir()}/c.db`],
    ['DATABASE_URL', 'sqlite::memory:', ({ secrets }) => secrets.databaseUrl, 'sqlite::memory:'],
    [
      'DATABASE_URL',
      'postgres://u@/db?host=/run/postgresql',
      ({ secrets }) => secrets.databaseUrl,
      'postgres://u@/db?host=/run/postgresql',
    ],
    ['KEEP_ALIVE_MS', '600000', ({ config }) => config.keepAliveMs, 600_000],
    ['AUTH_JWT_CLOCK_TOLERANCE_S', '60', ({ config }) => config.auth.clockToleranceS, 60],
    [
      'CORS_ORIGINS',
      'null, https://*.example.com',
      ({ config }) => config.corsOrigins.join(' '),
      'null https://*.example.com',
    ],
    ['REDIS_PREFIX', 'prod:eu-1', ({ config }) => config.redisPrefix, 'prod:eu-1'],
    ['AKOOL_API_KEY', ' key ', ({ secrets }) => secrets.akoolApiKey, 'key'],
  ])('%s=%j is understood', (name, text, read, value) => {
    expect(read(readConfig(withSandbox({ [name]: text })))).toBe(value);
  });

  test.each<[SettingName, string]>([
    ['PORT', 'http'],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '1e3'],
    ['PORT', '0x10'],
    ['PORT', '80.5'],
    ['PORT', '99999999999999999999'],
    ['HOST', 'http://localhost'],
    ['HOST', '127.0.0.1:80'],
    ['PUBLIC_URL', 'swap.example.com'],
    ['PUBLIC_URL', 'ftp://swap.example.com'],
    ['PUBLIC_URL', 'https://swap.example.com/?a=1'],
    ['PUBLIC_URL', 'https://swap.example.com/#a'],
    ['AKOOL_AUTH', 'API-KEY'],
    ['AKOOL_MAX_CONCURRENCY', '0'],
    ['AKOOL_CONFIRM_RESULTS', 'yes'],
    ['AKOOL_TIMEOUT_MS', '0'],
    ['JOB_DEADLINE_MS', '0'],
    ['QUEUE_TTL_MS', 'never'],
    ['REDIS_PREFIX', 'a*'],
    ['LOG_LEVEL', 'loud'],
    ['LOG_FORMAT', 'text'],
    ['LOG_LEVEL', 'a\nb\u0000'],
  ])('%s=%j is refused in one line with its name, what it said and what it must be', (name, text) => {
    const lines = mistakesIn({ [name]: text });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toBe(`${name} is ${JSON.stringify(text)}; it must be ${SETTINGS[name].kind.allowed}`);
    expect(lines[0]).not.toContain('\n');
  });
});

describe('the address of PostgreSQL', () => {
  test.each([
    [
      'postgres://u:hunter2@a:1,b:2/db',
      'names several hosts (a:1, b:2); it must name exactly one, which must lead to the primary',
    ],
    [
      'postgres://u:hunter2@a,b/db',
      'names several hosts (a, b); it must name exactly one, which must lead to the primary',
    ],
    [
      'postgres:///db?host=a,b&password=hunter2',
      'names several hosts (a, b); it must name exactly one, which must lead to the primary',
    ],
    ['postgres://u:hunter2@a/db?sslmode=on', `has the sslmode "on"; it must be ${SSL_MODES.join(', ')}`],
    ['postgres://u:hunter2@a/db?sslmode=', `has the sslmode ""; it must be ${SSL_MODES.join(', ')}`],
  ])('%s is refused by name', (DATABASE_URL, mistake) => {
    expect(mistakesIn({ DATABASE_URL })).toEqual([`DATABASE_URL ${mistake}`]);
  });

  test('may name any mode that libpq knows, and so may PGSSLMODE', () => {
    for (const mode of SSL_MODES) {
      expect(mistakesIn({ DATABASE_URL: `postgres://a/db?sslmode=${mode}`, PGSSLMODE: mode })).toEqual([]);
    }
    expect(mistakesIn({ DATABASE_URL: 'postgres://a/db', PGSSLMODE: 'on' })).toEqual([
      `PGSSLMODE is "on"; it must be ${SSL_MODES.join(', ')}`,
    ]);
  });
});

test('the address of Redis may name a database by its number alone', () => {
  for (const path of ['', '/', '/3']) expect(mistakesIn({ REDIS_URL: `redis://h${path}` })).toEqual([]);
  for (const path of ['/x', '/1/2']) expect(mistakesIn({ REDIS_URL: `redis://h${path}` })).toHaveLength(1);
});

describe('a bucket', () => {
  test('of Amazon is known by its region, and its key may be left to be found', () => {
    const { config, secrets } = readConfig({ ARCHIVE_S3_BUCKET: 'my.results', AWS_REGION: 'eu-central-1' });
    expect(config.archiveBucket).toEqual({
      name: 'my.results',
      prefix: '',
      region: 'eu-central-1',
      endpoint: null,
      pathStyle: false,
    });
    expect(secrets.s3Credentials).toBeNull();
  });

  test('of another store is known by its endpoint', () => {
    const { config, secrets } = readConfig({
      ARCHIVE_S3_BUCKET: 'results',
      ARCHIVE_S3_PREFIX: '/swaps/2026/',
      AWS_ENDPOINT_URL_S3: 'http://minio:9000/',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 's3cret',
      AWS_SESSION_TOKEN: 'token',
    });
    expect(config.archiveBucket).toEqual({
      name: 'results',
      prefix: 'swaps/2026',
      region: 'us-east-1',
      endpoint: 'http://minio:9000',
      pathStyle: true,
    });
    expect(secrets.s3Credentials).toEqual({
      accessKeyId: 'id',
      secretAccessKey: 's3cret',
      sessionToken: 'token',
    });
    expect(JSON.stringify(config)).not.toContain('s3cret');
    const inHost = { ARCHIVE_S3_PATH_STYLE: 'false', AWS_ENDPOINT_URL_S3: 'http://minio:9000' };
    expect(readConfig({ ARCHIVE_S3_BUCKET: 'results', ...inHost }).config.archiveBucket?.pathStyle).toBe(
      false,
    );
  });

  test.each<[SettingName, string]>([
    ['ARCHIVE_S3_BUCKET', 'Results'],
    ['ARCHIVE_S3_BUCKET', 'a'],
    ['ARCHIVE_S3_BUCKET', 's3://results'],
    ['ARCHIVE_S3_PREFIX', '../up'],
    ['ARCHIVE_S3_PREFIX', 'a//b'],
    ['ARCHIVE_S3_PREFIX', '/'],
    ['ARCHIVE_S3_PREFIX', 'a b'],
    ['AWS_REGION', 'eu_central'],
    ['AWS_ENDPOINT_URL_S3', 'minio:9000'],
    ['AWS_ENDPOINT_URL_S3', 'https://key:s3cret@minio:9000'],
  ])('can not be set with %s=%j', (name, text) => {
    const right = { ARCHIVE_S3_BUCKET: 'results', AWS_REGION: 'eu-central-1' };
    const lines = mistakesIn({ ...right, [name]: text });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`${name} is `);
    expect(lines[0]).not.toContain('s3cret');
  });
});

describe('mistakes', () => {
  test('are told all at once, also those that lie between settings', () => {
    const lines = mistakesIn({
      PORT: 'x',
      LOG_LEVEL: 'y',
      QUEUE_LIMIT: 'z',
      AKOOL_AUTH: 'token',
      HOST: '0.0.0.0',
      SANDBOX_CREDIT: 'w',
    });
    const names = ['PORT', 'LOG_LEVEL', 'QUEUE_LIMIT', 'AKOOL_AUTH', 'HOST', 'SANDBOX_CREDIT'];
    expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual(names.sort());
  });

  test('of one setting are not told a second time as mistakes between settings', () => {
    expect(mistakesIn({ HOST: 'no host' })).toHaveLength(1);
    expect(mistakesIn({ AKOOL_AUTH: 'no way' })).toHaveLength(1);
  });

  test('include a token wanted without what it is got with', () => {
    expect(mistakesIn({ AKOOL_AUTH: 'token', AKOOL_API_KEY: 'k' })).toEqual([
      'AKOOL_AUTH is "token"; this requires AKOOL_CLIENT_ID and AKOOL_API_KEY',
    ]);
    expect(mistakesIn({ AKOOL_AUTH: 'token', AKOOL_API_KEY: 'k', AKOOL_CLIENT_ID: 'c' })).toEqual([]);
  });

  test('include an address open to others without saying who may call', () => {
    expect(mistakesIn({ HOST: '0.0.0.0' })).toHaveLength(1);
    expect(mistakesIn({ HOST: '0.0.0.0', AUTH: 'none' })).toEqual([]);
  });

  test('include a bucket without what it is reached with, and what means nothing without a bucket', () => {
    const bucket = { ARCHIVE_S3_BUCKET: 'results' };
    expect(mistakesIn(bucket)).toEqual([
      'ARCHIVE_S3_BUCKET is set; this requires AWS_REGION, or AWS_ENDPOINT_URL_S3 for a store other than Amazon S3',
    ]);
    expect(mistakesIn({ ...bucket, AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'k' })).toEqual([
      'AWS_ACCESS_KEY_ID is set; this requires AWS_SECRET_ACCESS_KEY',
    ]);
    expect(mistakesIn({ ...bucket, AWS_REGION: 'eu-central-1', AWS_SECRET_ACCESS_KEY: 'k' })).toEqual([
      'AWS_SECRET_ACCESS_KEY is set; this requires AWS_ACCESS_KEY_ID',
    ]);
    expect(mistakesIn({ ARCHIVE_S3_PREFIX: 'a', ARCHIVE_S3_PATH_STYLE: 'true' })).toEqual([
      'ARCHIVE_S3_PREFIX is set; this requires ARCHIVE_S3_BUCKET',
      'ARCHIVE_S3_PATH_STYLE is set; this requires ARCHIVE_S3_BUCKET',
    ]);
    expect(mistakesIn({ ARCHIVE_S3_BUCKET: 'no bucket' })).toHaveLength(1);
    // They may be meant for other programs.
    expect(mistakesIn({ AWS_ACCESS_KEY_ID: 'k', AWS_REGION: 'eu-central-1' })).toEqual([]);
  });

  test('include what a JWT must have where none is accepted', () => {
    const wanted = { AUTH_JWT_ISSUER: 'https://id.example.com', AUTH_JWT_AUDIENCE: 'swaps' };
    expect(mistakesIn(wanted)).toEqual([
      'AUTH_JWT_ISSUER is set; this requires AUTH_JWKS_URL or AUTH_JWT_SECRET',
      'AUTH_JWT_AUDIENCE is set; this requires AUTH_JWKS_URL or AUTH_JWT_SECRET',
    ]);
    expect(mistakesIn({ ...wanted, AUTH_JWT_SECRET: 'x'.repeat(32) })).toEqual([]);
  });

  test('say which origin of several is none', () => {
    const why = (entry: string) =>
      expect.stringMatching(`^CORS_ORIGINS has ${entry}; it must be \\*, or comma-separated origins`);
    const good = 'https://app.example.com';
    expect(mistakesIn({ CORS_ORIGINS: `${good},ws://b.example,null` })).toEqual([
      why('"ws://b.example" as entry 2'),
    ]);
    expect(mistakesIn({ CORS_ORIGINS: `${good},` })).toEqual([why('"" as entry 2')]);
    const lines = mistakesIn({ CORS_ORIGINS: `${good},https://me:hunter2,SECRET@b.example` });
    expect(lines).toHaveLength(1);
    expect(lines.join()).not.toMatch(/hunter2|SECRET/);
  });

  test('never repeat a secret', () => {
    const secret = 'hunter2SECRET';
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (!('secret' in setting)) continue;
      for (const value of [
        secret,
        `:${secret}`,
        `postgres:/${secret}`,
        `ftp://u:${secret}@h`,
        `\n${secret}`,
      ]) {
        expect(mistakesIn({ [name]: value, PORT: 'x' }).join('\n')).not.toContain(secret);
      }
    }
  });

  test('never repeat a password within an address', () => {
    const secret = 'hunter2SECRET';
    for (const name of ['PUBLIC_URL', 'AKOOL_BASE_URL', 'AUTH_JWKS_URL', 'CORS_ORIGINS']) {
      for (const password of [secret, `${secret}/x`, `a@${secret}`]) {
        const lines = mistakesIn({ [name]: `https://user:${password}@swap.example.com/` });
        expect(lines).toHaveLength(1);
        expect(lines[0]).toContain(name);
        expect(lines[0]).not.toContain(secret);
      }
    }
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.example.com', false],
  ['128.0.0.1', false],
])('%s is an address that only this machine reaches: %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});
