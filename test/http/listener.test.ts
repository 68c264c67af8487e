/** A port that is listened on before there is anything to serve. */
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type Listener, listen } from '../../src/http/listener.js';

async function listener(): Promise<Listener> {
  const made = await listen({ host: '127.0.0.1', port: 0 });
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
  });
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
  });
  const answer = fetch(url).then((response) => response.text());
  await new Promise((resolve) => server.once('request', resolve));
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
  await expect(listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

function connections(server: Listener['server']): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
