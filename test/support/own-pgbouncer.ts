/** A test's own PgBouncer with its default settings, in front of a PostgreSQL server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, isListening } from './free-port.js';
import { asServiceUser, giveToServiceUser } from './service-user.js';

/** Where Debian puts it. */
const PROGRAM = '/usr/sbin/pgbouncer';

export type PoolMode = 'session' | 'transaction';

/** Returns false with a warning if it is not installed; throws in CI, where it must be. */
export function isPgbouncerInstalled(): boolean {
  if (existsSync(PROGRAM)) return true;
  const message = `${PROGRAM} is not installed: its tests are skipped`;
  if (process.env['CI']) throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

export class OwnPgbouncer {
  /** The database's URL through PgBouncer. */
  readonly url: string;
  readonly #dir: string;
  readonly #child: ChildProcess;

  private constructor(url: string, dir: string, child: ChildProcess) {
    this.url = url;
    this.#dir = dir;
    this.#child = child;
  }

  static async before(databaseUrl: string, mode: PoolMode): Promise<OwnPgbouncer> {
    const target = new URL(databaseUrl);
    const port = await freePort();
    const dir = mkdtempSync(join(tmpdir(), 'own-pgbouncer-'));
    writeFileSync(join(dir, 'users.txt'), `"${target.username}" ""\n`);
    // Everything else has PgBouncer's defaults; these are required.
    const settings = {
      listen_addr: '127.0.0.1',
      listen_port: port,
      unix_socket_dir: '',
      auth_type: 'trust',
      auth_file: join(dir, 'users.txt'),
      pool_mode: mode,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
    const database = `* = host=${target.hostname} port=${target.port}`;
    const file = join(dir, 'pgbouncer.ini');
    writeFileSync(file, ['[databases]', database, '[pgbouncer]', ...lines, ''].join('\n'));
    giveToServiceUser(dir);
    const child = spawn(PROGRAM, [file], { stdio: 'ignore', cwd: dir, ...asServiceUser() });
    const killIt = () => child.kill('SIGKILL');
    process.once('exit', killIt);
    child.once('exit', () => process.off('exit', killIt));
    while (!(await isListening(port))) {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const url = new URL(databaseUrl);
    url.host = `127.0.0.1:${port}`;
    return new OwnPgbouncer(url.href, dir, child);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
