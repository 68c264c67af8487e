/** Requests that arrive on a connection before earlier ones are answered. */
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../support/harness.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

function ask(path: string, times: number): Socket {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`.repeat(times));
  return socket;
}

it('are answered, one after the other', async () => {
  const socket = ask('/healthz', 100).setEncoding('latin1');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  await expect.poll(() => text.match(/HTTP\/1\.1 200 OK/g)?.length).toBe(100);
  socket.destroy();
});

it('end the connection when too many wait', async () => {
  // All arrive in a single read from the network.
  const socket = ask('/healthz', 1500).resume();
  await once(socket, 'close');
});

it('leave no file open when their client leaves', async () => {
  const page = await (await fetch(`${gateway.url}/graphiql`)).text();
  const [, script = ''] = /src="[^"]*?(graphiql\/assets\/[^"]+\.js)"/.exec(page) ?? [];
  const socket = ask(`/${script}`, 100).pause();
  await expect.poll(() => openFiles(script)).toBeGreaterThan(0);
  socket.destroy();
  await expect.poll(() => openFiles(script)).toBe(0);
});

function openFiles(name: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).endsWith(name)).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The connection was closed meanwhile.
    return '';
  }
}
