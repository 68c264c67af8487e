/** A body takes as much memory as it has bytes, whatever pieces it comes in. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { gather } from '../../src/http/body.js';

const BYTES = 100_000;
let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Bytes, without what is only waiting to be collected. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it.each([
  ['in one piece', `${BYTES.toString(16)}\r\n${'x'.repeat(BYTES)}\r\n`],
  ['byte by byte', '1\r\nx\r\n'.repeat(BYTES)],
])('one that comes %s', async (_how, pieces) => {
  let body: Promise<Buffer> | null = null;
  const all = new Promise<void>((resolve) => {
    server = createServer((request) => {
      body = gather(request, (size) => {
        if (size === BYTES) resolve();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const before = memory();
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${pieces}`);
  await all;
  expect(memory() - before).toBeLessThan(8 * BYTES);
  socket.write('0\r\n\r\n');
  expect(String(await body)).toBe('x'.repeat(BYTES));
  socket.destroy();
});
