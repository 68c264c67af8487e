/** Listening on a port before the application is ready. */
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type Listener, listen } from '../../src/http/listener.js';

async function listener(): Promise<Listener> {
  const made = await listen({ host: '127.0.0.1', port: 0, keepAliveMs: 72_000 });
  onTestFinished(() => made.stop(0));
  return made;
}

test('what is asked before it serves waits, and is answered in order', async () => {
  const { server, url, serve } = await listener();
  const asked: string[] = [];
  const arrived = new Promise<void>((resolve) => {
    server.on('request', ({ url: path }) => {
      if (path === '/b') resolve();
    });
  });
  const first = fetch(`${url}/a`);
  await expect.poll(() => connections(server)).toBe(1);
  const second = fetch(`${url}/b`);
  await arrived;
  serve((request, response) => {
    asked.push(String(request.url));
    response.end(`you asked ${request.url}`);
  }, nothing);
  expect(await Promise.all([first, second].map(async (answer) => (await answer).text()))).toEqual([
    'you asked /a',
    'you asked /b',
  ]);
  expect(await (await fetch(`${url}/c`)).text()).toBe('you asked /c');
  expect(asked).toEqual(['/a', '/b', '/c']);
});

test('a stop before it serves ends what waits, and may be asked for twice', async () => {
  const { server, url, stop } = await listener();
  const answer = fetch(url).then(
    () => 'answered',
    () => 'cut',
  );
  await expect.poll(() => connections(server)).toBe(1);
  await Promise.all([stop(0), stop(0)]);
  expect(await answer).toBe('cut');
});

test('a request in flight has its time to end, and nobody else is let in', async () => {
  const { server, url, serve, stop } = await listener();
  let end = (): void => {};
  serve((_request, response) => {
    end = () => response.end('late');
  }, nothing);
  const answer = fetch(url).then((response) => response.text());
  await requestOn(server);
  const stopped = stop(10_000);
  const refused = new Promise((resolve) =>
    connect(Number(new URL(url).port), '127.0.0.1').once('error', resolve),
  );
  expect(await refused).toMatchObject({ code: 'ECONNREFUSED' });
  end();
  expect(await answer).toBe('late');
  await stopped;
});

test('an address that is in use is refused', async () => {
  const { url } = await listener();
  const port = Number(new URL(url).port);
  await expect(listen({ host: '127.0.0.1', port, keepAliveMs: 72_000 })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

test.each(['websocket', 'h2c'])(
  'an offer of %s before it serves is ignored, and the request waits',
  async (upgrade) => {
    const { server, url, serve } = await listener();
    const socket = offer(url, upgrade);
    const answer = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
    await requestOn(server);
    serve((_request, response) => response.end('served'), nothing);
    expect(await answer).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*served$/);
  },
);

test.each(['websocket', 'h2c'])(
  'an offer of %s before it serves does not hold up a stop',
  async (upgrade) => {
    const { server, url, stop } = await listener();
    const socket = offer(url, upgrade);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await requestOn(server);
    await stop(0);
    await gone;
  },
);

test('an offer that waits for the answer ahead of it does not hold up a stop', async () => {
  const { server, url, stop } = await listener();
  const socket = send(url, `GET /first HTTP/1.1\r\nHost: x\r\n\r\n${offerOf('h2c')}`);
  const gone = new Promise((resolve) => socket.once('close', resolve));
  await new Promise<void>((resolve) => server.once('upgrade', () => resolve()));
  await stop(0);
  await gone;
});

test('no more requests wait than there is room for, and those who leave make room', async () => {
  const { server, url, serve } = await listener();
  const asked: string[] = [];
  const ask = async (path: string): Promise<Socket> => {
    const socket = send(url, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await requestOn(server);
    return socket;
  };
  const sockets: Socket[] = [];
  for (let n = 0; n < 1000; n += 1) sockets.push(await ask(`/${n}`));
  const tooMany = await ask('/too-many');
  await new Promise((resolve) => (tooMany.destroyed ? resolve(null) : tooMany.once('close', resolve)));
  sockets[0]?.resetAndDestroy();
  await expect.poll(() => connections(server)).toBe(999);
  sockets.push(await ask('/later'));
  serve((request, response) => {
    asked.push(String(request.url));
    response.end();
  }, nothing);
  expect([asked.length, asked[0], asked.at(-1)]).toEqual([1000, '/1', '/later']);
});

test('who has left before it serves is not answered', async () => {
  const { server, url, serve } = await listener();
  const socket = offer(url, 'websocket');
  await requestOn(server);
  socket.resetAndDestroy();
  await expect.poll(() => connections(server)).toBe(0);
  const asked: unknown[] = [];
  serve((request) => asked.push(request.url), nothing);
  expect(asked).toEqual([]);
});

test('sockets are taken by whom it serves, for as long as it wants them', async () => {
  const { url, serve } = await listener();
  let isOpen = true;
  serve(
    (_request, response) => response.end('an answer'),
    () => (isOpen ? (_request, socket) => socket.end('a socket') : null),
  );
  const said = (socket: Socket): Promise<string> =>
    new Promise((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
  expect(await said(offer(url, 'websocket'))).toBe('a socket');
  expect(await said(offer(url, 'h2c'))).toContain('an answer');
  isOpen = false;
  expect(await said(offer(url, 'websocket'))).toContain('an answer');
});

function nothing(): null {
  return null;
}

/** A connection with a request that offers a protocol upgrade. */
function offer(url: string, upgrade: string): Socket {
  return send(url, offerOf(upgrade));
}

function offerOf(upgrade: string): string {
  return `GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: ${upgrade}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
}

function send(url: string, text: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.write(text);
  return socket;
}

function requestOn(server: Listener['server']): Promise<void> {
  return new Promise((resolve) => server.once('request', () => resolve()));
}

function connections(server: Listener['server']): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
