/** Tests of the tests' proxy, on whose correctness they depend. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from './free-port.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';

describe('the TCP proxy', () => {
  let echo: Server;
  let proxy: TcpProxy;
  const clients: Socket[] = [];

  beforeEach(async () => {
    echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    const port = await freePort();
    await new Promise<void>((resolve) => echo.listen(port, '127.0.0.1', resolve));
    proxy = await startProxy(`echo://127.0.0.1:${port}/path?query`);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.stop();
    await new Promise((resolve) => echo.close(resolve));
  });

  /** A connected client, everything it received, and how it ended. */
  async function open(): Promise<{ socket: Socket; heard: () => string; ended: Promise<string> }> {
    const socket = connect(proxy.port, '127.0.0.1');
    clients.push(socket);
    let text = '';
    socket.on('data', (bytes) => {
      text += String(bytes);
    });
    const ended = new Promise<string>((resolve) => {
      socket.once('end', () => resolve('end'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    });
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return { socket, heard: () => text, ended };
  }

  test('gives the target’s address as its own', () => {
    expect(proxy.url).toBe(`echo://127.0.0.1:${proxy.port}/path?query`);
  });

  test('passes bytes and ends on', async () => {
    const { socket, heard, ended } = await open();
    const long = 'x'.repeat(3_000_000);
    socket.end(long);
    expect(await ended).toBe('end');
    expect(heard()).toBe(long);
    await expect.poll(() => proxy.connections).toBe(0);
  });

  test('silent: nothing passes, nothing is closed, and all arrives when it is on again', async () => {
    const before = await open();
    before.socket.write('1');
    await expect.poll(before.heard).toBe('1');
    await proxy.become('silent');
    const during = await open();
    before.socket.write('2');
    during.socket.write('3');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([before.heard(), during.heard()]).toEqual(['1', '']);
    await proxy.become('on');
    await expect.poll(() => [before.heard(), during.heard()]).toEqual(['12', '3']);
  });

  test('away: what was connected is reset, nobody listens, and it comes back at the same port', async () => {
    const { ended } = await open();
    await proxy.become('away');
    expect(await ended).toBe('ECONNRESET');
    const refused = connect(proxy.port, '127.0.0.1');
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => refused.once('error', resolve));
    expect(error.code).toBe('ECONNREFUSED');
    await proxy.become('on');
    const { socket, heard } = await open();
    socket.write('again');
    await expect.poll(heard).toBe('again');
  });

  test('a hook swallows an answer and cuts, before or after the target has heard', async () => {
    const reached: string[] = [];
    echo.on('connection', (socket) => socket.on('data', (bytes) => reached.push(String(bytes))));
    const first = await open();
    proxy.toClient = (bytes) => (bytes.includes('commit') ? 'cut' : 'pass');
    first.socket.write('commit 1');
    expect(await first.ended).toBe('ECONNRESET');
    const second = await open();
    proxy.toServer = (bytes) => (bytes.includes('commit') ? 'cut' : 'pass');
    second.socket.write('commit 2');
    expect(await second.ended).toBe('ECONNRESET');
    expect([first.heard(), second.heard(), reached]).toEqual(['', '', ['commit 1']]);
  });

  test('a hook makes one connection silent for good, and no other', async () => {
    const [one, other] = [await open(), await open()];
    proxy.toClient = (bytes) => (bytes.includes('hush') ? 'silence' : 'pass');
    one.socket.write('hush');
    other.socket.write('talk');
    await expect.poll(other.heard).toBe('talk');
    await proxy.become('silent');
    await proxy.become('on');
    one.socket.write('talk');
    other.socket.write('ing');
    await expect.poll(other.heard).toBe('talking');
    expect(one.heard()).toBe('');
    proxy.cut();
    expect(await one.ended).toBe('ECONNRESET');
  });
});
