/** A body takes as much memory as it has bytes, however it is divided into pieces. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { gather } from '../../src/http/body.js';

const BYTES = 16_000;
let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function collect(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

/** Memory in bytes, after a garbage collection. */
function memory(): number {
  collect();
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
  expect(memory() - before).toBeLessThan(1024 * 1024);
  socket.write('0\r\n\r\n');
  expect(String(await body)).toBe('x'.repeat(BYTES));
  socket.destroy();
});

it('one that was read is not kept by its request, which may last', async () => {
  const gathered = new Promise<[IncomingMessage, WeakRef<Buffer>]>((resolve, reject) => {
    server = createServer((request) => {
      gather(request, () => {}).then((body) => resolve([request, new WeakRef(body)]), reject);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody`);
  const [request, body] = await gathered;
  // The reference is kept alive until the current turn of the event loop is over.
  await setImmediate();
  collect();
  expect([request.complete, body.deref()]).toEqual([true, undefined]);
  socket.destroy();
});
