/** A gateway below a path, whether or not the proxy in front strips it. */
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { recordedLog, startGateway, type TestGateway } from '../support/harness.js';

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

it.each([
  [{}, 0],
  [{ HOST: '0.0.0.0', AUTH: 'none' }, 1],
  [{ HOST: '0.0.0.0', AUTH: 'none', PUBLIC_URL: 'http://127.0.0.1:9' }, 0],
])('with %o, warns %i times that other machines cannot open its URLs', async (env, times) => {
  const { log, lines } = recordedLog('warn');
  gateway = await startGateway({ env, overrides: { log } });
  const warnings = lines.filter(({ msg }) => String(msg).includes('they cannot open the URLs'));
  expect(warnings).toHaveLength(times);
});

it('shows browsers where things are, and leads them from /graphql to GraphiQL', async () => {
  const browser = 'text/html,application/xhtml+xml,*/*;q=0.8';
  const look = async (path: string, accept = browser) => {
    const answer = await fetch(gateway.url + path, { headers: { accept }, redirect: 'manual' });
    const links = [...(await answer.text()).matchAll(/<a href="([^"]*)"/g)].map(([, href]) => href);
    return [answer.status, ...links];
  };
  const led = async (path: string, accept = browser, headers = {}) => {
    const answer = await fetch(gateway.url + path, { headers: { accept, ...headers }, redirect: 'manual' });
    const to = answer.headers.get('location');
    const { pathname, search } = new URL(to ?? '', gateway.url + path);
    return [answer.status, to && pathname + search];
  };
  gateway = await startGateway();
  for (const path of ['/', '/?x=1']) expect(await look(path)).toEqual([200, 'studio', 'graphiql']);
  expect(await look('/', '*/*')).toEqual([200, 'studio', 'graphiql']);
  expect(await look('/', 'application/json')).toEqual([404]);
  expect(await led('/graphql')).toEqual([302, '/graphiql']);
  for (const path of ['/graphql/', '/graphql?']) expect(await led(path)).toEqual([302, '/graphiql']);
  expect(await led('/graphql?query={a}&variables={}')).toEqual([302, '/graphiql?query={a}&variables={}']);
  expect(await led('/graphql/?query={a}')).toEqual([302, '/graphiql?query={a}']);
  expect(await led('/graphql', browser, { authorization: 'Basic YTpi' })).toEqual([302, '/graphiql']);
  // Programs that take HTML too get their answer.
  const query = '/graphql?query={__typename}';
  for (const type of ['application/json', 'text/html,APPLICATION/JSON', 'text/html,text/event-stream'])
    expect(await led(query, type)).toEqual([200, null]);
  for (const asked of [{ 'apollo-require-preflight': 'true' }, { 'content-type': 'application/json' }])
    expect(await led(query, 'text/html, */*; q=.2', asked)).toEqual([200, null]);
  await gateway.stop();
  gateway = await startGateway({ env: { PUBLIC_URL: 'http://127.0.0.1:9/swap/v1' } });
  for (const path of ['/swap/v1', '/swap/v1/', '/swap/v1?x=1', '/'])
    expect(await look(path)).toEqual([200, '/swap/v1/studio', '/swap/v1/graphiql']);
  expect(await led('/swap/v1/graphql')).toEqual([302, '/swap/v1/graphiql']);
  expect(await look('/swap/v1x')).toEqual([404]);
  await gateway.stop();
  gateway = await startGateway({ env: { GRAPHIQL: 'false' } });
  expect([await look('/'), await led('/graphql')]).toEqual([
    [200, 'studio'],
    [400, null],
  ]);
  await gateway.stop();
  gateway = await startGateway({ env: { GRAPHIQL: 'false', STUDIO: 'false' } });
  for (const path of ['/', '/studio']) expect(await look(path)).toEqual([404]);
});
