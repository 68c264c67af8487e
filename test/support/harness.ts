/** A real gateway for tests: real server, real store, real sandbox, all on free ports and in a new folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { createApp, type Overrides } from '../../src/app.js';
import type { Clock } from '../../src/clock.js';
import { readConfig } from '../../src/config/config.js';
import { createSandbox, type Sandbox, type SandboxOptions } from '../../src/sandbox/sandbox.js';

export interface GatewayOptions {
  /** Settings, in addition to those that tests need anyway. */
  readonly env?: Record<string, string>;
  readonly overrides?: Overrides;
  /** Options of the gateway's sandbox, which is fast by default. */
  readonly sandbox?: SandboxOptions;
  /** The folder of the database; by default a new one that is removed at the end. */
  readonly dir?: string;
}

export interface TestGateway {
  readonly url: string;
  readonly sandbox: Sandbox;
  readonly dir: string;
  stop(): Promise<void>;
}

export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'gateway-'));
  const { config, secrets } = readConfig({
    PORT: '0',
    ...(options.env?.['AKOOL_API_KEY'] === undefined && { SANDBOX: 'true' }),
    DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
    ARCHIVE_DIR: join(dir, 'archive'),
    DRAIN_MS: '2000',
    ...options.env,
  });
  const app = createApp(config, secrets, {
    log: pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }),
    sandbox: (port) => createSandbox({ port, queueMs: 20, processMs: 40, ...options.sandbox }),
    ...options.overrides,
  });
  const { url, sandbox } = await app.start();
  if (sandbox === null) throw new Error('startGateway is for gateways with the built-in sandbox');
  return {
    url,
    sandbox,
    dir,
    stop: async () => {
      await app.stop();
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A clock for `overrides` that is ahead of the machine's by `aheadMs()`. */
export function clockAhead(aheadMs: () => number): Clock {
  const now = (): number => Date.now() + aheadMs();
  return { now, steady: now, agreesWith: () => true, check: async () => {} };
}

/** A log whose lines a test can read. */
export function recordedLog(level = 'info'): {
  readonly log: Logger;
  readonly lines: Record<string, unknown>[];
} {
  const lines: Record<string, unknown>[] = [];
  return { lines, log: pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line)) }) };
}

/** The same object with some methods replaced; for `wrapStore` and similar. */
export function withMethods<Part extends object>(part: Part, methods: Partial<Part>): Part {
  return new Proxy(part, {
    get: (target, name) => {
      const replaced: unknown = Reflect.get(methods, name);
      if (replaced !== undefined) return replaced;
      const original: unknown = Reflect.get(target, name);
      return typeof original === 'function' ? original.bind(target) : original;
    },
  });
}
