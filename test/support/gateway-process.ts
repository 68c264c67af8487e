/** The gateway as `npm start` runs it: a separate process in a separate folder. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The folder of package.json. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface GatewayProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** The URL in the GraphQL line, up to the path; empty if the process exited before it was ready. */
  readonly url: string;
  /** From the spawn to the last line of the greeting, in milliseconds. */
  readonly readyAfterMs: number;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  /** Its output so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Each process, with a function that kills it and everything that it started. */
const running = new Map<GatewayProcess['child'], () => void>();
const folders: string[] = [];

/** Brings dist/ up to date. `npm test` has done so already; this is for running a single file. */
export async function build(): Promise<void> {
  await promisify(execFile)(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: ROOT });
}

/** A new folder, removed by `cleanUp`. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-process-'));
  folders.push(folder);
  return folder;
}

/** Starts the gateway in `cwd` with only `env` set; resolves when it is ready or has exited. */
export async function startProcess(cwd: string, env: Record<string, string> = {}): Promise<GatewayProcess> {
  return spawnGateway(process.execPath, [join(ROOT, 'dist/index.js')], { cwd, env });
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Starts it in a separate process group. */
  readonly detached?: boolean;
  /** The output that shows that it is ready; by default the end of its greeting. */
  readonly until?: RegExp;
}

/** The same with a custom command. */
export async function spawnGateway(
  command: string,
  args: readonly string[],
  { cwd, env, detached = false, until }: SpawnOptions,
): Promise<GatewayProcess> {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd,
    env: {
      PATH: process.env['PATH'],
      LOG_LEVEL: 'silent',
      PORT: '0',
      ...(!('AKOOL_API_KEY' in env) && { SANDBOX: 'true' }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
  });
  const kill = detached ? () => process.kill(-(child.pid ?? 0), 'SIGKILL') : () => child.kill('SIGKILL');
  running.set(child, kill);
  const ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => {
    running.delete(child);
    return code ?? signal ?? null;
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // With a real key, the greeting consists only of the URLs.
  const lastLine = until ?? ('AKOOL_API_KEY' in env ? /GraphQL .*\n/ : /Ctrl-C/);
  const greeted = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (lastLine.test(stdout)) resolve();
    });
  });
  await Promise.race([greeted, ended]);
  return {
    child,
    get url() {
      return /GraphQL\s+(http:\/\/\S+)\/graphql\b/.exec(stdout)?.[1] ?? '';
    },
    readyAfterMs: performance.now() - startedAt,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
  };
}

/** Kills what a test left running, and removes its folders. */
export async function cleanUp(): Promise<void> {
  await Promise.all(
    [...running].map(async ([child, kill]) => {
      const closed = once(child, 'close');
      kill();
      await closed;
    }),
  );
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
