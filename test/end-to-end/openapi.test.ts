/** Compares what is actually sent with Akool's OpenAPI files, and with the examples that Akool publishes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.js';
import { exampleRequests, mistakesInAnswer, mistakesInRequest } from '../support/akool-schema.js';
import { akoolSettings } from '../support/akool-settings.js';
import { ask, dataOf, follow } from '../support/caller.js';

const PRO = '/api/open/v4/faceswap/faceswapByImage';
const PLUS = '/api/open/v4/faceswap/faceswapPlusByImage';
const DETECT = '/interface/detect-api/detect_faces';

type Json = Record<string, unknown>;

interface Exchange {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly sent: Json | null;
  readonly status: number;
  readonly answer: unknown;
}

const ends: (() => Promise<void> | void)[] = [];
const exchanges: Exchange[] = [];
let sandbox: Sandbox;
let url: string;

beforeAll(async () => {
  sandbox = createSandbox({ queueMs: 5, processMs: 5, maxConcurrency: 50, credit: 100_000 });
  await sandbox.start();
  ends.push(() => sandbox.stop());
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  const { config, secrets } = readConfig({
    PORT: '0',
    DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
    KEEP_RESULTS: 'false',
    DETECT_CACHE_MS: '0',
    PUBLIC_URL: 'http://127.0.0.1:9',
    ...akoolSettings(sandbox),
    AKOOL_BASE_URL: await listenIn(sandbox.url),
    AKOOL_MAX_CONCURRENCY: '50',
    POLL_AFTER_MS: '20',
  });
  const app = createApp(config, secrets, { log: pino({ level: 'silent' }) });
  ends.push(() => app.stop());
  ({ url } = await app.start());
});
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A proxy between the gateway and the sandbox that records all exchanges. */
async function listenIn(target: string): Promise<string> {
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { pathname, search } = new URL(incoming.url ?? '', target);
    const headers = {
      'x-api-key': String(incoming.headers['x-api-key']),
      ...(body !== '' && { 'content-type': 'application/json' }),
    };
    const method = incoming.method ?? 'GET';
    const answer = await fetch(target + pathname + search, { method, headers, ...(body !== '' && { body }) });
    const text = await answer.text();
    exchanges.push({
      method: method === 'GET' ? 'get' : 'post',
      path: pathname,
      sent: body === '' ? null : JSON.parse(body),
      status: answer.status,
      answer: JSON.parse(text),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function submit(mutation: 'submitFaceSwap' | 'submitFaceSwapPlus', input: object): Promise<Json> {
  const type = mutation === 'submitFaceSwap' ? 'SubmitFaceSwapInput' : 'SubmitFaceSwapPlusInput';
  const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { job { id status } } }`;
  const data = await dataOf(
    ask<Record<string, { job: { id: string; status: string } }>, unknown>(url, query, { input }),
  );
  expect(data[mutation]?.job.status).toBe('QUEUED');
  return sandbox.bills.at(-1)?.request ?? {};
}

async function detect(input: object): Promise<Json> {
  const query = 'query ($input: DetectFacesInput!) { detectFaces(input: $input) { frames { index } } }';
  await dataOf(ask(url, query, { input }));
  return exchanges.findLast(({ path }) => path === DETECT)?.sent ?? {};
}

/** The JSON objects in the page's text that are requests. */
function examplesOfPage(): Json[] {
  const page = readFileSync(new URL('../fixtures/akool/face-swap-pro.txt', import.meta.url), 'utf8');
  return [...page.matchAll(/^\{$[\s\S]*?^\}$/gm)]
    .map(([text]) => JSON.parse(text) as Json)
    .filter((example) => 'sourceImage' in example);
}

describe("Akool's printed examples", () => {
  const pro = [...examplesOfPage(), ...(exampleRequests(PRO) as Json[])];

  it('are found: four of the page, and those of the files', () => {
    expect(examplesOfPage()).toHaveLength(4);
    expect(exampleRequests(PRO)).toHaveLength(1);
    expect(exampleRequests(PLUS)).toHaveLength(2);
    expect(exampleRequests(DETECT)).toHaveLength(5);
  });

  it.each(pro.map((example, i) => [i + 1, example] as const))(
    'of Face Swap Pro go through with the same meaning: %i',
    async (_nth, example) => {
      const sent = await submit('submitFaceSwap', {
        sourceImage: example['sourceImage'],
        targetImage: example['targetImage'],
        ...('model_name' in example && { modelName: String(example['model_name']).toUpperCase() }),
        ...('face_enhance' in example && { faceEnhance: example['face_enhance'] }),
        ...('single_face_mode' in example && { singleFaceMode: example['single_face_mode'] }),
      });
      const { webhookUrl, ...meaning } = sent;
      expect(meaning).toEqual({ single_face_mode: false, ...example });
      expect(webhookUrl).toMatch(/^http:\/\/127\.0\.0\.1:9\/webhooks\/akool\/[\w-]+$/);
    },
  );

  it.each(exampleRequests(PLUS) as Json[])(
    'of Face Swap Plus go through with the same meaning: %#',
    async (example) => {
      const mappings = example['face_mapping'] as Record<string, Json>[] | undefined;
      const face = (info: Json | undefined): object => ({
        faceUrl: info?.['face_url'],
        bbox: info?.['bbox'],
      });
      const sent = await submit('submitFaceSwapPlus', {
        sourceUrl: example['source_url'],
        targetUrl: example['target_url'],
        ...('model_style' in example && { modelStyle: String(example['model_style']).toUpperCase() }),
        ...('face_enhance' in example && { faceEnhance: example['face_enhance'] }),
        ...('single_face_mode' in example && { singleFaceMode: example['single_face_mode'] }),
        ...(mappings && {
          faceMapping: mappings.map((mapping) => ({
            source: face(mapping['source_face_info']),
            target: face(mapping['target_face_info']),
          })),
        }),
      });
      const { webhookUrl: _webhookUrl, ...meaning } = sent;
      expect(meaning).toEqual({ model_style: 'realistic', face_enhance: false, ...example });
    },
  );

  it.each(exampleRequests(DETECT) as Json[])(
    'of face detection go through with the same meaning: %#',
    async (example) => {
      // The base64 in Akool's file is cut off with dots.
      const img =
        'img' in example
          ? `data:image/jpeg;base64,${Buffer.from('ffd8ffe000104a46494600', 'hex').toString('base64')}`
          : null;
      const sent = await detect({
        ...(img === null ? { url: example['url'] } : { image: img }),
        ...('num_frames' in example && { numFrames: example['num_frames'] }),
        ...('single_face' in example && { singleFace: example['single_face'] }),
      });
      // Face URLs are always requested: without them there are no crop landmarks.
      expect(sent).toEqual({
        single_face: false,
        ...example,
        ...(img !== null && { img }),
        return_face_url: true,
      });
    },
  );
});

it('every request of the gateway and every answer to it are as the files describe them', async () => {
  const at = (name: string): string => `https://example.com/${name}`;
  await submit('submitFaceSwap', {
    detectOpts: true,
    sourceImage: [{ path: at('größe [1].jpg'.replace(' ', '%20')) }],
    targetImage: Array.from({ length: 50 }, (_, i) => ({ path: at(`${i}.jpg?a=b&c=ü`) })),
  });
  const region = { x: 1.5, y: 2, width: 3, height: 4 };
  await submit('submitFaceSwapPlus', {
    sourceUrl: at('a.jpg'),
    targetUrl: at('clip.mp4'),
    modelStyle: 'LOSSLESS',
    faceMapping: [{ source: { faceUrl: at('a.jpg'), region }, target: { region } }],
  });
  await detect({ url: at('ä.mp4'), numFrames: 3, singleFace: true });
  await dataOf(ask(url, '{ account { credit } }'));
  const query = '{ jobs(first: 1) { edges { node { id } } } }';
  const { jobs } = await dataOf(ask<{ jobs: { edges: { node: { id: string } }[] } }, unknown>(url, query));
  const id = jobs.edges[0]?.node.id ?? '';
  await follow(url, id);
  await dataOf(ask(url, `mutation { deleteJob(id: "${id}") }`));
  await expect
    .poll(() => exchanges.map(({ path }) => path))
    .toContain('/api/open/v3/faceswap/result/delbyids');

  const mistakes = exchanges.flatMap(({ method, path, sent, status, answer }) => [
    ...(sent === null ? [] : mistakesInRequest(path, sent)),
    ...mistakesInAnswer(path, method, status, answer),
  ]);
  expect(mistakes).toEqual([]);
  expect(new Set(exchanges.map(({ path }) => path.split('/').at(-1)))).toEqual(
    new Set(['faceswapByImage', 'faceswapPlusByImage', 'listbyids', 'info', 'delbyids', 'detect_faces']),
  );
});
