/** How the process stops: on which signals, what it still does, and that nothing keeps it alive. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { createFolderBlobStore } from '../../src/services/media/folder-blob-store.js';
import { openSocket, run, submit } from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import { Gate } from '../support/gate.js';
import {
  build,
  cleanUp,
  type GatewayProcess,
  newFolder,
  ROOT,
  spawnGateway,
  startProcess,
} from '../support/gateway-process.js';
import { recordedLog, startGateway } from '../support/harness.js';

vi.setConfig({ testTimeout: 60_000 });

let akool: Sandbox;

beforeAll(build, 60_000);
beforeEach(async () => {
  akool = createSandbox();
  await akool.start();
});
afterEach(async () => {
  await cleanUp();
  await akool.stop();
});

const atAkool = () => ({
  AKOOL_API_KEY: akool.apiKey,
  AKOOL_CLIENT_ID: akool.clientId,
  AKOOL_BASE_URL: akool.url,
});

describe('An error that nobody expected', () => {
  it('ends the process as a stop does, with 1, and says so', async () => {
    const thrower = `process.on('SIGUSR2', () => { throw new Error('nobody thought of it') })`;
    const args = [
      '--import',
      `data:text/javascript,${encodeURIComponent(thrower)}`,
      join(ROOT, 'dist/index.js'),
    ];
    const gateway = await spawnGateway(process.execPath, args, { cwd: newFolder(), env: atAkool() });
    const socket = openSocket(gateway.url, { lazy: false, onNonLazyError: () => {} });
    const closed = new Promise<unknown>((resolve) => socket.on('closed', resolve));
    await run(socket, '{ __typename }').next();
    gateway.child.kill('SIGUSR2');
    expect(await closed).toMatchObject({ code: 1001 });
    expect(await gateway.ended).toBe(1);
    expect(gateway.stderr()).toBe('Unexpected error, see the log: nobody thought of it\n');
  });
});

describe('The stop', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'by %s answers what is in flight, closes sockets with 1001 and ends with 0',
    async (signal) => {
      const gateway = await startProcess(newFolder(), atAkool());
      const gate = akool.hold('submit');
      // Connects immediately, and must not reconnect.
      const socket = openSocket(gateway.url, { lazy: false, onNonLazyError: () => {} });
      const closed = new Promise<unknown>((resolve) => socket.on('closed', resolve));
      const open = run(socket, 'subscription { jobsUpdated { id } }');
      const firstChange = open.next();
      // Messages on a socket are answered in order, so the subscription is active by then.
      await run(socket, '{ __typename }').next();
      const submitted = submit(gateway.url);
      await Promise.all([gate.arrived, firstChange]);

      gateway.child.kill(signal);
      gate.release();

      expect((await submitted).status).toBe('QUEUED');
      expect(await closed).toMatchObject({ code: 1001 });
      expect(await gateway.ended).toBe(0);
      expect(gateway.stderr()).toBe('');
    },
  );

  it('during a start says that it waits for that', async () => {
    const { log, lines } = recordedLog();
    const gate = new Gate();
    const folder = newFolder();
    const { config, secrets } = readConfig({
      ...{ PORT: '0', SANDBOX_PORT: '0' },
      ...{ DATABASE_URL: `sqlite:${join(folder, 'gateway.db')}`, ARCHIVE_DIR: folder },
    });
    const archive = Object.assign(createFolderBlobStore(folder), { start: () => gate.pass() });
    const app = createApp(config, secrets, { log, archive });
    const started = app.start();
    await gate.arrived();
    const stopped = app.stop();
    expect(lines.at(-1)).toMatchObject({ part: 'start', msg: 'stopping, as soon as the start is over' });
    gate.open();
    await Promise.all([started, stopped]);
    expect(lines.at(-1)).toMatchObject({ msg: 'stopped' });
  });

  it('logs what it waits for, and how long it took', async () => {
    const { log, lines } = recordedLog();
    const gateway = await startGateway({ env: { DRAIN_MS: '30000' }, overrides: { log } });
    const gate = gateway.sandbox.hold('submit');
    const socket = openSocket(gateway.url);
    const open = run(socket, 'subscription { jobsUpdated { id } }');
    const firstChange = open.next();
    await run(socket, '{ __typename }').next();
    const submitted = submit(gateway.url);
    await Promise.all([gate.arrived, firstChange]);

    const begun = lines.length;
    const stopped = gateway.stop();
    await expect
      .poll(() => lines)
      .toContainEqual(
        expect.objectContaining({
          ...{ level: 30, msg: 'still stopping', part: 'workers' },
          ...{ jobsBeingSent: 1, requests: 1, sockets: 1 },
        }),
      );
    gate.release();
    expect((await submitted).status).toBe('QUEUED');
    await stopped;
    expect(lines[begun]).toMatchObject({ msg: 'stopping', drainMs: 30_000 });
    expect(lines.at(-1)).toMatchObject({ msg: 'stopped', ms: expect.any(Number) });
    expect(lines.at(-1)?.['ms']).toBeGreaterThan(999);
  });

  it('does not wait for those who never finish asking', async () => {
    const gateway = await startProcess(newFolder(), { DRAIN_MS: '300' });
    const { port } = new URL(gateway.url);
    const silent = await opened(Number(port));
    const slow = await opened(Number(port));
    slow.write(
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    const deaf = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(deaf, 'open');
    deaf.pause();
    // Once this is answered, the server has seen everything sent before.
    await fetch(`${gateway.url}/healthz`);

    const askedAt = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(performance.now() - askedAt).toBeLessThan(8000);
    silent.destroy();
    slow.destroy();
    deaf.terminate();
  });

  it('with LAME_DUCK_MS serves on for so long while /readyz answers 503', async () => {
    const gateway = await startProcess(newFolder(), { ...atAkool(), LAME_DUCK_MS: '3000' });
    const askedAt = performance.now();
    gateway.child.kill('SIGTERM');
    await stopping(gateway);
    // New connections and new work are accepted: a load balancer may not have noticed yet.
    expect((await submit(gateway.url)).status).toBe('QUEUED');
    const readiness = await fetch(`${gateway.url}/readyz`);
    expect(await readiness.json()).toEqual({ status: 'stopping' });
    // Clients with keep-alive connections send their next request to another gateway.
    expect(readiness.headers.get('connection')).toBe('close');
    expect(await gateway.ended).toBe(0);
    expect(performance.now() - askedAt).toBeGreaterThan(2900);
  });
});

describe('A second signal', () => {
  /** A gateway that is stopping and waits for Akool's answer to a submit. */
  async function draining(signal: NodeJS.Signals) {
    const gateway = await startProcess(newFolder(), atAkool());
    const gate = akool.hold('submit');
    const submitted = submit(gateway.url).then(
      ({ status }) => status,
      () => 'cut off',
    );
    await gate.arrived;
    gateway.child.kill(signal);
    await stopping(gateway);
    return { gateway, gate, submitted };
  }

  it.each([
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGHUP', 'SIGHUP'],
    ['SIGTERM', 'SIGHUP'],
    ['SIGHUP', 'SIGTERM'],
  ] as const)('is an echo when %s is followed by %s within two seconds', async (first, second) => {
    const { gateway, gate, submitted } = await draining(first);
    gateway.child.kill(second);
    // Once this is answered, the echo has been seen and has ended nothing.
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    gate.release();
    expect(await submitted).toBe('QUEUED');
    expect(await gateway.ended).toBe(0);
  });

  it('of the same kind ends the process two seconds after the first', async () => {
    const askedAt = performance.now();
    const { gateway, gate, submitted } = await draining('SIGTERM');
    await insist(gateway);
    expect(performance.now() - askedAt).toBeGreaterThan(2000);
    expect(await gateway.ended).toBe(130);
    expect(await submitted).toBe('cut off');
    gate.release();
  });

  it('of another kind ends the process at once', async () => {
    const { gateway, gate, submitted } = await draining('SIGINT');
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(130);
    expect(await submitted).toBe('cut off');
    gate.release();
  });

  it('that npm passes on, to a process that had it already, ends nothing', async () => {
    const folder = newFolder();
    const gateway = await spawnGateway('npm', ['start'], {
      cwd: ROOT,
      // A separate process group, so that one signal reaches both npm and the gateway.
      detached: true,
      env: {
        ...atAkool(),
        HOME: folder,
        DATABASE_URL: `sqlite:${join(folder, 'gateway.db')}`,
        ARCHIVE_DIR: join(folder, 'archive'),
      },
    });
    const gate = akool.hold('submit');
    const submitted = submit(gateway.url);
    await gate.arrived;
    process.kill(-(gateway.child.pid ?? 0), 'SIGTERM');
    await stopping(gateway);
    gateway.child.kill('SIGTERM');
    // Once this is answered, the second signal has been seen and has ended nothing.
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    gate.release();
    expect((await submitted).status).toBe('QUEUED');
    expect(await gateway.ended).toBe(0);
  });
});

describe('Nothing keeps a stopped process alive', () => {
  it.each(['socket', 'pipe'] as const)('not even a log that nobody reads, written to a %s', async (kind) => {
    const folder = newFolder();
    const port = await freePort();
    // Open for reading, but never read.
    const pipe = kind === 'pipe' ? openSync(fifo(folder), constants.O_RDWR) : null;
    const child = spawn(process.execPath, [join(ROOT, 'dist/index.js')], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...atAkool(), PORT: String(port), DRAIN_MS: '1000' },
      stdio: ['ignore', pipe ?? 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const url = `http://127.0.0.1:${port}`;
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), 20_000);
    // Each logs a line, more in total than any pipe holds.
    for (let i = 0; i < 10; i++) {
      await Promise.all(
        Array.from({ length: 100 }, () =>
          fetch(`${url}/webhooks/akool/nobody`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{}',
            signal: AbortSignal.timeout(20_000),
          }),
        ),
      );
    }
    const askedAt = performance.now();
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(performance.now() - askedAt).toBeLessThan(8000);
    if (pipe !== null) closeSync(pipe);
  });

  /** A gateway that reads a file that never delivers content, in a thread that cannot be interrupted. */
  function hanging(drainMs: number): Promise<GatewayProcess> {
    const folder = newFolder();
    return spawnGateway(process.execPath, [join(ROOT, 'dist/index.js')], {
      cwd: folder,
      env: {
        TRUSTED_DOCUMENTS: fifo(folder),
        DRAIN_MS: String(drainMs),
        // Causes a warning just before the file is read.
        AUTH_JWT_SECRET: 'short',
        LOG_LEVEL: 'warn',
      },
      until: /AUTH_JWT_SECRET/,
    });
  }

  it('not even a file system that hangs: the stop has a deadline', async () => {
    const gateway = await hanging(0);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe('SIGKILL');
    expect(gateway.stderr()).toMatch(/^The stop was not over after 10000 ms; .*\n$/);
  });

  it('and a second signal, two seconds later, need not wait for the deadline', async () => {
    const gateway = await hanging(600_000);
    await insist(gateway);
    expect(await gateway.ended).toBe('SIGKILL');
    expect(gateway.stderr()).toBe('');
  });
});

/** Sends SIGTERM again and again until the process has exited. */
async function insist({ child, ended }: GatewayProcess): Promise<void> {
  const timer = setInterval(() => child.kill('SIGTERM'), 100);
  await ended;
  clearInterval(timer);
}

/** Resolves when the gateway has begun to stop. */
async function stopping({ url }: GatewayProcess): Promise<void> {
  await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(503), {
    timeout: 5000,
    interval: 10,
  });
}

/** A named pipe in `folder`. */
function fifo(folder: string): string {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
