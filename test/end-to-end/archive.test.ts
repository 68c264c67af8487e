/** Kept results: the archiver and `/media/…` through the whole gateway. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { ask, dataOf, follow, lookUp, oneFace, openSocket, run, submit } from '../support/caller.js';
import { build, cleanUp, newFolder, startProcess } from '../support/gateway-process.js';
import { recordedLog, startGateway, type TestGateway } from '../support/harness.js';
import type { SeenJob } from '../support/operations.js';

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await cleanUp();
});

type Options = Parameters<typeof startGateway>[0];

async function start(options: Options = {}): Promise<TestGateway> {
  const gateway = await startGateway(options);
  ends.push(() => gateway.stop());
  return gateway;
}

interface Result {
  readonly url: string;
  readonly providerUrl: string;
  readonly providerUrlExpiresAt: string;
  readonly archived: boolean;
  readonly contentType: string | null;
  readonly byteSize: number | null;
  readonly sha256: string | null;
}

async function resultOf(url: string, id: string): Promise<Result | null> {
  const query = `query ($id: ID!) {
    job(id: $id) {
      result { url providerUrl providerUrlExpiresAt archived contentType byteSize sha256 }
    }
  }`;
  const { job } = await dataOf(ask<{ job: { result: Result | null } }, unknown>(url, query, { id }));
  return job.result;
}

async function archivedResult(gateway: TestGateway): Promise<Result & { readonly id: string }> {
  const { id } = await submit(gateway.url);
  await follow(gateway.url, id);
  await expect.poll(async () => (await resultOf(gateway.url, id))?.archived).toBe(true);
  const result = await resultOf(gateway.url, id);
  if (result === null) throw new Error('There is no result');
  return { ...result, id };
}

const kept = (dir: string): string[] =>
  readdirSync(join(dir, 'archive')).filter((name) => !['.unfinished', 'uploads'].includes(name));
const unfinished = (dir: string): string[] => readdirSync(join(dir, 'archive', '.unfinished'));

describe('a completed job', () => {
  it('gains a version with our copy, told to whoever follows it, and then the following ends', async () => {
    const gateway = await start();
    let id = '';
    let states: SeenJob[] = [];
    // A follower is let go a second after the end; on a busy machine a copy may take longer.
    await expect
      .poll(async () => {
        ({ id } = await submit(gateway.url));
        states = await follow(gateway.url, id);
        return states.at(-1)?.result?.archived;
      })
      .toBe(true);
    const [before, after] = states.slice(-2);
    expect(before).toMatchObject({ status: 'COMPLETED', result: { archived: false } });
    expect(before?.result?.url).toBe(before?.result?.providerUrl);
    expect(after).toMatchObject({ status: 'COMPLETED', result: { archived: true } });
    expect(after?.version).toBe(Number(before?.version) + 1);
    expect(after?.finishedAt).toBe(before?.finishedAt);

    const result = await resultOf(gateway.url, id);
    expect(result?.url).toMatch(new RegExp(`^${gateway.url}/media/[\\w-]{43}\\.png$`));
    expect(result?.providerUrl).toBe(before?.result?.url);
    const copy = Buffer.from(await (await fetch(result?.url ?? '')).arrayBuffer());
    const original = Buffer.from(await (await fetch(result?.providerUrl ?? '')).arrayBuffer());
    expect(copy.equals(original)).toBe(true);
    expect(result).toMatchObject({
      contentType: 'image/png',
      byteSize: copy.length,
      sha256: createHash('sha256').update(copy).digest('hex'),
    });
    const end = Date.parse(after?.finishedAt ?? '') + 7 * 24 * 60 * 60 * 1000;
    expect(Date.parse(result?.providerUrlExpiresAt ?? '')).toBeLessThanOrEqual(end);
    expect(Date.parse(result?.providerUrlExpiresAt ?? '')).toBeGreaterThan(end - 60_000);
  });

  it('lets go of its followers after a moment when the copy takes long', async () => {
    const gateway = await start();
    const gate = gateway.sandbox.hold('media');
    const { id } = await submit(gateway.url);
    const last = (await follow(gateway.url, id)).at(-1);
    expect(last).toMatchObject({ status: 'COMPLETED', result: { archived: false } });
    gate.release();
    await expect.poll(async () => (await resultOf(gateway.url, id))?.archived).toBe(true);
  });

  it('keeps its followers until the copy is there where they say untilArchived', async () => {
    const gateway = await start();
    const gate = gateway.sandbox.hold('media');
    const { id } = await submit(gateway.url);
    const query = `subscription ($id: ID!, $untilArchived: Boolean!) {
      jobUpdated(id: $id, untilArchived: $untilArchived) { status result { url archived } }
    }`;
    const socket = openSocket(gateway.url);
    ends.push(() => socket.dispose());
    const lastOf = async (untilArchived: boolean) => {
      let last: unknown;
      for await (const { data } of run(socket, query, { id, untilArchived })) last = data;
      return last;
    };
    const patient = lastOf(true);
    expect(await lastOf(false)).toMatchObject({
      jobUpdated: { status: 'COMPLETED', result: { archived: false } },
    });
    gate.release();
    const url = expect.stringContaining(`${gateway.url}/media/`);
    expect(await patient).toEqual({ jobUpdated: { status: 'COMPLETED', result: { url, archived: true } } });
  });

  it('is left with Akool when KEEP_RESULTS=false', async () => {
    const gateway = await start({ env: { KEEP_RESULTS: 'false' } });
    const { id } = await submit(gateway.url);
    expect((await follow(gateway.url, id)).at(-1)).toMatchObject({
      status: 'COMPLETED',
      result: { archived: false },
    });
    expect(gateway.sandbox.requests.media).toBe(0);
    expect(kept(gateway.dir)).toEqual([]);
  });

  it.each(['reset', 'error', 'garbage', 'too-many-requests', 'refuse'] as const)(
    'is fetched again after %s',
    async (fault) => {
      const { log, lines } = recordedLog();
      const gateway = await start({ overrides: { log } });
      gateway.sandbox.setFaults({ script: [{ on: 'media', fault }] });
      await archivedResult(gateway);
      expect(gateway.sandbox.requests.media).toBe(2);
      expect(lines.find(({ msg }) => msg === 'a result could not be kept')).toMatchObject({
        attempts: 1,
        givenUp: false,
      });
      expect(unfinished(gateway.dir)).toEqual([]);
    },
  );

  it('is fetched again when the first try takes too long', async () => {
    const gateway = await start({ env: { ARCHIVE_TIMEOUT_MS: '100' } });
    gateway.sandbox.setFaults({ script: [{ on: 'media', fault: 'timeout' }] });
    await archivedResult(gateway);
    // On a busy machine the next attempt may time out as well.
    expect(gateway.sandbox.requests.media).toBeGreaterThan(1);
  });

  it('is kept once the disk can be written to again, with a line in the log until then', async () => {
    const { log, lines } = recordedLog();
    const gateway = await start({ overrides: { log } });
    const folder = join(gateway.dir, 'archive', '.unfinished');
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'in the way');
    const { id } = await submit(gateway.url);
    await expect.poll(() => lines.map(({ msg }) => msg)).toContain('a result could not be kept');
    expect((await lookUp(gateway.url, id)).status).toBe('COMPLETED');
    rmSync(folder);
    await expect.poll(async () => (await resultOf(gateway.url, id))?.archived).toBe(true);
  });

  it('is left with Akool when it is too large, and not fetched again', async () => {
    const { log, lines } = recordedLog();
    const gateway = await start({ env: { ARCHIVE_MAX_BYTES: '100' }, overrides: { log } });
    const { id } = await submit(gateway.url);
    await follow(gateway.url, id);
    await expect
      .poll(() => lines.find(({ msg }) => msg === 'a result could not be kept'))
      .toMatchObject({ givenUp: true, err: { code: 'TOO_LARGE' } });
    expect((await resultOf(gateway.url, id))?.archived).toBe(false);
    expect(gateway.sandbox.requests.media).toBe(1);
  });
});

describe('/media', () => {
  it('knows no other name, whatever it is', async () => {
    const gateway = await start();
    const { url } = await archivedResult(gateway);
    const [name = ''] = url.split('/').slice(-1);
    mkdirSync(join(gateway.dir, 'archive', 'folder'));
    writeFileSync(join(gateway.dir, 'archive', '.hidden.png'), 'secret');
    writeFileSync(join(gateway.dir, 'archive', 'plain.png'), 'secret');
    writeFileSync(join(gateway.dir, 'archive', '.unfinished', 'half'), 'secret');
    for (const path of [
      '',
      '/',
      `/${'A'.repeat(43)}.png`,
      `/${name.toUpperCase()}`,
      `/${name}/`,
      `/${name}%00`,
      `/${name.slice(0, -4)}`,
      '/plain.png',
      '/folder',
      '/.hidden.png',
      '/%2ehidden.png',
      '/.unfinished',
      '/.unfinished/half',
      '/.unfinished%2fhalf',
      '/../gateway.db',
      '/..%2fgateway.db',
      '/%2e%2e/gateway.db',
      '/..%5cgateway.db',
      '/....//gateway.db',
      '//etc/passwd',
      `/./${name}`,
      `/${'a'.repeat(5000)}`,
    ]) {
      const { status, headers, body } = await raw(gateway.url, `/media${path}`);
      expect([404, 400, 414], path).toContain(status);
      expect(body, path).not.toContain('secret');
      expect(headers['cache-control'] ?? '', path).not.toContain('immutable');
    }
    expect((await fetch(url, { method: 'POST' })).status).toBe(404);
  });
});

/** An Akool that ends each job at once and serves results as the test defines. Resolves with its URL. */
async function akoolGiving(
  answer: (request: http.IncomingMessage, response: http.ServerResponse) => void,
): Promise<string> {
  const _id = '6593c94c0ef703e8c055e3c8';
  const server = http.createServer((request, response) => {
    const { url = '' } = request;
    const json = (data: object): void => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ code: 1000, msg: 'OK', data }));
    };
    request.resume();
    if (url.startsWith('/results')) answer(request, response);
    else if (url.includes('listbyids'))
      json({ result: [{ _id, faceswap_status: 3, url: `http://${request.headers.host}/results/a.png` }] });
    else json({ _id, job_id: 'j' });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

/** Starts a gateway for that Akool, in a folder that outlives it. */
async function startBefore(
  akoolUrl: string,
  dir: string,
): Promise<{ url: string; lines: Record<string, unknown>[]; stop: () => Promise<void> }> {
  const { log, lines } = recordedLog();
  const { config, secrets } = readConfig({
    PORT: '0',
    DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
    ARCHIVE_DIR: join(dir, 'archive'),
    ARCHIVE_MAX_BYTES: '100000',
    AKOOL_BASE_URL: akoolUrl,
    AKOOL_API_KEY: 'sandbox-key-24-character',
    POLL_AFTER_MS: '20',
  });
  const app = createApp(config, secrets, { log });
  ends.push(() => app.stop());
  const { url } = await app.start();
  return { url, lines, stop: () => app.stop() };
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function akoolServing(
  answer: (request: http.IncomingMessage, response: http.ServerResponse) => void,
): Promise<{ gateway: { url: string; dir: string }; lines: Record<string, unknown>[]; id: string }> {
  const dir = folder();
  const { url, lines } = await startBefore(await akoolGiving(answer), dir);
  const { id } = await submit(url);
  return { gateway: { url, dir }, lines, id };
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('a result that is not what it should be', () => {
  it.each<[string, string, (response: http.ServerResponse) => void]>([
    [
      'a page that says it is a PNG',
      'WRONG_TYPE',
      (r) => r.writeHead(200, { 'content-type': 'image/png' }).end('<html>'),
    ],
    [
      'a drawing that says it is a PNG',
      'WRONG_TYPE',
      (r) =>
        r.writeHead(200, { 'content-type': 'image/png' }).end('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ],
    ['nothing', 'WRONG_TYPE', (r) => r.writeHead(200, { 'content-length': '0' }).end()],
    [
      'too large, as it says',
      'TOO_LARGE',
      (r) =>
        r
          .writeHead(200, { 'content-length': '100001' })
          .end(Buffer.concat([PNG, Buffer.alloc(100_001 - PNG.length)])),
    ],
    [
      'too large, without saying so',
      'TOO_LARGE',
      (r) => r.writeHead(200).end(Buffer.concat([PNG, Buffer.alloc(200_000)])),
    ],
    [
      'cut off before its promised length',
      'UND_ERR_SOCKET',
      (r) => {
        r.writeHead(200, { 'content-length': '5000' });
        r.write(PNG, () => r.destroy());
      },
    ],
    [
      'cut off in the midst of a chunk',
      'UND_ERR_SOCKET',
      (r) => {
        r.writeHead(200);
        r.write(Buffer.concat([PNG, Buffer.alloc(5000)]), () => r.destroy());
      },
    ],
    [
      'a redirect into this network',
      'FORBIDDEN_ADDRESS',
      (r) => r.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
  ])('is not kept: %s', async (_what, code, answer) => {
    const { gateway, lines, id } = await akoolServing((_request, response) => answer(response));
    await expect
      .poll(() => lines.find(({ msg }) => msg === 'a result could not be kept'))
      .toMatchObject({ job: id, err: { code } });
    expect((await resultOf(gateway.url, id))?.archived).toBe(false);
    expect(kept(gateway.dir)).toEqual([]);
    expect(unfinished(gateway.dir)).toEqual([]);
  });

  it('is kept by what it is, not by what it is called', async () => {
    const { gateway, id } = await akoolServing((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end(PNG),
    );
    await expect.poll(async () => (await resultOf(gateway.url, id))?.archived).toBe(true);
    const result = await resultOf(gateway.url, id);
    expect(result?.contentType).toBe('image/png');
    expect((await fetch(result?.url ?? '')).headers.get('content-type')).toBe('image/png');
  });
});

describe('a stop or a kill in the midst of archiving', () => {
  const whole = Buffer.concat([PNG, Buffer.alloc(50_000, 1)]);
  const half = whole.length / 2;

  /** Stalls in the middle of the first response. */
  function haltingOnce(): Promise<string> {
    let answers = 0;
    return akoolGiving((_request, response) => {
      response.writeHead(200, { 'content-length': whole.length });
      answers += 1;
      if (answers === 1) response.write(whole.subarray(0, half));
      else response.end(whole);
    });
  }

  /** Resolves when half of the copy is on disk. */
  async function untilHalfIsWritten(dir: string): Promise<void> {
    const sizes = () =>
      readdirSync(join(dir, 'archive'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => statSync(join(entry.parentPath, entry.name)).size);
    await expect.poll(sizes).toEqual([half]);
  }

  async function expectWholeCopy(url: string, id: string): Promise<void> {
    await expect.poll(async () => (await resultOf(url, id))?.archived).toBe(true);
    const result = await resultOf(url, id);
    const copy = Buffer.from(await (await fetch(result?.url ?? '')).arrayBuffer());
    expect(copy.equals(whole)).toBe(true);
    expect(result?.sha256).toBe(createHash('sha256').update(whole).digest('hex'));
  }

  it('leaves no half file; after a stop the copy is made right after the next start', async () => {
    const [akool, dir] = [await haltingOnce(), folder()];
    const first = await startBefore(akool, dir);
    const { id } = await submit(first.url);
    await untilHalfIsWritten(dir);
    await first.stop();
    expect(kept(dir)).toEqual([]);
    expect(unfinished(dir)).toEqual([]);
    const second = await startBefore(akool, dir);
    await expectWholeCopy(second.url, id);
    expect(unfinished(dir)).toEqual([]);
  });

  it('leaves no half file when it is a kill, and the copy is made by the process that comes after', {
    timeout: 60_000,
  }, async () => {
    await build();
    const [akool, cwd] = [await haltingOnce(), newFolder()];
    const env = {
      AKOOL_BASE_URL: akool,
      AKOOL_API_KEY: 'sandbox-key-24-character',
      POLL_AFTER_MS: '20',
    };
    const dir = join(cwd, 'data');
    const killed = await startProcess(cwd, env);
    const { id } = await submit(killed.url, oneFace());
    await untilHalfIsWritten(dir);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(kept(dir)).toEqual([]);
    await releaseClaims(join(dir, 'gateway.db'));
    const next = await startProcess(cwd, env);
    await expectWholeCopy(next.url, id);
  });
});

/** Simulates that the dead process's claim on its work has expired. */
async function releaseClaims(file: string): Promise<void> {
  const { default: Database } = await import('libsql');
  const database = new Database(file);
  database.exec('update jobs set archive_at = 1 where archive_at is not null');
  database.close();
}

/** Sends a request whose path is not normalised on the way. */
function raw(
  base: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = http.get({ hostname, port, path, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    request.on('error', reject);
  });
}
