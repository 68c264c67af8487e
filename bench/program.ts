/** A program in a separate process, and its resource usage. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onCore } from './cores.js';

export interface ProgramOptions {
  readonly name: string;
  readonly script: string;
  readonly port: number;
  /** Its working directory, which also gets its output as a file. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Loaded before the program; if null, the program runs unchanged and cannot report its usage. */
  readonly hook: string | null;
  readonly core: number | undefined;
}

export interface Usage {
  /** User and system time of all threads, in microseconds. */
  readonly cpuMicros: number;
  /** Resident memory, in bytes. */
  readonly rss: number;
  /** JavaScript heap and buffers, in bytes. */
  readonly live: number;
}

const READY_WITHIN_MS = 30_000;

export class Program {
  readonly name: string;
  readonly port: number;
  /** From the spawn to the first 200 of `/readyz`, in milliseconds. */
  readonly readyAfterMs: number;
  readonly #child: ChildProcess;
  readonly #kill: () => void;

  /** @throws Error if it does not become ready */
  static async start(options: ProgramOptions): Promise<Program> {
    const { name, script, port, folder, env, hook, core } = options;
    const logFile = join(folder, `${name}.log`);
    const log = openSync(logFile, 'a');
    const flags = hook === null ? [] : ['--expose-gc', '--require', hook];
    const [command = '', ...args] = onCore(core, [process.execPath, ...flags, script]);
    const startedAt = performance.now();
    const child = spawn(command, args, {
      cwd: folder,
      env: { PATH: process.env['PATH'], PORT: String(port), ...env },
      stdio: hook === null ? ['ignore', log, log] : ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const kill = () => child.kill('SIGKILL');
    // It must not outlive an interrupted run.
    process.once('exit', kill);
    while (!(await isReady(port))) {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (isOver || performance.now() - startedAt > READY_WITHIN_MS) {
        kill();
        throw new Error(`${name} does not become ready:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
      }
      await sleep(2);
    }
    return new Program(name, port, performance.now() - startedAt, child, kill);
  }

  private constructor(
    name: string,
    port: number,
    readyAfterMs: number,
    child: ChildProcess,
    kill: () => void,
  ) {
    this.name = name;
    this.port = port;
    this.readyAfterMs = readyAfterMs;
    this.#child = child;
    this.#kill = kill;
  }

  /** Its usage so far. */
  usage(): Promise<Usage> {
    return this.#ask({ ask: 'usage' });
  }

  /** Its usage after a garbage collection. */
  collected(): Promise<Usage> {
    return this.#ask({ ask: 'memory' });
  }

  async startProfile(): Promise<void> {
    await this.#ask({ ask: 'profile' });
  }

  async stopProfile(file: string): Promise<void> {
    await this.#ask({ ask: 'profiled', file });
  }

  /** Resident memory, in bytes, of a program without the hook. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  }

  /** Sends SIGTERM, and SIGKILL if that takes too long. */
  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(this.#kill, 5000);
    await ended;
    clearTimeout(timer);
  }

  /** For a program that need not shut down cleanly. */
  async kill(): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#kill();
    await ended;
  }

  async #ask(question: object): Promise<Usage> {
    const answered = once(this.#child, 'message', { signal: AbortSignal.timeout(60_000) });
    this.#child.send(question);
    const [{ cpu, memory }] = (await answered) as [{ cpu: NodeJS.CpuUsage; memory: NodeJS.MemoryUsage }];
    return {
      cpuMicros: cpu.user + cpu.system,
      rss: memory.rss,
      // `external` includes array buffers.
      live: memory.heapUsed + memory.external,
    };
  }
}

/** A port that is currently free. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('No port is free');
  return address.port;
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
