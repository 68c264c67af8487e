/** A gateway process with a small heap, and its memory usage. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface VictimOptions {
  /** `dist/index.js` */
  readonly program: string;
  readonly folder: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Node's default in a container of 1 GiB. */
const HEAP_MB = 512;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

export class Victim {
  readonly url: string;
  readonly log: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  #isAskedToStop = false;
  /** Every exit that was not requested. */
  readonly deaths: string[] = [];

  private constructor({ program, folder, port, env }: VictimOptions) {
    this.url = `http://127.0.0.1:${port}`;
    this.log = join(folder, 'gateway.log');
    const log = openSync(this.log, 'a');
    this.#child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MB}`, program], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: this.url, ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    // It must not outlive an interrupted run.
    const killIt = () => this.#child.kill('SIGKILL');
    process.once('exit', killIt);
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        process.off('exit', killIt);
        const how = this.#howItEnded(code ?? signal);
        if (!this.#isAskedToStop) this.deaths.push(how);
        resolve(how);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when it serves requests. @throws Error if it does not */
  static async start(options: VictimOptions): Promise<Victim> {
    const victim = new Victim(options);
    const until = Date.now() + START_LIMIT_MS;
    while (victim.deaths.length === 0 && Date.now() < until) {
      const answer = await fetch(`${victim.url}/readyz`).catch(() => null);
      if (answer?.ok) return victim;
      await sleep(50);
    }
    await victim.stop();
    throw new Error(`The gateway does not start: ${readFileSync(victim.log, 'utf8').slice(-2000)}`);
  }

  /** In bytes; null if the process is gone. */
  memory(): { readonly resident: number; readonly peak: number } | null {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      const bytes = (name: string) =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
      const [resident, peak] = [bytes('VmRSS'), bytes('VmHWM')];
      return Number.isNaN(resident) ? null : { resident, peak };
    } catch {
      return null;
    }
  }

  /** Asks it to stop, kills it if that takes too long, and returns how it exited. */
  async stop(): Promise<string> {
    this.#isAskedToStop = true;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    this.#child.kill('SIGTERM');
    const how = await this.#ended;
    clearTimeout(timer);
    return how;
  }

  #howItEnded(exit: number | string | null): string {
    const isFull = readFileSync(this.log, 'latin1').includes('heap out of memory');
    return isFull ? `${exit}, heap out of memory` : String(exit);
  }
}
