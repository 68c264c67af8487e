/** A gateway process that can be killed and restarted, always at the same address and with the same files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface GatewayOptions {
  /** The script to run. */
  readonly program: string;
  /** Where its log is kept. */
  readonly folder: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Whether a gateway started at this time may have been refused by its database. */
  readonly mayFailToStart: (startedAt: number) => boolean;
}

export class Gateway {
  readonly url: string;
  /** Every exit although it was not killed. */
  readonly faints: string[] = [];
  readonly #options: GatewayOptions;
  #child: ChildProcess | null = null;
  #isWanted = false;
  #ended: Promise<string> = Promise.resolve('never started');

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  /** Starts it unless it runs, and restarts it if it exits by itself; does not wait until it is ready. */
  start(): void {
    this.#isWanted = true;
    if (this.#child !== null) return;
    const { program, folder, port, env, mayFailToStart } = this.#options;
    const startedAt = Date.now();
    const logFile = join(folder, `gateway-${port}.log`);
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [program], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(port), ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    // It must not outlive an interrupted run.
    const killIt = () => child.kill('SIGKILL');
    process.once('exit', killIt);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        process.off('exit', killIt);
        resolve(String(code ?? signal));
        if (this.#child !== child) return;
        this.#child = null;
        const isFailedStart = code === 1 && NO_DATABASE.test(readFileSync(logFile, 'utf8'));
        if (!(isFailedStart && mayFailToStart(startedAt))) this.faints.push(`exit ${code ?? signal}`);
        if (this.faints.length >= MAX_FAINTS) return;
        setTimeout(() => {
          if (this.#isWanted) this.start();
        }, RESTART_MS);
      });
    });
  }

  /** Resolves when it serves requests, or keeps exiting. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.faints.length < MAX_FAINTS) {
      try {
        if ((await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) })).ok) return;
      } catch {
        // Not yet.
      }
      await sleep(25);
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to stop, and returns how it exited. */
  async stop(): Promise<string> {
    const child = this.#child;
    const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_LIMIT_MS);
    const how = await this.#end('SIGTERM');
    clearTimeout(timer);
    return how;
  }

  async #end(signal: NodeJS.Signals): Promise<string> {
    const child = this.#child;
    this.#child = null;
    this.#isWanted = false;
    child?.kill(signal);
    return this.#ended;
  }
}

/** A gateway that keeps exiting makes the run pointless. */
const MAX_FAINTS = 5;
/** The last log line of a gateway that could not start. */
const NO_DATABASE = /; see DATABASE_URL\n$/;
/** A supervisor's pause. */
const RESTART_MS = 250;
const STOP_LIMIT_MS = 15_000;
