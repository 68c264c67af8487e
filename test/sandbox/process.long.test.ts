import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SANDBOX_API_KEY, SANDBOX_CLIENT_ID, type Sandbox } from '../../src/sandbox/sandbox.js';
import { readSettings } from '../../src/sandbox/settings.js';
import { idOf, Listener, pro } from '../support/sandbox-customer.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Below node_modules, so that the packages are found from there. */
const BUILT = join(ROOT, 'node_modules', '.cache', `sandbox-test-${process.pid}`);
const PROGRAM = join(BUILT, 'index.mjs');
const folder = mkdtempSync(join(tmpdir(), 'sandbox-process-'));
let running: ChildProcess | undefined;

beforeAll(async () => {
  await build({
    entryPoints: [join(ROOT, 'src', 'sandbox', 'index.ts')],
    outfile: PROGRAM,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
});
afterEach(() => {
  running?.kill('SIGKILL');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(BUILT, { recursive: true });
});

/** Starts the program, and waits for its greeting or its exit. */
async function run(settings: Record<string, string>) {
  const child = spawn(process.execPath, [PROGRAM], { env: { PATH: process.env['PATH'], ...settings } });
  running = child;
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  let printed = '';
  let complained = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    complained += part;
  });
  const greeted = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      printed += part;
      if (printed.includes('Ctrl-C')) resolve();
    });
  });
  await Promise.race([greeted, ended]);
  const url = /http:\/\/\S+/.exec(printed)?.[0] ?? '';
  // Everything about a sandbox that a submit needs.
  const sandbox = { url, apiKey: SANDBOX_API_KEY, clientId: SANDBOX_CLIENT_ID } as Sandbox;
  return { child, ended, sandbox, printed: () => printed, complained: () => complained };
}

describe('npm run sandbox', () => {
  it('prints where it is and how to come in, and ends with 0 on SIGTERM, SIGINT and SIGHUP', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const { child, ended, sandbox, printed } = await run({ SANDBOX_PORT: '0' });
      expect(printed()).toContain(`AKOOL_BASE_URL=${sandbox.url}`);
      expect(printed()).toContain(`AKOOL_API_KEY=${SANDBOX_API_KEY}`);
      expect(printed()).toContain(`AKOOL_CLIENT_ID=${SANDBOX_CLIENT_ID}`);
      idOf(await pro(sandbox));
      child.kill(signal);
      expect(await ended).toBe(0);
    }
  });

  it('refuses wrong settings with one line each', async () => {
    const { ended, complained } = await run({
      SANDBOX_PORT: 'http',
      SANDBOX_API_KEY: 'short',
      SANDBOX_FAULTS: '{',
    });
    expect(await ended).toBe(1);
    expect(complained().trim().split('\n')).toEqual([
      'SANDBOX_PORT is "http"; it must be an integer from 0 to 65535',
      'SANDBOX_API_KEY must be 16, 24 or 32 bytes long: it is an AES key',
      expect.stringContaining('SANDBOX_FAULTS must be JSON'),
    ]);
  });

  it('names variables that are almost settings', async () => {
    const { child, complained } = await run({
      SANDBOX_PORT: '0',
      SANDBOX_CREDITS: '7',
      SANDBOX_SERVICE_HOST: '10.0.0.7',
    });
    child.kill('SIGKILL');
    expect(complained()).toBe(
      'SANDBOX_CREDITS is not a setting, and is ignored; did you mean SANDBOX_CREDIT?\n',
    );
  });

  it('names the settings of an address where it can not listen', async () => {
    const first = await run({ SANDBOX_PORT: '0' });
    const { port } = new URL(first.sandbox.url);
    const { child } = first;
    const second = await run({ SANDBOX_PORT: port });
    child.kill('SIGKILL');
    expect(await second.ended).toBe(1);
    expect(second.complained()).toMatch(
      /^The sandbox can't start: .*EADDRINUSE.*; see SANDBOX_HOST and SANDBOX_PORT\n$/,
    );
  });

  it('is killed and remembers what it accepted and owes', async () => {
    const settings = {
      SANDBOX_PORT: '0',
      SANDBOX_JOURNAL: join(folder, 'journal.jsonl'),
      SANDBOX_QUEUE_MS: '3000',
    };
    const first = await run({ ...settings, SANDBOX_PROCESS_MS: '0' });
    const listener = await Listener.start(first.sandbox);
    const id = idOf(await pro(first.sandbox, { webhookUrl: listener.url }));
    first.child.kill('SIGKILL');
    expect(await first.ended).toBe('SIGKILL');
    expect(listener.heard).toEqual([]);
    const second = await run(settings);
    await listener.count(2);
    expect(listener.heard.map(({ payload }) => payload?._id)).toEqual([id, id]);
    const state = await (await fetch(`${second.sandbox.url}/sandbox/state`)).json();
    expect(state).toMatchObject({ credit: 3996, bills: [{ providerId: id }], jobs: [{ id, status: 3 }] });
    await listener.stop();
  });
});

describe('the settings', () => {
  it('have defaults and are read from the environment', () => {
    expect(readSettings({ SANDBOX_HOST: '' })).toEqual({ port: 4001 });
    expect(
      readSettings({
        SANDBOX_PORT: '0',
        SANDBOX_HOST: '::1',
        SANDBOX_SEED: '7',
        SANDBOX_CREDIT: '0',
        SANDBOX_MAX_CONCURRENCY: '4',
        SANDBOX_FAULTS: '{"rates":{"webhook":{"drop":0.5}}}',
      }),
    ).toEqual({
      port: 0,
      host: '::1',
      seed: 7,
      credit: 0,
      maxConcurrency: 4,
      faults: { rates: { webhook: { drop: 0.5 } } },
    });
  });

  it('say what is wrong in a fault plan', () => {
    expect(() => readSettings({ SANDBOX_FAULTS: '{"rates":{"submit":{"stall":2}}}' })).toThrow(
      'SANDBOX_FAULTS: rates.submit.stall must be a number from 0 to 1',
    );
    for (const name of ['SANDBOX_PUBLIC_URL', 'SANDBOX_GATEWAY_URL'])
      expect(() => readSettings({ [name]: 'here' })).toThrow(
        `${name} is "here"; it must be an http or https URL`,
      );
    expect(readSettings({ SANDBOX_GATEWAY_URL: 'http://127.0.0.1:4000' })).toEqual({
      port: 4001,
      gatewayUrl: 'http://127.0.0.1:4000',
    });
  });
});
