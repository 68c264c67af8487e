/** Answers from Akool that arrive while the process is stopped, or after the timeout. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { SubmitOutcome } from '../../../src/services/akool/akool-client.js';
import { gate, json } from '../../support/local-server.js';
import { ACCEPTED, akoolThat, clientOf, proRequest } from './akool-under-test.js';

const TIMEOUT_MS = 1000;

/** A server in a separate thread, which answers while this thread is blocked. */
const SERVER = `
  const { createServer } = require('node:http');
  const { parentPort, workerData: { flags, body } } = require('node:worker_threads');
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      parentPort.postMessage('arrived');
      Atomics.wait(flags, 0, 0);
      response.writeHead(200, { 'content-type': 'application/json' }).end(body, () => {
        Atomics.store(flags, 1, 1);
        Atomics.notify(flags, 1);
      });
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

let worker: Worker | undefined;

afterEach(async () => {
  await worker?.terminate();
});

/** The result of `call` if the answer arrives while this thread is blocked for longer than the timeout. */
async function stalled<T>(
  answer: unknown,
  call: (client: ReturnType<typeof clientOf>) => Promise<T>,
): Promise<T> {
  const flags = new Int32Array(new SharedArrayBuffer(8));
  worker = new Worker(SERVER, { eval: true, workerData: { flags, body: JSON.stringify(answer) } });
  const [port] = await once(worker, 'message');
  const arrived = once(worker, 'message');
  const result = call(clientOf(`http://127.0.0.1:${port}`, { timeoutMs: TIMEOUT_MS }));
  await arrived;
  Atomics.store(flags, 0, 1);
  Atomics.notify(flags, 0);
  Atomics.wait(flags, 1, 0);
  // The answer is in the socket's buffer, but is not read before the timeout.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TIMEOUT_MS + 100);
  return await result;
}

describe('an answer that lies in the socket when the time is up', () => {
  it('counts, though this process stood still meanwhile', async () => {
    const outcome = await stalled(ACCEPTED, (client) => client.submitFaceSwap(proRequest));
    expect(outcome).toMatchObject({ kind: 'accepted', providerId: ACCEPTED.data._id });
  });

  it('counts for calls that are no submit too, and is read to its end', async () => {
    const result = Array.from({ length: 2000 }, (_, i) => ({
      _id: `id${i}`,
      faceswap_status: 3,
      url: `https://cdn.example/${'x'.repeat(100)}.png`,
    }));
    const answer = { code: 1000, msg: 'OK', data: { result } };
    expect(await stalled(answer, (client) => client.results(['id0']))).toHaveLength(2000);
  });
});

describe('an answer to a submit that comes after its time', () => {
  async function late(
    answer: Parameters<typeof json>[1],
  ): Promise<{ outcome: SubmitOutcome; release: () => void; client: ReturnType<typeof clientOf> }> {
    const release = gate();
    const { client } = await akoolThat(
      (request, response) => void release.opened.then(() => json(200, answer)(request, response)),
      { timeoutMs: 1000 },
    );
    return { client, outcome: await client.submitFaceSwap(proRequest), release: release.open };
  }

  it('is told after all', async () => {
    const { outcome, release } = await late(ACCEPTED);
    expect(outcome).toMatchObject({ kind: 'unknown', late: expect.any(Promise) });
    release();
    if (outcome.kind !== 'unknown') return;
    expect(await outcome.late).toMatchObject({ kind: 'accepted', providerId: ACCEPTED.data._id });
  });

  it('is told as a refusal when it is one', async () => {
    const { outcome, release } = await late({ code: 1003, msg: 'no' });
    release();
    expect(outcome.kind === 'unknown' && (await outcome.late)).toMatchObject({ kind: 'refused' });
  });

  it('is no longer listened for when the client is destroyed', async () => {
    const { outcome, client } = await late(ACCEPTED);
    await client.destroy();
    expect(outcome.kind === 'unknown' && (await outcome.late)).toMatchObject({ kind: 'unknown' });
  });

  it('is not listened for by calls that cost nothing: their connection is given up', async () => {
    const hungUp = gate();
    const { client } = await akoolThat(
      (_request, response) => void response.socket?.on('close', hungUp.open),
      { timeoutMs: 1000 },
    );
    await expect(client.credit()).rejects.toMatchObject({ code: 'TIMEOUT' });
    await hungUp.opened;
  });
});
