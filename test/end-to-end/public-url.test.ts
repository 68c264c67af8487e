/** A gateway below a path, whether or not the proxy in front strips it. */
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startGateway, type TestGateway } from '../support/harness.js';

let gateway: TestGateway;

afterEach(() => gateway.stop());

/** Whether a socket opens at this path. */
function opens(path: string): Promise<boolean> {
  const socket = new WebSocket(gateway.url.replace(/^http/, 'ws') + path, 'graphql-transport-ws');
  return new Promise<boolean>((resolve) => {
    socket.once('open', () => resolve(true));
    socket.once('error', () => resolve(false));
  }).finally(() => socket.terminate());
}

it('answers with the path of PUBLIC_URL and without', async () => {
  gateway = await startGateway({ env: { PUBLIC_URL: 'http://127.0.0.1:9/swap/v1' } });
  const status = async (path: string) => (await fetch(gateway.url + path)).status;
  for (const path of ['/healthz', '/graphiql']) {
    expect([await status(path), await status(`/swap/v1${path}`)]).toEqual([200, 200]);
  }
  expect([await status('/swap/healthz'), await status('/swap/v1healthz')]).toEqual([404, 404]);
  expect(await status('/swap/v1/webhooks/akool/none')).toBe(400);
  expect([await opens('/graphql'), await opens('/swap/v1/graphql'), await opens('/swap/graphql')]).toEqual([
    true,
    true,
    false,
  ]);
});

it('leads browsers that open its addresses to GraphiQL where it is served, and nobody else', async () => {
  const led = async (path: string, accept: string) => {
    const { status, headers } = await fetch(gateway.url + path, { headers: { accept }, redirect: 'manual' });
    return [
      status,
      headers.get('location') && new URL(String(headers.get('location')), gateway.url + path).pathname,
    ];
  };
  const browser = 'text/html,application/xhtml+xml,*/*;q=0.8';
  gateway = await startGateway();
  for (const path of ['/', '/?x=1', '/graphql']) expect(await led(path, browser)).toEqual([302, '/graphiql']);
  expect(await led('/', '*/*')).toEqual([404, null]);
  expect(await led('/graphql?query={__typename}', 'application/json')).toEqual([200, null]);
  await gateway.stop();
  gateway = await startGateway({ env: { PUBLIC_URL: 'http://127.0.0.1:9/swap/v1' } });
  for (const path of ['', '/', '?x=1', '/graphql'])
    expect(await led(`/swap/v1${path}`, browser)).toEqual([302, '/swap/v1/graphiql']);
  // As from a proxy that strips the path.
  expect(await led('/', browser)).toEqual([302, '/swap/v1/graphiql']);
  expect(await led('/swap/v1x', browser)).toEqual([404, null]);
  await gateway.stop();
  gateway = await startGateway({ env: { GRAPHIQL: 'false' } });
  expect([await led('/', browser), await led('/graphql', browser)]).toEqual([
    [404, null],
    [400, null],
  ]);
});
