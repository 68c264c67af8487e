/** An event stream waits for its reader, but not forever. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EventWriter } from '../../src/http/event-writer.js';

/** More than the buffers at both ends hold. */
const LARGE = 'x'.repeat(16 * 1024 * 1024);

let server: Server;
let client: Socket;
let response: ServerResponse;
let writer: EventWriter;

beforeEach(async () => {
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const requested = once(server, 'request');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  client.pause();
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const [request, answer] = (await requested) as [IncomingMessage, ServerResponse];
  response = answer;
  // Sockets need real time; only timers that wait for a reader use this clock.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  writer = new EventWriter({ raw: request }, { raw: response });
  writer.begin({});
});
afterEach(async () => {
  vi.useRealTimers();
  client.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('an event stream', () => {
  test('whose client does not read takes no second event, and goes on when it reads', async () => {
    let isTaken = false;
    const first = writer.write(LARGE).then(() => {
      isTaken = true;
    });
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isTaken).toBe(false);
    client.resume();
    await first;
    await writer.write('small');
    expect(writer.isOver).toBe(false);
  });

  test('that is not read holds one event, however small', async () => {
    let taken = 0;
    const all = (async () => {
      for (; !writer.isOver; taken += 1) await writer.write('x'.repeat(10_000));
    })();
    for (let idle = 0, before = 0; idle < 50; idle = taken === before ? idle + 1 : 0) {
      before = taken;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(response.writableLength).toBeLessThan(12_000);
    client.destroy();
    await all;
  });

  test('that is not read is cut, and what waits for it goes on', async () => {
    const first = writer.write(LARGE);
    // 30 s, plus the time that this many bytes take at 128 KB a second.
    vi.advanceTimersByTime(30_000 + LARGE.length / 128 - 1000);
    expect(response.destroyed).toBe(false);
    vi.advanceTimersByTime(2000);
    await first;
    await writer.gone;
    expect(writer.isOver).toBe(true);
  });

  test('pings while there is nothing to tell, and not while its client has not read', async () => {
    const write = vi.spyOn(response, 'write');
    vi.advanceTimersByTime(24_000);
    expect(write.mock.calls.map(([text]) => text)).toEqual([':\n\n', ':\n\n']);
    const first = writer.write(LARGE);
    vi.advanceTimersByTime(24_000);
    expect(write).toHaveBeenCalledTimes(3);
    client.resume();
    await first;
    vi.advanceTimersByTime(12_000);
    expect(write).toHaveBeenCalledTimes(4);
  });

  test('whose client leaves is over, and takes what is written for nothing', async () => {
    client.destroy();
    await writer.gone;
    expect(writer.isOver).toBe(true);
    const write = vi.spyOn(response, 'write');
    await writer.write(LARGE);
    writer.complete();
    expect(write).not.toHaveBeenCalled();
  });
});
