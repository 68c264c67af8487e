/** HAProxy and nginx from Debian, with the configurations in docs/examples and other addresses. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isListening } from './free-port.js';
import { ROOT } from './gateway-process.js';

const FILES = { haproxy: 'haproxy.cfg', nginx: 'nginx.conf' } as const;
export type ProxyName = keyof typeof FILES;

/** Returns false with a warning if it is not installed; throws in CI, where it must be. */
export function isInstalled(name: ProxyName): boolean {
  if (spawnSync(name, ['-v']).status === 0) return true;
  const message = `${name} is not installed: its tests are skipped`;
  if (process.env['CI']) throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

/** The example with these replacements; each text must occur in it. */
export function example(name: ProxyName, replacements: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(ROOT, 'docs/examples', FILES[name]), 'utf8');
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from))
      throw new Error(`There is no ${JSON.stringify(from)} in the example of ${name}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

export class ProxyProgram {
  readonly #folder = mkdtempSync(join(tmpdir(), 'proxy-program-'));
  #child: ChildProcess | null = null;

  /** Resolves when it listens on `port`. */
  async start(name: ProxyName, config: string, port: number): Promise<void> {
    const file = join(this.#folder, 'config');
    writeFileSync(file, config);
    const args =
      name === 'haproxy'
        ? ['-db', '-f', file]
        : // As Debian builds it, nginx wants to write outside of its folder.
          ['-p', this.#folder, '-c', file, '-e', 'stderr', '-g', 'daemon off; pid nginx.pid;'];
    const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const killIt = () => child.kill('SIGKILL');
    process.once('exit', killIt);
    child.once('exit', () => process.off('exit', killIt));
    this.#child = child;
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    while (!(await isListening(port))) {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${said}`);
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
