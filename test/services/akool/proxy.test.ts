/** Calls to Akool through a proxy: nothing is sent unless there is a tunnel, and this machine needs none. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { NO_PROXIES, type Proxies } from '../../../src/outgoing.js';
import { DeadlineExceededError } from '../../../src/services/akool/deadline.js';
import { Transport } from '../../../src/services/akool/transport.js';
import { type ConnectProxy, type ProxyFault, startConnectProxy } from '../../support/connect-proxy.js';
import { Gate } from '../../support/gate.js';
import { type Answer, httpServer, json, type LocalServer } from '../../support/local-server.js';
import { ACCEPTED, API_KEY, akoolThat, clientOf, proRequest } from './akool-under-test.js';

const AKOOL = 'http://akool.outside.test';

/** A server that responds with `answer`, and a proxy that leads to it. */
async function behindProxy(answer: Answer): Promise<{ server: LocalServer; proxy: ConnectProxy }> {
  const server = await httpServer(answer);
  onTestFinished(() => server.close());
  const proxy = await startConnectProxy(new Map([['akool.outside.test:80', server.url]]));
  onTestFinished(() => proxy.stop());
  return { server, proxy };
}

function by({ url }: ConnectProxy, exceptions = ''): Proxies {
  return { http: url, https: url, exceptions };
}

describe('A submit through a proxy', () => {
  it('is sent once, in a tunnel, and the proxy sees nothing of it', async () => {
    const { server, proxy } = await behindProxy(json(200, ACCEPTED));
    const client = clientOf(`${AKOOL}/prefix`, { proxies: by(proxy) });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'accepted' });
    expect(proxy.asked).toEqual(['akool.outside.test:80']);
    expect(server.received).toMatchObject([
      {
        path: '/prefix/api/open/v4/faceswap/faceswapByImage',
        headers: { host: 'akool.outside.test', 'x-api-key': API_KEY },
      },
    ]);
    expect(server.received[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it.each<[ProxyFault, string]>([
    [403, 'the proxy answered 403'],
    [407, 'the proxy answered 407'],
    [503, 'the proxy answered 503'],
    ['hangs up', "the proxy can't be used (UND_ERR_SOCKET)"],
    ['resets', "the proxy can't be used (ECONNRESET)"],
    ['speaks another protocol', "the proxy can't be used"],
  ])('was surely not sent when the proxy, asked for the tunnel, %s', async (fault, reason) => {
    const { server, proxy } = await behindProxy(json(200, ACCEPTED));
    proxy.fault = fault;
    const client = clientOf(AKOOL, { proxies: by(proxy) });
    expect(await client.submitFaceSwap(proRequest)).toEqual({
      kind: 'not-accepted',
      reason: `Not sent: akool.outside.test can't be reached: ${reason}.`,
      retryAfterMs: null,
    });
    // One question each: a proxy that refuses must not be asked in a loop.
    expect([proxy.connections(), server.connections()]).toEqual([1, 0]);
    proxy.fault = null;
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'accepted' });
  });

  it('was surely not sent when the proxy is silent, or nobody listens there', async () => {
    const { server, proxy } = await behindProxy(json(200, ACCEPTED));
    proxy.fault = 'is silent';
    const client = clientOf(AKOOL, { proxies: by(proxy), timeoutMs: 100 });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'not-accepted' });
    const nobody = { ...NO_PROXIES, http: 'http://127.0.0.1:1' };
    expect(await clientOf(AKOOL, { proxies: nobody }).submitFaceSwap(proRequest)).toMatchObject({
      kind: 'not-accepted',
      reason: "Not sent: akool.outside.test can't be reached: the proxy can't be used (ECONNREFUSED).",
    });
    expect(server.connections()).toBe(0);
  });

  it('was surely not sent when TLS fails in the tunnel', async () => {
    const server = await httpServer(json(200, ACCEPTED));
    onTestFinished(() => server.close());
    const proxy = await startConnectProxy(new Map([['akool.outside.test:443', server.url]]));
    onTestFinished(() => proxy.stop());
    const client = clientOf('https://akool.outside.test', { proxies: by(proxy) });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'not-accepted' });
    expect([proxy.asked, server.received]).toEqual([['akool.outside.test:443'], []]);
  });

  it('has an unknown outcome when the tunnel breaks after it was sent', async () => {
    const { server, proxy } = await behindProxy((_request, response) => void response.socket?.destroy());
    const client = clientOf(AKOOL, { proxies: by(proxy) });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'unknown' });
    expect(server.received).toHaveLength(1);
  });

  it('is not begun, and its time does not run, before the tunnel is open', async () => {
    const { server, proxy } = await behindProxy(json(200, ACCEPTED));
    proxy.gate = new Gate();
    const transport = new Transport({
      baseUrl: new URL(AKOOL),
      connectTimeoutMs: 10_000,
      proxies: by(proxy),
    });
    onTestFinished(() => transport.destroy());
    let isWritten = false;
    const sent = transport.send(
      { method: 'POST', path: '/submit', headers: {}, body: '{}' },
      { signal: new AbortController().signal, line: 'slots', onWritten: () => (isWritten = true) },
    );
    await proxy.gate.arrived();
    expect(isWritten).toBe(false);
    proxy.gate.open();
    expect(await sent).toMatchObject({ kind: 'answered', status: 200 });
    expect([isWritten, server.received.length]).toEqual([true, 1]);
  });

  it('is not sent late, when the tunnel opens after it was given up', async () => {
    const { server, proxy } = await behindProxy(json(200, ACCEPTED));
    proxy.gate = new Gate();
    const transport = new Transport({
      baseUrl: new URL(AKOOL),
      connectTimeoutMs: 10_000,
      proxies: by(proxy),
    });
    onTestFinished(() => transport.destroy());
    const stop = new AbortController();
    const request = { method: 'POST', path: '/submit', headers: {}, body: '{}' } as const;
    const sent = transport.send(request, { signal: stop.signal, line: 'slots' });
    await proxy.gate.arrived();
    stop.abort(new DeadlineExceededError('too late'));
    expect(await sent).toMatchObject({ kind: 'not-sent', failure: 'timeout' });
    proxy.gate.open();
    const { signal } = new AbortController();
    // Uses the same tunnel, and so runs after anything still queued.
    await transport.send({ ...request, path: '/next' }, { signal, line: 'slots' });
    expect(server.received.map(({ path }) => path)).toEqual(['/next']);
  });

  it('does not wait for calls of another kind', async () => {
    const { proxy } = await behindProxy((request, response) => {
      if (request.method === 'POST') json(200, ACCEPTED)(request, response);
    });
    const client = clientOf(AKOOL, { proxies: by(proxy) });
    const stop = new AbortController();
    const questions = Array.from({ length: 20 }, () => client.credit({ signal: stop.signal }));
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'accepted' });
    stop.abort();
    await Promise.allSettled(questions);
    expect(proxy.asked).toHaveLength(17);
  });
});

describe('No proxy is used', () => {
  it('for this machine', async () => {
    const { proxy } = await behindProxy(json(200, ACCEPTED));
    const { server } = await akoolThat(json(200, ACCEPTED));
    const { port } = new URL(server.url);
    const submitTo = (host: string) =>
      clientOf(`http://${host}:${port}`, { proxies: by(proxy) }).submitFaceSwap(proRequest);
    expect(await submitTo('127.0.0.1')).toMatchObject({ kind: 'accepted' });
    await Promise.all(['localhost', '127.0.0.2', '[::1]', 'sandbox.localhost'].map(submitTo));
    expect(proxy.asked).toEqual([]);
  });

  it.each(['akool.outside.test', '.outside.test', 'outside.test, example.com', 'akool.outside.test:80', '*'])(
    'for what NO_PROXY names: %s',
    async (exceptions) => {
      const { proxy } = await behindProxy(json(200, ACCEPTED));
      const client = clientOf(AKOOL, { proxies: by(proxy, exceptions) });
      // Nothing leads there directly.
      expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'not-accepted' });
      expect(proxy.asked).toEqual([]);
    },
  );

  it.each(['http', 'https'] as const)('by %s: for URLs of the other scheme', async (scheme) => {
    const { proxy } = await behindProxy(json(200, ACCEPTED));
    const other = AKOOL.replace('http:', scheme === 'http' ? 'https:' : 'http:');
    const client = clientOf(other, { proxies: { ...NO_PROXIES, [scheme]: proxy.url } });
    expect(await client.submitFaceSwap(proRequest)).toMatchObject({ kind: 'not-accepted' });
    expect(proxy.asked).toEqual([]);
  });
});
