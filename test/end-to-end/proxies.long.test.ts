/** The example proxies, with the real programs: what callers see of them while gateways come and go. */
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask, openSocket, run, submit } from '../support/caller.js';
import { freePort } from '../support/free-port.js';
import { build, cleanUp, type GatewayProcess, newFolder, startProcess } from '../support/gateway-process.js';
import { Load } from '../support/load.js';
import { NameServer } from '../support/name-server.js';
import { JOB_UPDATED } from '../support/operations.js';
import { example, isInstalled, type ProxyName, ProxyProgram } from '../support/proxy-program.js';
import { announce, beginPut, noise, put } from '../support/uploads.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const [A, B] = ['127.0.0.2', '127.0.0.3'] as const;
const CALLERS = 8;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(build, 60_000);
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await cleanUp();
});

/** A gateway with its own database: only the routing of requests matters here. */
async function startOne(
  host: string,
  port: number,
  env: Record<string, string> = {},
): Promise<GatewayProcess> {
  const gateway = await startProcess(newFolder(), {
    HOST: host,
    PORT: String(port),
    // Any free port: the default is next to the gateway's, where the other gateway may be.
    SANDBOX_PORT: '0',
    DATABASE_URL: 'sqlite::memory:',
    ...env,
  });
  if (gateway.url === '') throw new Error(`It did not start: ${gateway.stderr()}`);
  return gateway;
}

interface Proxied {
  readonly url: string;
  /** Makes the names resolve to this host. */
  place(host: string): void;
}

/** A proxy for gateways at these addresses, or without any yet. */
async function startProxy(
  name: ProxyName,
  gatewayPort: number,
  ...hosts: readonly string[]
): Promise<Proxied> {
  const names = await NameServer.start();
  ends.push(() => names.stop());
  if (hosts.length > 0) names.addresses.set('gateways', hosts);
  const port = await freePort();
  const config = example(name, {
    ':4000': `:${gatewayPort}`,
    ...(name === 'haproxy'
      ? { 'bind :8080': `bind 127.0.0.1:${port}`, '127.0.0.11:53': `127.0.0.1:${names.port}` }
      : { 'listen 8080': `listen 127.0.0.1:${port}`, '127.0.0.11': `127.0.0.1:${names.port}` }),
    // Gateways that exist already need not be resolved.
    ...(name === 'haproxy' &&
      hosts.length > 0 && {
        ' resolvers docker init-addr none': '',
        [`gateway-a:${gatewayPort}`]: `${hosts[0]}:${gatewayPort}`,
        [`gateway-b:${gatewayPort}`]: `${hosts.at(-1)}:${gatewayPort}`,
      }),
  });
  const proxy = new ProxyProgram();
  ends.push(() => proxy.stop());
  await proxy.start(name, config, port);
  return {
    url: `http://127.0.0.1:${port}`,
    place: (host) => {
      for (const known of ['gateways', 'gateway-a']) names.addresses.set(known, [host]);
    },
  };
}

for (const name of ['haproxy', 'nginx'] as const) {
  describe.skipIf(!isInstalled(name))(`Behind ${name}`, () => {
    it('what is for the outside passes, and nothing else', async () => {
      const port = await freePort();
      const gateway = await startOne(A, port, { MAX_SOCKETS: '10' });
      const { url } = await startProxy(name, port, A);
      const statusOf = async (path: string): Promise<number> => (await fetch(url + path)).status;

      const { id } = await submit(url);
      const socket = openSocket(url);
      const updates = run(socket, JOB_UPDATED, { id });
      expect((await updates.next()).value?.data?.jobUpdated.id).toBe(id);
      await socket.dispose();

      const stream = await fetch(`${url}/graphql/stream`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify({ query: `subscription { jobUpdated(id: "${id}") { status } }` }),
      });
      expect(stream.status).toBe(200);
      const { value } = (await stream.body?.getReader().read()) ?? {};
      expect(new TextDecoder().decode(value)).toContain('event: next');

      // The gateway's own responses, each of a different kind.
      for (const path of ['/media/none.png', '/media/none.png/320'])
        expect([path, (await fetch(url + path)).headers.get('access-control-allow-origin')]).toEqual([
          path,
          '*',
        ]);
      for (const path of ['/webhooks/akool/nobody', '/webhooks/akool/nobody/'])
        expect([path, (await fetch(url + path, { method: 'POST' })).status]).toEqual([path, 400]);
      expect(
        (
          await fetch(`${url}/graphql?query={__typename}`, {
            headers: { accept: 'application/json', 'x-apollo-operation-name': 'q' },
          })
        ).status,
      ).toBe(200);

      const inside = [
        '/metrics',
        '/%6detrics',
        '//metrics',
        '/./metrics',
        '/media/../metrics',
        '/readyz',
        '/graphql/../metrics',
        '/graphiql',
        '/studio',
        '/webhooks/akool/%2e%2e/%2e%2e/metrics',
      ];
      for (const path of inside) expect([path, await statusOf(path)]).toEqual([path, 404]);
      expect((await fetch(`${gateway.url}/metrics`)).status).toBe(200);
    });

    it('a body that the gateway takes is not refused', async () => {
      const port = await freePort();
      await startOne(A, port);
      const { url } = await startProxy(name, port, A);
      // Just below 8 MiB, in a part of the request that GraphQL ignores.
      const body = JSON.stringify({
        query: '{ __typename }',
        extensions: { x: 'x'.repeat(8 * 1024 * 1024 - 100) },
      });
      const answer = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      expect([answer.status, await answer.json()]).toEqual([200, { data: { __typename: 'Query' } }]);
    });

    it('a file passes, on its way in as it arrives, and on its way out', async () => {
      const port = await freePort();
      const bytes = noise(9_000_000);
      const gateway = await startOne(A, port);
      const { url } = await startProxy(name, port, A);
      const upload = await announce(url, { byteSize: bytes.length });
      const sending = beginPut(upload.putUrl, { 'content-length': bytes.length });
      await sending.send(bytes.subarray(0, 4_500_000));
      // It is not held back until it is complete.
      const direct = `${gateway.url}/uploads/${upload.putToken}`;
      await expect.poll(async () => (await put(direct, bytes.subarray(0, 1))).status).toBe(409);
      await sending.send(bytes.subarray(4_500_000));
      expect((await sending.answer).status).toBe(201);
      const served = await fetch(upload.url);
      expect(Buffer.from(await served.arrayBuffer()).equals(bytes)).toBe(true);
    });

    it('a gateway is stopped and killed, and no request that is sent after is lost', async () => {
      const port = await freePort();
      // nginx does not use /readyz.
      const env = { LAME_DUCK_MS: name === 'haproxy' ? '5000' : '0' };
      const [first] = await Promise.all([startOne(A, port, env), startOne(B, port, env)]);
      const { url } = await startProxy(name, port, A, B);
      const load = new Load(url, CALLERS);
      ends.push(() => load.stop());
      await answers(load, 100);

      first.child.kill('SIGTERM');
      expect(await first.ended).toBe(0);
      await answers(load, 100);
      const lostByStop = load.failures().length;
      // nginx notices by a refused connection; requests on connections accepted just before that are lost.
      if (name === 'haproxy') expect(load.failures()).toEqual([]);
      else expect(lostByStop).toBeLessThanOrEqual(CALLERS);

      const again = await startOne(A, port, { ...env, INTROSPECTION: 'false' });
      // The proxy uses it again.
      await expect
        .poll(async () => (await ask(url, '{ __schema { queryType { name } } }')).body.errors)
        .toBeDefined();
      const killedAt = performance.now();
      again.child.kill('SIGKILL');
      await again.ended;
      // Until now its port accepted connections, and requests sent on them are lost.
      const deadFrom = performance.now();
      await answers(load, 200);
      await load.stop();
      expect(load.failures({ after: deadFrom })).toEqual([]);
      // The requests in flight.
      expect(load.failures({ until: killedAt }).length - lostByStop).toBeLessThanOrEqual(CALLERS);
    });

    it('a gateway that is made anew at another address is found, also one that was not there at the start', async () => {
      const port = await freePort();
      const { url, place } = await startProxy(name, port);
      expect(await isServed(url)).toBe(false);

      const first = await startOne(A, port);
      place(A);
      await isInUse(url);
      first.child.kill('SIGKILL');
      await first.ended;
      expect(await isServed(url)).toBe(false);

      await startOne(B, port);
      place(B);
      await isInUse(url);
    });
  });
}

async function isServed(url: string): Promise<boolean> {
  const headers = { 'apollo-require-preflight': 'true' };
  return (await fetch(`${url}/graphql?query={__typename}`, { headers })).ok;
}

async function isInUse(url: string): Promise<void> {
  await expect.poll(() => isServed(url)).toBe(true);
}

/** Resolves after this many further responses. */
async function answers(load: Load, more: number): Promise<void> {
  const wanted = load.outcomes.length + more;
  await expect.poll(() => load.outcomes.length, { interval: 20 }).toBeGreaterThanOrEqual(wanted);
}
