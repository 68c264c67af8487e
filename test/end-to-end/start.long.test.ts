/** Starts with services misconfigured or not up yet: one line that names the setting, or a retry. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { startSandbox } from '../../src/drivers.js';
import { submit } from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import {
  build,
  cleanUp,
  type GatewayProcess,
  newFolder,
  ROOT,
  spawnGateway,
  startProcess,
} from '../support/gateway-process.js';
import { startGateway, withMethods } from '../support/harness.js';
import { OwnRedis } from '../support/own-redis.js';
import { bucketSettings, startS3Twin } from '../support/s3-twin.js';
import { postgresUrl, type TestDatabase, withDatabase } from '../support/services.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { CA_FILE, startTlsFront, type TlsFront } from '../support/tls-front.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const SECRET = 'hunter2';
const postgres = await postgresUrl();
const ends: (() => Promise<unknown>)[] = [];

beforeAll(build);
afterEach(async () => {
  await cleanUp();
  for (const end of ends.splice(0).reverse()) await end();
});

/** It has exited with only this line, and without the secret. */
async function expectRefused(gateway: GatewayProcess, line: RegExp): Promise<void> {
  expect(await gateway.ended).toBe(1);
  expect(gateway.stdout()).toBe('');
  expect(gateway.stderr().trim().split('\n')).toEqual([expect.stringMatching(line)]);
  expect(gateway.stderr()).not.toContain(SECRET);
}

/** Starts it without the privileges of root, if these tests run as root. */
function startUnprivileged(env: Record<string, string>): Promise<GatewayProcess> {
  const [command = '', ...args] = [
    ...(process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : []),
    ...[process.execPath, join(ROOT, 'dist/index.js')],
  ];
  return spawnGateway(command, args, { cwd: newFolder(), env });
}

/** The lowest port for which Linux requires no privilege. */
function firstOrdinaryPort(): number {
  const file = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 1024;
}

it('A start that is refused for its settings names misspelt ones too', async () => {
  const gateway = await startProcess(newFolder(), {
    AKOOL_API_KEY: 'k',
    AKOOL_AUTH: 'token',
    AKOOL_CLIENTID: SECRET,
  });
  expect(await gateway.ended).toBe(1);
  expect(gateway.stderr().trim().split('\n')).toEqual([
    'AKOOL_AUTH is "token"; this requires AKOOL_CLIENT_ID and AKOOL_API_KEY',
    'AKOOL_CLIENTID is not a setting, and is ignored; did you mean AKOOL_CLIENT_ID?',
  ]);
});

describe('A start is refused in one line', () => {
  it.each([`${SECRET} `.repeat(2), `“${SECRET}”`])('with the API key %s', async (key) => {
    await expectRefused(
      await startProcess(newFolder(), { AKOOL_API_KEY: key }),
      /^AKOOL_API_KEY is not valid; it must be printable ASCII without blanks$/,
    );
  });

  it.each([
    ['no address of this machine', '192.0.2.1', 'EADDRNOTAVAIL'],
    ['a name that nobody knows', 'no-such-host.invalid', 'ENOTFOUND|EAI_AGAIN'],
  ])('when HOST is %s', async (_what, HOST, reason) => {
    const gateway = await startProcess(newFolder(), { HOST, AUTH: 'none' });
    await expectRefused(
      gateway,
      new RegExp(`^HOST is "${HOST}"; it must be an address of this machine, .*(${reason})`),
    );
  });

  it.each(['PORT', 'SANDBOX_PORT'])('when %s is taken', async (name) => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const gateway = await startProcess(newFolder(), { [name]: String(port) });
    await expectRefused(
      gateway,
      new RegExp(`^${name} is ${port}; it must be a port on which no other program listens .*EADDRINUSE`),
    );
    other.close();
  });

  it.skipIf(firstOrdinaryPort() <= 80).each(['PORT', 'SANDBOX_PORT'])(
    'when %s is 80, and this user may not listen there',
    async (name) => {
      const gateway = await startUnprivileged({ [name]: '80' });
      await expectRefused(
        gateway,
        new RegExp(`^${name} is 80; it must be 1024 or more, .*\\(listen EACCES: .*:80\\)$`),
      );
    },
  );

  it('when SANDBOX_HOST is no address of this machine', async () => {
    const gateway = await startProcess(newFolder(), { SANDBOX_HOST: '192.0.2.1' });
    await expectRefused(gateway, /^SANDBOX_HOST is "192.0.2.1"; it must be .*EADDRNOTAVAIL/);
  });

  describe('and one in which nothing may be written', () => {
    const CAUSES = /(EACCES: permission denied|EROFS: read-only file system), (mkdir|access|open) '[^']*'/
      .source;
    const ofDatabase = (file: string): RegExp =>
      new RegExp(
        `^${file} can't be used as the database: ${CAUSES}; see DATABASE_URL, which must name a file`,
      );
    const ofArchive = (dir: string): RegExp =>
      new RegExp(`^ARCHIVE_DIR is "${dir}"; it must be a writable directory \\(${CAUSES}\\)$`);

    /** A folder in which this user may not write. */
    function lockedFolder(): string {
      const folder = newFolder();
      chmodSync(folder, 0o555);
      return folder;
    }

    it.each(['data/gateway.db', 'gateway.db'])('is the place of the database: %s', async (name) => {
      const file = join(lockedFolder(), name);
      await expectRefused(await startUnprivileged({ DATABASE_URL: `sqlite:${file}` }), ofDatabase(file));
    });

    it('is the file of the database', async () => {
      const file = join(newFolder(), 'gateway.db');
      writeFileSync(file, '', { mode: 0o444 });
      await expectRefused(await startUnprivileged({ DATABASE_URL: `sqlite:${file}` }), ofDatabase(file));
    });

    it.each(['archive', '.'])('is the place of the archive: %s', async (name) => {
      const dir = join(lockedFolder(), name);
      await expectRefused(await startUnprivileged({ ARCHIVE_DIR: dir }), ofArchive(dir));
    });

    it('is a disk', async (context) => {
      const disk = mountSmallDisk(100);
      if (disk === null) return context.skip();
      ends.push(async () => disk.remove());
      execFileSync('mount', ['-o', 'remount,ro', disk.dir]);
      const file = join(disk.dir, 'gateway.db');
      await expectRefused(
        await startProcess(newFolder(), { DATABASE_URL: `sqlite:${file}` }),
        ofDatabase(file),
      );
      await expectRefused(await startProcess(newFolder(), { ARCHIVE_DIR: disk.dir }), ofArchive(disk.dir));
    });
  });

  // Nothing can be created in /proc, and the error is that of a missing folder.
  it.skipIf(!existsSync('/proc/self')).each([
    ['DATABASE_URL', 'sqlite:/proc/gateway/data/gateway.db'],
    ['ARCHIVE_DIR', '/proc/gateway/archive'],
  ])('when the folder of %s can not be made', async (name, value) => {
    const gateway = await startProcess(newFolder(), { [name]: value });
    await expectRefused(gateway, /ENOENT: no such file or directory, mkdir '\/proc\/gateway'/);
  });

  it('when .env can not be read', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, '.env'));
    await expectRefused(await startProcess(folder), /^\.env .*can't be read/);
  });

  it('when GraphiQL is not built', async () => {
    const folder = newFolder();
    const isOfGraphiql = (file: string): boolean => file.startsWith(join(ROOT, 'dist/graphiql'));
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), {
      recursive: true,
      filter: (file) => !isOfGraphiql(file),
    });
    for (const name of ['package.json', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name));
    const gateway = await spawnGateway(process.execPath, ['dist/index.js'], { cwd: folder, env: {} });
    await expectRefused(gateway, /^GRAPHIQL is on, but its page is not built in .*\/dist\/graphiql: run /);
  });

  it("when the bucket is in another region than AWS_REGION, with that region's name", async () => {
    const twin = await startS3Twin({ region: 'eu-central-1' });
    ends.push(() => twin.stop());
    const gateway = await startProcess(newFolder(), {
      ...bucketSettings(twin),
      AWS_REGION: 'us-west-2',
      NODE_NO_WARNINGS: '1',
    });
    await expectRefused(
      gateway,
      /^AWS_REGION is "us-west-2", but the bucket "results" is in "eu-central-1"$/,
    );
  });
});

it('PORT=65535 leaves the sandbox a free port', async () => {
  const { config, secrets } = readConfig({ PORT: '65535', DATABASE_URL: 'sqlite::memory:' });
  const sandbox = await startSandbox({ config, secrets, log: pino({ level: 'silent' }) });
  ends.push(() => sandbox.stop());
  expect((await fetch(`${sandbox.url}/sandbox/state`)).status).toBe(200);
});

describe('Redis', () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = new OwnRedis(await freePort(), ['--requirepass', 'right']);
    await redis.start();
  });
  afterAll(() => redis.stop());

  const withPassword = (password: string): string => redis.url.replace('//', `//:${password}@`);

  it('that refuses the password ends the start in one line', async () => {
    const gateway = await startProcess(newFolder(), { REDIS_URL: withPassword(SECRET) });
    await expectRefused(
      gateway,
      /^REDIS_URL is set, but Redis refuses its user name or password \(WRONGPASS /,
    );
  });

  it('that wants a password ends the start in one line', async () => {
    const gateway = await startProcess(newFolder(), { REDIS_URL: redis.url });
    await expectRefused(gateway, /^REDIS_URL is set, but Redis refuses its user name or password \(NOAUTH /);
  });

  it('that has no such database ends the start in one line', async () => {
    const gateway = await startProcess(newFolder(), { REDIS_URL: `${withPassword('right')}/99` });
    await expectRefused(gateway, /^REDIS_URL is set, but Redis refuses its database number \(ERR DB index /);
  });

  it('whose CA is unknown ends the start in one line, and is joined with the CA in NODE_EXTRA_CA_CERTS', async () => {
    const front = await startTlsFront(withPassword('right').replace('redis:', 'rediss:'));
    ends.push(() => front.stop());
    const REDIS_URL = front.url().href;
    await expectRefused(
      await startProcess(newFolder(), { REDIS_URL }),
      /^REDIS_URL is set, but the certificate of Redis is not trusted .*NODE_EXTRA_CA_CERTS/,
    );
    const gateway = await startProcess(newFolder(), { REDIS_URL, NODE_EXTRA_CA_CERTS: CA_FILE });
    expect(await (await fetch(`${gateway.url}/readyz`)).json()).toEqual({ status: 'ok' });
  });
});

describe.skipIf(postgres === null)('PostgreSQL', () => {
  let database: TestDatabase;
  let front: TlsFront;
  beforeAll(async () => {
    database = await withDatabase(postgres ?? '');
    front = await startTlsFront(database.url);
  });
  afterAll(async () => {
    await front.stop();
    await database.drop();
  });

  const start = (DATABASE_URL: string, env: Record<string, string> = {}): Promise<GatewayProcess> =>
    startProcess(newFolder(), { DATABASE_URL, ...env });
  const changed = (change: (url: URL) => void, url = new URL(database.url)): string => {
    change(url);
    return url.href;
  };

  it.each<[string, (url: URL) => unknown, RegExp]>([
    [
      'has no such database',
      (url) => (url.pathname = '/no_such_database'),
      /no_such_database.* does not exist; see DATABASE_URL/,
    ],
    [
      'has no such user',
      (url) => (url.username = 'no_such_user'),
      /no_such_user.* does not exist; see DATABASE_URL/,
    ],
    [
      'does not speak TLS',
      (url) => (url.search = '?sslmode=require'),
      /does not support SSL.*; see DATABASE_URL/,
    ],
    [
      'is to be trusted by a file that is not there',
      (url) => (url.search = '?sslmode=require&sslrootcert=/nowhere'),
      /ENOENT.*\/nowhere.*; see DATABASE_URL/,
    ],
  ])('that %s ends the start in one line', async (_what, change, line) => {
    const url = changed((at) => {
      at.password = SECRET;
      change(at);
    });
    await expectRefused(await start(url), line);
  });

  it.each(['/nowhere', '/etc/passwd'])('is not asked when PGSSLROOTCERT is %s', async (file) => {
    await expectRefused(
      await start(database.url, { PGSSLROOTCERT: file }),
      new RegExp(`^PGSSLROOTCERT is "${file}"; it must be a readable file of certificates`),
    );
  });

  it.each(['require', 'verify-ca', 'verify-full'])(
    'is not trusted with sslmode=%s, unless PGSSLROOTCERT names its CA',
    async (mode) => {
      const url = changed((at) => (at.search = `?sslmode=${mode}`), front.url());
      await expectRefused(await start(url), /PostgreSQL can't be used .*certificate.*see PGSSLROOTCERT/);
      const gateway = await start(url, { PGSSLROOTCERT: CA_FILE });
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
      expect(gateway.stderr()).toBe('');
    },
  );

  it('under another name than its certificate has is used with verify-ca alone', async () => {
    const url = front.url('127.0.0.1').href;
    const env = { PGSSLROOTCERT: CA_FILE };
    await expectRefused(
      await start(url, env),
      /not in the cert's (list|altnames)|ERR_TLS_CERT_ALTNAME|does not match/i,
    );
    const gateway = await start(url, { ...env, PGSSLMODE: 'verify-ca' });
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  });

  it('with a name that nobody knows is waited for, like one that refuses connections', async () => {
    const url = changed((at) => (at.hostname = 'no-such-host.invalid'));
    const gateway = await start(url, { LOG_LEVEL: 'warn' });
    expect(await gateway.ended).toBe(1);
    expect(gateway.stdout().match(/"not started yet; trying again"/g)?.length).toBeGreaterThan(2);
    expect(gateway.stderr()).toMatch(/^PostgreSQL can't be used as the database: .*no-such-host.*\n$/);
  });

  it('without a free connection is waited for', async () => {
    const role = `gateway_${randomBytes(6).toString('hex')}`;
    const admin = new Client({ connectionString: database.url });
    await admin.connect();
    const own = await withDatabase(postgres ?? '');
    ends.push(async () => {
      await own.drop();
      await admin.query(`drop role ${role}`);
      await admin.end();
    });
    await admin.query(`create role ${role} login connection limit 0`);
    await admin.query(`alter database ${new URL(own.url).pathname.slice(1)} owner to ${role}`);
    const url = changed((at) => (at.username = role), new URL(own.url));
    const gateway = await spawnGateway(process.execPath, [join(ROOT, 'dist/index.js')], {
      cwd: newFolder(),
      env: { DATABASE_URL: url, LOG_LEVEL: 'warn' },
      until: /trying again/,
    });
    expect(gateway.stdout()).toContain(`too many connections for role \\"${role}\\"`);
    await admin.query(`alter role ${role} connection limit 20`);
    await expect.poll(() => gateway.url).not.toBe('');
    expect((await submit(gateway.url)).id).toBeTruthy();
  });
});

describe('A start that loses a database which had answered', () => {
  const CUT = new Error('Connection terminated unexpectedly');
  const REFUSED = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

  /** Each failure happens the given number of milliseconds after the beginning. */
  async function startFailing(...failures: readonly (readonly [number, Error])[]): Promise<Response> {
    const startedAt = performance.now();
    const left = [...failures];
    onTestFinished(() => void vi.restoreAllMocks());
    const gateway = await startGateway({
      overrides: {
        wrapStore: (store) =>
          withMethods(store, {
            secret: async (name) => {
              const [afterMs, error] = left.shift() ?? [0, null];
              if (error === null) return store.secret(name);
              vi.spyOn(performance, 'now').mockReturnValue(startedAt + afterMs);
              throw error;
            },
          }),
      },
    });
    ends.push(() => gateway.stop());
    vi.restoreAllMocks();
    return fetch(`${gateway.url}/readyz`);
  }

  it('tries again for half a minute, also where it refuses connections then', async () => {
    const { status } = await startFailing([20_000, CUT], [21_000, REFUSED], [30_000, REFUSED], [49_000, CUT]);
    expect(status).toBe(200);
  });

  it.each<[string, readonly (readonly [number, Error])[]]>([
    [
      'half a minute',
      [
        [0, CUT],
        [30_000, REFUSED],
      ],
    ],
    [
      'five seconds, where it was never there',
      [
        [0, REFUSED],
        [5000, REFUSED],
      ],
    ],
  ])('gives up after %s', async (_what, failures) => {
    await expect(startFailing(...failures)).rejects.toMatchObject({ code: 'DATABASE_UNUSABLE' });
  });
});
