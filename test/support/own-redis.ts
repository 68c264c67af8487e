/** A test's own Redis, to be stopped and started; it loses its data when stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class OwnRedis {
  readonly #port: number;
  readonly #options: readonly string[];
  #process: ChildProcess | null = null;

  constructor(port: number, options: readonly string[] = []) {
    this.#port = port;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    // A replica writes the data of its primary to a file.
    const dir = mkdtempSync(join(tmpdir(), 'own-redis-'));
    const options = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', [...options, '--dir', dir, ...this.#options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // It must not outlive an interrupted run.
    const killIt = () => child.kill('SIGKILL');
    process.once('exit', killIt);
    child.once('exit', () => {
      process.off('exit', killIt);
      rmSync(dir, { recursive: true, force: true });
    });
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
      child.stdout.on('data', (text: Buffer) => {
        if (text.includes('Ready to accept connections')) resolve();
      });
    });
  }

  /** Kills it, as if its machine were switched off. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}
