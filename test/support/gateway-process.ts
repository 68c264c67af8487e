/** The gateway as `npm start` runs it: a process of its own, in a folder of its own. */
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
  /** The GraphQL line's address, up to the path; empty when it ended before it was ready. */
  readonly url: string;
  /** From the spawn to the last line of the greeting, in milliseconds. */
  readonly readyAfterMs: number;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  /** What it has written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** With what kills each, and all that it started. */
const running = new Map<GatewayProcess['child'], () => void>();
const folders: string[] = [];

/** dist/ as the sources are now. `npm test` has seen to that already; this is for a run of one file. */
export async function build(): Promise<void> {
  await promisify(execFile)(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: ROOT });
}

/** A new folder, removed by `cleanUp`. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-process-'));
  folders.push(folder);
  return folder;
}

/** Starts the gateway in `cwd` with nothing in its environment but `env`; resolves when it is ready or over. */
export async function startProcess(cwd: string, env: Record<string, string> = {}): Promise<GatewayProcess> {
  return spawnGateway(process.execPath, [join(ROOT, 'dist/index.js')], { cwd, env });
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** In a process group of its own. */
  readonly detached?: boolean;
  /** What it prints when it is ready; the end of its greeting unless told otherwise. */
  readonly until?: RegExp;
}

/** The same, by a command of one's own. */
export async function spawnGateway(
  command: string,
  args: readonly string[],
  { cwd, env, detached = false, until }: SpawnOptions,
): Promise<GatewayProcess> {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'silent', PORT: '0', ...env },
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
  // With a real key, the addresses are all there is to say.
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

/** Ends what a test left running, and removes its folders. */
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
