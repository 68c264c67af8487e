/** Lost connections, and tokens that expire, through a real Apollo Client. */
import { createClient } from 'graphql-ws';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createSandbox, type Sandbox } from '../../../src/sandbox/sandbox.js';
import { akoolSettings } from '../../../test/support/akool-settings.js';
import { oneFace, submit } from '../../../test/support/caller.js';
import { until } from '../../../test/support/gate.js';
import { build, cleanUp, newFolder, startProcess } from '../../../test/support/gateway-process.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { SUBMIT, textOf } from '../../../test/support/operations.js';
import { startProxy, type TcpProxy } from '../../../test/support/tcp-proxy.js';
import { socketOptions } from '../src/apollo/index.js';
import { follow, startApollo, type TestClient } from './apollo-client.js';

/** A dead line may delay news by this much. */
const HEALED_MS = 15_000;

let sandbox: Sandbox;
let gateway: TestGateway | undefined;
let proxy: TcpProxy | undefined;
let apollo: TestClient | undefined;

afterEach(async () => {
  await apollo?.stop();
  await proxy?.stop();
  await gateway?.stop();
  gateway = undefined;
  await cleanUp();
});

/** Follows a new job through a proxy, and returns once its state is there. */
async function followThroughProxy(url: string) {
  proxy = await startProxy(url);
  apollo = startApollo(proxy.url);
  const { id } = await submit(url);
  const followed = follow(apollo, id);
  await until(() => followed.states.length > 0);
  return { proxy, ...followed };
}

/** Ends the job at Akool; the follower must have heard of it in time. */
async function expectHealed({ states, ended }: Awaited<ReturnType<typeof followThroughProxy>>) {
  const since = performance.now();
  sandbox.finish(sandbox.jobs.at(-1)?.id ?? '');
  await ended;
  expect(performance.now() - since).toBeLessThan(HEALED_MS);
  expect(states.at(-1)?.status).toBe('COMPLETED');
  const versions = states.map(({ version }) => version);
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
}

describe('a connection that dies without a word', () => {
  it('is replaced by another', async () => {
    gateway = await startGateway({ sandbox: { queueMs: 600_000 } });
    sandbox = gateway.sandbox;
    const followed = await followThroughProxy(gateway.url);
    let dead: object | undefined;
    const passage = (_bytes: Buffer, connection: object) => {
      dead ??= connection;
      return connection === dead ? 'silence' : 'pass';
    };
    followed.proxy.toServer = passage;
    followed.proxy.toClient = passage;
    await expectHealed(followed);
  });

  it('is replaced also if the next one is not answered', async () => {
    gateway = await startGateway({ sandbox: { queueMs: 600_000 } });
    sandbox = gateway.sandbox;
    const followed = await followThroughProxy(gateway.url);
    await followed.proxy.become('silent');
    await expect.poll(() => followed.proxy.connections, { timeout: 60_000 }).toBeGreaterThan(2);
    await followed.proxy.become('on');
    await expectHealed(followed);
  });
});

describe('a gateway that is killed', () => {
  it('tells the end of a job once it is back', async () => {
    await build();
    sandbox = createSandbox({ queueMs: 600_000 });
    await sandbox.start();
    const folder = newFolder();
    const env = {
      ...akoolSettings(sandbox),
      POLL_AFTER_MS: '100',
      KEEP_RESULTS: 'false',
    };
    const first = await startProcess(folder, env);
    const followed = await followThroughProxy(first.url);
    first.child.kill('SIGKILL');
    await first.ended;
    followed.proxy.target = (await startProcess(folder, env)).url;
    await expectHealed(followed);
    await sandbox.stop();
  });
});

describe('a token that expires while a job is followed', () => {
  const SECRET = 'a secret of this test that is long enough';
  const tokenFor = (seconds: number): Promise<string> =>
    new SignJWT({ tenant: 'web' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(new TextEncoder().encode(SECRET));
  const start = async () => {
    const env = { AUTH_JWT_SECRET: SECRET, AUTH_JWT_CLOCK_TOLERANCE_S: '0' };
    gateway = await startGateway({ env, sandbox: { queueMs: 600_000 } });
    sandbox = gateway.sandbox;
    const { url } = gateway;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await tokenFor(60)}` };
    const body = JSON.stringify({ query: textOf(SUBMIT), variables: { input: oneFace() } });
    const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    const { data } = (await answer.json()) as { data: { submitFaceSwap: { job: { id: string } } } };
    return { url, id: data.submitFaceSwap.job.id };
  };

  it('is replaced by the next one, if it comes from a function', async () => {
    const { url, id } = await start();
    const tokens = [1, 60].map(tokenFor);
    let asked = 0;
    apollo = startApollo(url, { token: () => tokens[asked++] ?? null });
    const { states, ended } = follow(apollo, id);
    await until(() => asked === 2);
    sandbox.finish(sandbox.jobs.at(-1)?.id ?? '');
    await ended;
    expect(states.at(-1)?.status).toBe('COMPLETED');
    expect(asked).toBe(2);
  });

  it('is asked for again, if it could not be had, however long the socket takes to close', async () => {
    const { url, id } = await start();
    let asked = 0;
    const token = async (): Promise<string> => {
      asked += 1;
      if (asked === 1) throw new Error('the session is away');
      // The first socket closes during this attempt.
      await new Promise((resolve) => setTimeout(resolve, 700));
      return tokenFor(60);
    };
    const webSocket = class extends WebSocket {
      override close(code?: number, reason?: string): void {
        setTimeout(() => super.close(code, reason), 700);
      }
    };
    apollo = startApollo(url, { token, webSocket });
    const { states, ended } = follow(apollo, id);
    await until(() => states.length > 0);
    sandbox.finish(sandbox.jobs.at(-1)?.id ?? '');
    await ended;
    expect(states.at(-1)?.status).toBe('COMPLETED');
    expect(asked).toBe(2);
  });

  it('is given up, if it is always the same', async () => {
    const { url, id } = await start();
    apollo = startApollo(url, { token: await tokenFor(1) });
    await expect(follow(apollo, id).ended).rejects.toThrow('4403');
  });
});

it('without a WebSocket, a client can be built, and subscribing fails', async () => {
  vi.stubGlobal('WebSocket', undefined);
  const client = createClient(socketOptions({ url: 'http://gateway.test/graphql' }));
  vi.unstubAllGlobals();
  const failed = new Promise((resolve) => {
    const sink = { next: resolve, complete: () => resolve(null), error: resolve };
    client.subscribe({ query: 'subscription { none }' }, sink);
  });
  expect(await failed).toMatchObject({ reason: expect.stringContaining('no WebSocket') });
  await client.dispose();
});
