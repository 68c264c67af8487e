/** A test's own PostgreSQL server, to be stopped, started and promoted; it leaves no files. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from './free-port.js';
import { asServiceUser, giveToServiceUser } from './service-user.js';

/** Debian's location of the servers, with a folder per version. */
const SERVERS = '/usr/lib/postgresql';

/** Returns null if no server is installed. */
export function postgresPrograms(): string | null {
  if (!existsSync(SERVERS)) return null;
  const [newest] = readdirSync(SERVERS).sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? null : join(SERVERS, newest, 'bin');
}

export class OwnPostgres {
  readonly port: number;
  readonly #dir: string;
  #process: ChildProcess | null = null;

  private constructor(port: number, dir: string) {
    this.port = port;
    this.#dir = dir;
  }

  static async primary(): Promise<OwnPostgres> {
    const made = await OwnPostgres.#empty();
    run('initdb', ['-D', made.#dir, '-U', 'postgres', '-A', 'trust', '--no-sync', '--no-instructions']);
    await made.start();
    return made;
  }

  /** A standby of `primary`, with all its data. */
  static async standbyOf(primary: OwnPostgres): Promise<OwnPostgres> {
    const made = await OwnPostgres.#empty();
    const from = ['-h', '127.0.0.1', '-p', String(primary.port), '-U', 'postgres'];
    run('pg_basebackup', ['-D', made.#dir, ...from, '-R', '-c', 'fast', '-X', 'stream', '--no-sync']);
    await made.start();
    return made;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  async start(): Promise<void> {
    const settings = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      wal_level: 'replica',
      hot_standby: 'on',
      shared_buffers: '16MB',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(programOf('postgres'), ['-D', this.#dir, ...options], {
      stdio: 'ignore',
      cwd: this.#dir,
      ...asServiceUser(),
    });
    // It must not outlive an interrupted run.
    const killIt = () => child.kill('SIGQUIT');
    process.once('exit', killIt);
    child.once('exit', () => process.off('exit', killIt));
    this.#process = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
      const isUp = await this.ask('select 1').then(
        () => true,
        () => false,
      );
      if (isUp) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Sends everything to its standbys, and ends all sessions. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await gone;
  }

  /** Makes a standby a primary. */
  async promote(): Promise<void> {
    await this.ask('select pg_promote(wait := true, wait_seconds := 30)');
  }

  /** From its next start on, this former primary follows another one. */
  follow(primary: OwnPostgres): void {
    const conninfo = `host=127.0.0.1 port=${primary.port} user=postgres`;
    appendFileSync(join(this.#dir, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
    appendFileSync(join(this.#dir, 'standby.signal'), '');
    giveToServiceUser(join(this.#dir, 'standby.signal'));
  }

  async ask<Row extends object>(query: string): Promise<Row[]> {
    const client = new Client({ connectionString: this.url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(query)).rows;
    } finally {
      await client.end();
    }
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  static async #empty(): Promise<OwnPostgres> {
    const dir = mkdtempSync(join(tmpdir(), 'own-postgres-'));
    giveToServiceUser(dir);
    return new OwnPostgres(await freePort(), dir);
  }
}

function programOf(name: string): string {
  return join(postgresPrograms() ?? '', name);
}

function run(name: string, args: readonly string[]): void {
  execFileSync(programOf(name), args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/', ...asServiceUser() });
}
