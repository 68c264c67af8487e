/** The README's examples, each run as it stands there; only the addresses are those of the test's gateway. */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { gql, InMemoryCache } from '@apollo/client';
import { build, transformSync } from 'esbuild';
import type { Browser } from 'playwright-core';
import { EventSource } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask, dataOf, follow, lookUp, openSocket, submit } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { until } from '../support/gate.js';
import { ROOT } from '../support/gateway-process.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { httpServer, text } from '../support/local-server.js';
import type { SeenJob } from '../support/operations.js';
import { addressedTo, EXAMPLES, exampleWith, README } from '../support/readme.js';
import { startProxy } from '../support/tcp-proxy.js';

/** What a follower is told. */
type Told = Pick<SeenJob, 'status' | 'version' | 'result'>;

let gateway: TestGateway;
/** Below `ROOT`, so that packages are found. */
let folder: string;

beforeAll(async () => {
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'readme-'));
  // Jobs end when a test says so. The price is the one that the README names.
  gateway = await startGateway({ sandbox: { queueMs: 600_000 } });
});
afterAll(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs one operation of an example. */
async function answerTo(example: string, operationName: string, variables: object = {}): Promise<unknown> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: addressedTo(gateway, example), operationName, variables }),
  });
  return response.json();
}

/** The same; the answer has data and no errors. */
async function perform<Data>(example: string, operationName: string, variables: object = {}): Promise<Data> {
  const answer = await answerTo(example, operationName, variables);
  expect(answer).toEqual({ data: expect.anything() });
  return (answer as { data: Data }).data;
}

/** Ends the newest job at Akool. */
function finishNewest(): void {
  expect(gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '')).toBe(true);
}

/** Follows the newest job as README does, and ends it at Akool as soon as its present state was told. */
async function followToEnd(id: string): Promise<readonly Told[]> {
  const socket = openSocket(gateway.url);
  const states: Told[] = [];
  const request = {
    query: exampleWith('graphql', 'subscription Follow'),
    operationName: 'Follow',
    variables: { id },
  };
  for await (const { data } of socket.iterate<{ jobUpdated: Told }>(request)) {
    if (states.length === 0) finishNewest();
    if (data) states.push(data.jobUpdated);
  }
  await socket.dispose();
  return states;
}

/** At Akool, or the copy, if that was made within the second that followers wait for it. */
function expectResult(states: readonly Told[]): void {
  const end = states.at(-1);
  expect(end?.status).toBe('COMPLETED');
  expect([`${gateway.sandbox.url}/results/`, `${gateway.url}/media/`]).toContainEqual(
    expect.toSatisfy((start: string) => end?.result?.url.startsWith(start) === true),
  );
}

describe('in GraphQL', () => {
  it('Submit, and Follow by the id that it returns', async () => {
    const example = exampleWith('graphql', 'mutation Submit');
    const { submitFaceSwap } = await perform<{ submitFaceSwap: { job: SeenJob } }>(example, 'Submit');
    expect(submitFaceSwap.job.status).toBe('QUEUED');
    expectResult(await followToEnd(submitFaceSwap.job.id));
  });

  it('Batch: one job with one result for both targets, at the price that it names', async () => {
    const { submitFaceSwap } = await perform<{
      submitFaceSwap: { job: { id: string; sourceImage: readonly { opts: string | null }[] } };
    }>(exampleWith('graphql', 'mutation Batch'), 'Batch');
    const { id, sourceImage } = submitFaceSwap.job;
    expect(sourceImage.map(({ opts }) => opts)).toEqual([expect.any(String), expect.any(String)]);
    const [, price, both] = /bills (\d+) credits for each target, (\d+) in all/.exec(README) ?? [];
    expect(gateway.sandbox.bills.at(-1)?.cost).toBe(Number(both));
    expect(Number(both)).toBe(2 * Number(price));

    expectResult(await followToEnd(id));
  });

  it('Plus, with what Faces finds at the addresses that it names', async () => {
    const example = exampleWith('graphql', 'mutation Plus');
    type Found = Record<'newFace' | 'target', { frames: { faces: { faceUrl: string; region: object }[] }[] }>;
    const { newFace, target } = await perform<Found>(example, 'Faces');
    const { submitFaceSwapPlus } = await perform<{ submitFaceSwapPlus: { job: SeenJob } }>(example, 'Plus');
    expect(submitFaceSwapPlus.job.status).toBe('QUEUED');
    const [, price] = /bills (\d+) credits for a picture/.exec(README) ?? [];
    expect(gateway.sandbox.bills.at(-1)?.cost).toBe(Number(price));

    const pasted = addressedTo(gateway, example);
    expect(pasted).toContain(`source: { faceUrl: "${newFace.frames[0]?.faces[0]?.faceUrl}" }`);
    const region = JSON.stringify(target.frames[0]?.faces[0]?.region).replaceAll('"', '');
    expect(pasted.replaceAll(' ', '')).toContain(`region:${region}`);
    for (const [address] of pasted.matchAll(/http:[^"]+/g)) {
      const { status, headers } = await fetch(address);
      expect([address, status, headers.get('content-type')]).toEqual([address, 200, 'image/png']);
    }

    expectResult(await followToEnd(submitFaceSwapPlus.job.id));
  });

  it('Cancel: a waiting job costs nothing, and one that was sent goes on', async () => {
    const { id: sent } = await submit(gateway.url);
    await submit(gateway.url);
    await submit(gateway.url);
    const { id } = await submit(gateway.url);
    const example = exampleWith('graphql', 'mutation Cancel');
    expect(await perform(example, 'Cancel', { id })).toEqual({ cancelJob: { status: 'CANCELED' } });
    expect(await answerTo(example, 'Cancel', { id: sent })).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'CONFLICT' } }],
    });

    expect((await lookUp(gateway.url, sent)).status).toBe('QUEUED');
    for (const { id: providerId } of gateway.sandbox.jobs.slice(-3)) gateway.sandbox.finish(providerId);
    expect((await follow(gateway.url, sent)).at(-1)?.status).toBe('COMPLETED');
    const { history } = await lookUp(gateway.url, id);
    expect(history.map(({ status }) => status)).toEqual(['WAITING', 'CANCELED']);
  });
});

/** What each client's examples import or call; the first example, which submits, belongs to all. */
const CLIENTS = [
  ['Apollo Client', ["from 'graphql-ws'", "from '@apollo/client'"]],
  ['urql', ["from 'graphql-ws'", "from '@urql/core'"]],
  ['graphql-ws', ["from 'graphql-ws'", 'socket.iterate']],
  ['graphql-sse', ["from 'graphql-sse'"]],
] as const;

/** The examples, one below the other in one file. */
function program(parts: readonly string[]): string {
  const examples = ['submitFaceSwap', ...parts].map((part) => exampleWith('ts', part));
  return addressedTo(gateway, examples.join('\n'));
}

/** Hears what is given to `console.log`. The first state ends the job. */
class Listener {
  readonly states: Told[] = [];

  hear(said: string): void {
    const [state] = JSON.parse(said) as [Partial<Told> | null];
    if (state?.version === undefined) return;
    this.states.push(state as Told);
    if (this.states.length === 1) finishNewest();
  }

  get isDone(): boolean {
    return this.states.at(-1)?.status === 'COMPLETED';
  }
}

describe('a client in Node', () => {
  const AS_JSON = 'console.log = (...said) => process.stdout.write(JSON.stringify(said) + "\\n");';
  /** The two lines that the README has for Node 20. */
  const FOR_NODE_20 = /^( *)\/\/ (import \{ WebSocket \} from 'ws';|webSocketImpl: WebSocket,)$/gm;

  // The others use the connection of graphql-ws.
  const own = CLIENTS.filter(([name]) => name.startsWith('graphql'));

  /** Runs a program until `isDone`. */
  async function run(source: string, hear: (line: string) => void, isDone: () => boolean): Promise<void> {
    const file = join(folder, `${randomUUID()}.mjs`);
    const text = 'WebSocket' in globalThis ? source : source.replace(FOR_NODE_20, '$1$2');
    writeFileSync(file, transformSync(text, { loader: 'ts', target: 'node20' }).code);
    const child = spawn(process.execPath, ['--import', `data:text/javascript,${AS_JSON}`, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // It may end by itself.
    const closed = once(child, 'close');
    createInterface(child.stdout).on('line', hear);
    await expect.poll(isDone, { timeout: 40_000 }).toBe(true);
    child.kill();
    await closed;
  }

  it.each(own)('%s follows what it has submitted to its end', async (_name, parts) => {
    const listener = new Listener();
    await run(
      program(parts),
      (line) => listener.hear(line),
      () => listener.isDone,
    );
    expectResult(listener.states);
  });

  it('graphql-ws notices that its line has died, and follows on over another', async () => {
    const proxy = await startProxy(gateway.url);
    const [, parts] = CLIENTS[2];
    const [direct, proxied] = [gateway, proxy].map(({ url }) => `ws://${new URL(url).host}`);
    const source = program(parts).replace(direct ?? '', proxied ?? '');
    const states: Told[] = [];
    const hear = (line: string): void => {
      const [state] = JSON.parse(line) as [Told];
      if (states.push(state) > 1) return;
      // From the next ping on, this connection is silent for good; what happens then is told over the next one.
      proxy.toServer = () => {
        proxy.toServer = () => 'pass';
        finishNewest();
        return 'silence';
      };
    };
    await run(source, hear, () => states.at(-1)?.status === 'COMPLETED');
    expectResult(states);
    await proxy.stop();
  });
});

describe.skipIf(!isChromiumInstalled())('a client on a page at another port', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });

  it.each(CLIENTS)('%s follows what it has submitted to its end', async (_name, parts) => {
    const contents = program(parts);
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: ROOT, loader: 'ts' },
      bundle: true,
      format: 'esm',
      write: false,
    });
    const page = await browser.newPage();
    const listener = new Listener();
    await page.exposeFunction('hear', (said: string) => listener.hear(said));
    await page.addInitScript('console.log = (...said) => hear(JSON.stringify(said));');
    const site = await httpServer(text(200, '<title>A front end</title>', { 'content-type': 'text/html' }));
    await page.goto(site.url);
    await page.addScriptTag({ type: 'module', content: outputFiles[0]?.text ?? '' });
    await expect.poll(() => listener.isDone, { timeout: 40_000 }).toBe(true);
    expectResult(listener.states);
    await page.close();
    await site.close();
  });
});

describe.skipIf(!isChromiumInstalled())('two files on a page at another port', () => {
  it('become one picture', async () => {
    const [browser, site] = await Promise.all([
      launchChromium(),
      httpServer(
        text(200, '<input type="file" id="source"><input type="file" id="target">', {
          'content-type': 'text/html',
        }),
      ),
    ]);
    const page = await browser.newPage();
    await page.goto(site.url);
    for (const side of ['source', 'target']) {
      const sample = await fetch(`${gateway.sandbox.url}/samples/${side}-face.png`);
      const buffer = Buffer.from(await sample.arrayBuffer());
      await page.setInputFiles(`#${side}`, { name: `${side}.png`, mimeType: 'image/png', buffer });
    }
    await page.addScriptTag({ content: addressedTo(gateway, exampleWith('js', 'createUpload')) });
    const id: string = await page.evaluate('swap(source.files[0], target.files[0])');
    const end = (await followToEnd(id)).at(-1);
    expect(end?.status).toBe('COMPLETED');
    const result = await fetch(end?.result?.url ?? '');
    expect(result.headers.get('content-type')).toBe('image/png');
    await browser.close();
    await site.close();
  });
});

it("has no type errors in any client's examples", async () => {
  const files = CLIENTS.map(([name, parts]) => {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, program(parts));
    return file;
  });
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const module = ['--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2022'];
  const lib = ['--lib', 'es2022,dom,dom.iterable', '--types', ''];
  const args = [tsc, '--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', ...module, ...lib, ...files];
  const checking = promisify(execFile)(process.execPath, args);
  await expect(checking).resolves.toEqual({ stdout: '', stderr: '' });
});

it("keeps what several queries select of one job's result in Apollo's cache", () => {
  const [, options = ''] =
    /new InMemoryCache\((\{[\s\S]*?\n {2}\})\)/.exec(exampleWith('ts', "from '@apollo/client'")) ?? [];
  const cache = new InMemoryCache(new Function(`return ${options}`)());
  const write = (fields: string, result: object): void => {
    const job = { __typename: 'FaceSwapJob', id: '1', result: { __typename: 'JobResult', ...result } };
    cache.writeQuery({ query: gql`{ job(id: "1") { id result { ${fields} } } }`, data: { job } });
  };
  write('url', { url: 'https://example.com/a.png' });
  write('archived', { archived: true });
  const both = gql`{ job(id: "1") { id result { url archived } } }`;
  expect(cache.readQuery({ query: both })).toMatchObject({
    job: { result: { url: 'https://example.com/a.png', archived: true } },
  });
});

describe('its text', () => {
  it('follows over an event stream with curl', async () => {
    const { id } = await submit(gateway.url);
    const running = promisify(execFile)('sh', ['-c', addressedTo(gateway, exampleWith('sh', 'curl -N'))], {
      env: { ...process.env, ID: id },
    });
    running.child.stdout?.once('data', finishNewest);
    const { stdout } = await running;
    const events = [...stdout.matchAll(/^event: next\ndata: (.*)$/gm)];
    expectResult(events.map(([, data = '']) => JSON.parse(data).data.jobUpdated));
    expect(stdout).toMatch(/event: complete\ndata:\s*$/);
  });

  it('follows with an EventSource and a follow token', async () => {
    const { id } = await submit(gateway.url);
    const query = `mutation { createFollowToken(jobId: "${id}") { token } }`;
    const asked = ask<{ createFollowToken: { token: string } }, unknown>(gateway.url, query);
    const { token } = (await dataOf(asked)).createFollowToken;
    const listener = new Listener();
    const console = { log: (...said: unknown[]) => listener.hear(JSON.stringify(said)) };
    const example = addressedTo(gateway, exampleWith('js', 'new EventSource'));
    const run = new Function('EventSource', 'console', 'id', 'followToken', `${example} return events;`);
    const source: EventSource = run(EventSource, console, id, token);
    await until(() => source.readyState === source.CLOSED);
    expectResult(listener.states);
  });

  it('reconnects at most 15 seconds after a try, whatever the number of tries, and not all at once', async () => {
    const { code } = transformSync(program([]), { loader: 'ts' });
    const { retryWait } = await import(
      `data:text/javascript,${encodeURIComponent(`${code}export { retryWait };`)}`
    );
    const waits = vi.spyOn(globalThis, 'setTimeout');
    waits.mockImplementation(((done: () => void) => done()) as typeof setTimeout);
    const times: number[] = [];
    for (const retries of [0, 1, 2, 3, 4, 10, 100, 2000, 2000]) {
      await retryWait(retries);
      times.push(Number(waits.mock.lastCall?.[1]));
    }
    waits.mockRestore();
    const most = [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000, 15_000];
    for (const [i, limit] of most.entries()) {
      expect(times[i]).toBeLessThanOrEqual(limit);
      expect(times[i]).toBeGreaterThan((limit * 2) / 3 - 1);
    }
    expect(times.at(-1)).not.toBe(times.at(-2));
    finishNewest();

    const connecting = EXAMPLES.filter((example) => example.text.includes('createClient({'));
    expect(connecting).toHaveLength(2);
    for (const example of connecting) {
      expect(example.text).toContain('retryAttempts: Infinity');
      expect(example.text).toMatch(/^ +(?:retryWait|retry: retryWait),$/m);
    }
  });

  it('names the packages to install above each example that imports some, with what those need', () => {
    const isOptional = (one: Manifest, name: string) => one.peerDependenciesMeta?.[name]?.optional === true;
    let installed: string[] = [];
    for (const { language, introduction, text: source } of EXAMPLES) {
      if (language !== 'ts') continue;
      const named = [...introduction.matchAll(/npm install ([^<`]+)/g)].flatMap(([, names = '']) =>
        names.split(' '),
      );
      installed = [...installed, ...named];
      for (const [, name = ''] of source.matchAll(/^import .* from '((?:@[^/']+\/)?[^/']+)/gm)) {
        const manifest = manifestOf(name);
        const peers = Object.keys(manifest.peerDependencies ?? {}).filter(
          (one) => !isOptional(manifest, one),
        );
        expect(installed).toEqual(expect.arrayContaining([name, ...peers]));
      }
    }
    expect(installed.length).toBeGreaterThan(4);
  });

  it('says which setting lets a page on another port call a gateway that is not open', async () => {
    const [, origins = ''] = /CORS_ORIGINS=(\S+) npm start/.exec(README) ?? [];
    const env = { AUTH_API_KEYS: 'acme:acme-key' };
    const [closed, listed] = await Promise.all([
      startGateway({ env }),
      startGateway({ env: { ...env, CORS_ORIGINS: origins } }),
    ]);
    const origin = origins.split(',')[0] ?? '';
    expect(origin).toBe('http://localhost:5173');
    const allowedBy = async (url: string) => {
      const headers = { origin, 'access-control-request-method': 'POST' };
      const answer = await fetch(`${url}/graphql`, { method: 'OPTIONS', headers });
      return answer.headers.get('access-control-allow-origin');
    };
    expect(await Promise.all([gateway, closed, listed].map(({ url }) => allowedBy(url)))).toEqual([
      origin,
      null,
      origin,
    ]);
    await Promise.all([closed.stop(), listed.stop()]);
  });
});

interface Manifest {
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'));
}
