/** Authentication at Akool by token, through the whole gateway. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { akoolSettings } from '../support/akool-settings.js';
import { ask, dataOf, follow, oneFace, submit } from '../support/caller.js';

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Heard {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy between the gateway and the sandbox that records requests. */
async function listenIn(target: string, heard: Heard[]): Promise<string> {
  const server: Server = createServer((incoming, answer) => {
    const { method, url: path = '', headers } = incoming;
    heard.push({ path, headers });
    const outgoing = httpRequest(target + path, { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function start(): Promise<{ url: string; sandbox: Sandbox; heard: Heard[]; log: string[] }> {
  const sandbox = createSandbox({ queueMs: 5, processMs: 5, maxConcurrency: 20 });
  await sandbox.start();
  ends.push(() => sandbox.stop());
  const heard: Heard[] = [];
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  const { config, secrets } = readConfig({
    PORT: '0',
    DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
    KEEP_RESULTS: 'false',
    AKOOL_AUTH: 'token',
    ...akoolSettings(sandbox),
    AKOOL_BASE_URL: await listenIn(sandbox.url, heard),
    AKOOL_MAX_CONCURRENCY: '20',
    POLL_AFTER_MS: '20',
  });
  const log: string[] = [];
  const app = createApp(config, secrets, {
    log: pino({ level: 'debug' }, { write: (line: string) => void log.push(line) }),
  });
  ends.push(() => app.stop());
  const { url } = await app.start();
  return { url, sandbox, heard, log };
}

it('is renewed once, however many submits an expired token fails for, and none is sent twice', async () => {
  const { url, sandbox, heard, log } = await start();
  const first = await submit(url);
  await follow(url, first.id);
  expect(sandbox.requests.token).toBe(1);

  sandbox.expireTokens();
  const gate = sandbox.hold('token');
  const submitting = Array.from({ length: 10 }, (_, i) => submit(url, oneFace({}, `?n=${i}`)));
  await gate.arrived;
  await expect.poll(() => sandbox.requests.pro).toBeGreaterThanOrEqual(11);
  gate.release();
  const jobs = await Promise.all(submitting);
  expect(jobs.map(({ status }) => status)).toEqual(Array(10).fill('QUEUED'));
  expect(sandbox.requests.token).toBe(2);
  expect(sandbox.bills).toHaveLength(11);
  for (const { id } of jobs) expect((await follow(url, id)).at(-1)?.status).toBe('COMPLETED');

  for (const { path, headers } of heard) {
    expect(headers, path).not.toHaveProperty('x-api-key');
    if (path.endsWith('/getToken')) expect(headers).not.toHaveProperty('authorization');
    else expect(headers.authorization, path).toMatch(/^Bearer ./);
  }
  const tokens = new Set(heard.flatMap(({ headers }) => headers.authorization?.slice(7) ?? []));
  expect(tokens.size).toBe(2);
  for (const secret of [...tokens, sandbox.apiKey, sandbox.clientId])
    expect(log.join('')).not.toContain(secret);
});

it('is renewed for every other call too', async () => {
  const { url, sandbox } = await start();
  const detect = `{ detectFaces(input: { url: "https://example.com/a.jpg" }) { frames { index } } account { credit } }`;
  await dataOf(ask(url, '{ account { credit } }'));
  sandbox.expireTokens();
  expect(await dataOf(ask(url, detect))).toMatchObject({
    account: { credit: 4000 },
    detectFaces: { frames: [{ index: 0 }] },
  });
  expect(sandbox.requests.token).toBe(2);
});

it('waits with ACCOUNT when the client id and secret give no token, and goes on once they do', async () => {
  const { url, sandbox } = await start();
  sandbox.setFaults({ script: [{ on: 'token', times: 2, fault: 'refuse', code: 1109 }] });
  const job = await submit(url);
  expect(job).toMatchObject({ status: 'WAITING', waitingReason: 'ACCOUNT', error: null });
  expect(sandbox.requests.pro).toBe(0);
  // The query of the credit after 5 s gets no token either; the next one does.
  expect((await follow(url, job.id)).at(-1)?.status).toBe('COMPLETED');
  expect(sandbox.bills).toHaveLength(1);
});

it('waits with ACCOUNT when a fresh token is turned down too', async () => {
  const { url, sandbox } = await start();
  sandbox.setFaults({ script: [{ on: 'submit', times: 2, fault: 'refuse', code: 1101 }] });
  const job = await submit(url);
  expect(job).toMatchObject({ status: 'WAITING', waitingReason: 'ACCOUNT' });
  expect(sandbox.requests).toMatchObject({ pro: 2, token: 2 });
  expect((await follow(url, job.id)).at(-1)?.status).toBe('COMPLETED');
  expect(sandbox.bills).toHaveLength(1);
});
