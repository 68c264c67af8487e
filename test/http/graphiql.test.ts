/** GraphiQL for a newcomer: a real Chromium, the real server, and no internet. */
import { mkdir } from 'node:fs/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, dataOf, follow } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { startGateway } from '../support/harness.js';
import { README } from '../support/readme.js';

describe.skipIf(!isChromiumInstalled())('GraphiQL in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let gateway: Awaited<ReturnType<typeof startGateway>>;
  let context: BrowserContext;
  let page: Page;
  let outside: string[];
  let complaints: string[];

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([
      launchChromium(),
      // Slow enough to press the next button by hand before the job is done.
      startGateway({ sandbox: { queueMs: 2000, processMs: 1000 } }),
    ]);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    outside = [];
    complaints = [];
    await context.route(isOutside, (route) => {
      outside.push(route.request().url());
      return route.abort();
    });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(message.text().slice(0, 500));
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`${gateway.url}/graphiql`);
    await page.getByText('submitFaceSwap').first().waitFor();
  });

  afterEach(async () => {
    await context.close();
  });

  /** Results are on the gateway or on its sandbox: this machine, on another port. */
  function isOutside(url: URL): boolean {
    const isPicture = url.hostname === new URL(gateway.url).hostname;
    return ['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol) && !isPicture;
  }

  test('submits the example and follows it live to its picture', async () => {
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));

    await execute(page, 'Submit');
    await expect.poll(() => answer(page)).toHaveProperty('data.submitFaceSwap.job.id');
    expect(sockets).toEqual([]);
    const id = jobId(await answer(page));
    await expect.poll(() => textOf(page, 'variables.json')).toContain(id);

    await watchAnswers(page);
    await page.getByRole('button', { name: 'Follow this job' }).click();
    await expect
      .poll(() => answer(page), { timeout: 30_000 })
      .toHaveProperty('data.jobUpdated.status', 'COMPLETED');

    const seen = await seenStatuses(page);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toBe('COMPLETED');
    expect(sockets).toEqual([`${gateway.url.replace('http', 'ws')}/graphql`]);
    await page.locator('.result-window', { hasText: 'COMPLETED' }).waitFor();

    const picture = page.getByAltText('Result of the face swap');
    await expect
      .poll(() => picture.evaluate((image) => 'naturalWidth' in image && image.naturalWidth))
      .toBeGreaterThan(1);
    // Once the subscription completes, the button is back.
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
    await screenshot(page, 'graphiql-completed');
    expect({ outside, complaints }).toEqual({ outside: [], complaints: [] });
  });

  test('runs the operation at the cursor, and typed queries, by Ctrl-Enter', async () => {
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => answer(page)).toHaveProperty('data.jobs.edges');

    await page.getByRole('button', { name: 'New tab' }).click();
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.insertText('{ __typename }');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => answer(page)).toEqual({ data: { __typename: 'Query' } });
    expect({ outside, complaints }).toEqual({ outside: [], complaints: [] });
  });

  test('shows the video of a finished job as a video', async () => {
    const input = {
      sourceUrl: 'https://example.com/a.jpg',
      targetUrl: 'https://example.com/b.mp4',
      singleFaceMode: true,
    };
    const { submitFaceSwapPlus } = await dataOf(
      ask<{ submitFaceSwapPlus: { job: { id: string } } }, object>(
        gateway.url,
        'mutation ($input: SubmitFaceSwapPlusInput!) { submitFaceSwapPlus(input: $input) { job { id } } }',
        { input },
      ),
    );
    const { id } = submitFaceSwapPlus.job;
    const url = (await follow(gateway.url, id)).at(-1)?.result?.url;
    await page.getByRole('button', { name: 'New tab' }).click();
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.insertText(`{ job(id: "${id}") { result { url } } }`);
    await page.keyboard.press('Control+Enter');
    const video = page.locator('video');
    await video.waitFor();
    expect(await video.getAttribute('src')).toBe(url);
    await expect
      .poll(() => video.evaluate((element) => 'readyState' in element && element.readyState))
      .toBeGreaterThan(0);
    expect(complaints).toEqual([]);
  });

  test('knows the schema: docs open, a wrong field is marked', async () => {
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByRole('link', { name: 'Mutation', exact: true }).click();
    await page.getByText('Face swap', { exact: false }).first().waitFor();

    await page.getByRole('button', { name: 'New tab' }).click();
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.insertText('{ nothingLikeThis }');
    await page.locator('.squiggly-error').first().waitFor();
    expect({ outside, complaints }).toEqual({ outside: [], complaints: [] });
  });

  test('gives the Authorization header of the headers editor to the socket', async () => {
    const sent: string[] = [];
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(String(payload))));
    await page.getByRole('button', { name: 'Headers' }).click();
    await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden)').click();
    const [headers = ''] = /\{"Authorization": [^}]*\}/.exec(README) ?? [];
    await page.keyboard.insertText(headers);
    await execute(page, 'Follow');
    await expect
      .poll(() => sent.map((frame): unknown => JSON.parse(frame)))
      .toContainEqual({ type: 'connection_init', payload: { authorization: 'Bearer KEY' } });
  });

  test('renews the samples of the kept example when they have moved', async () => {
    const samples = await page.evaluate(() => {
      const { localStorage } = globalThis as unknown as PageGlobal;
      const [source, target]: [string, string] = JSON.parse(localStorage['gateway:samples'] ?? '');
      for (const [key, value] of Object.entries(localStorage)) {
        localStorage[key] = value
          .replaceAll(source, 'http://moved/source')
          .replaceAll(target, 'http://moved/target');
      }
      return [source, target];
    });
    await page.reload();
    await expect.poll(() => textOf(page, 'operation.graphql')).toContain('mutation Submit');
    const example = await textOf(page, 'operation.graphql');
    for (const sample of samples) expect(example).toContain(`"${sample}"`);
    expect(example).not.toContain('http://moved');
  });

  test('is served with a strict policy, and its files for good', async () => {
    const response = await fetch(`${gateway.url}/graphiql`);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self';/);
    const html = await response.text();
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);

    const script = /src="(graphiql\/assets\/[^"]+)"/.exec(html)?.[1];
    const asset = await fetch(`${gateway.url}/${script}`);
    expect(asset.status).toBe(200);
    expect(asset.headers.get('content-type')).toMatch(/^(text|application)\/javascript/);
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(asset.headers.get('content-encoding')).toBe('gzip');
    expect((await fetch(`${gateway.url}/graphiql/assets/..%2findex.html`)).status).toBeGreaterThanOrEqual(
      400,
    );
  });
});

/** Presses ▶ and chooses an operation of the document. */
async function execute(page: Page, operation: string): Promise<void> {
  await page.getByRole('button', { name: /^Execute query/ }).click();
  await page.getByRole('menuitem', { name: operation, exact: true }).click();
}

/** The whole text of one of GraphiQL's editors; the DOM contains only the visible lines. */
function textOf(page: Page, file: string): Promise<string> {
  return page.evaluate((name) => {
    const { __MONACO } = globalThis as unknown as PageGlobal;
    return (
      __MONACO.editor
        .getModels()
        .find(({ uri }) => uri.path.endsWith(name))
        ?.getValue() ?? ''
    );
  }, file);
}

async function answer(page: Page): Promise<unknown> {
  const text = await textOf(page, 'response.json');
  return text === '' ? undefined : JSON.parse(text);
}

function jobId(submitted: unknown): string {
  const { data } = submitted as { data: { submitFaceSwap: { job: { id: string } } } };
  return data.submitFaceSwap.job.id;
}

/** Records every status that the response pane shows from now on. */
async function watchAnswers(page: Page): Promise<void> {
  await page.evaluate(() => {
    const global = globalThis as unknown as PageGlobal;
    const model = global.__MONACO.editor.getModels().find(({ uri }) => uri.path.endsWith('response.json'));
    global.seenStatuses = [];
    model?.onDidChangeContent(() => {
      const status = /"status": "(\w+)"/.exec(model.getValue())?.[1];
      if (status !== undefined) global.seenStatuses.push(status);
    });
  });
}

function seenStatuses(page: Page): Promise<string[]> {
  return page.evaluate(() => (globalThis as unknown as PageGlobal).seenStatuses);
}

interface PageGlobal {
  localStorage: Record<string, string>;
  seenStatuses: string[];
  __MONACO: { editor: { getModels(): MonacoModel[] } };
}

interface MonacoModel {
  uri: { path: string };
  getValue(): string;
  onDidChangeContent(listener: () => void): void;
}

/** Saved for the README if SCREENSHOTS names a folder. */
async function screenshot(page: Page, name: string): Promise<void> {
  const directory = process.env['SCREENSHOTS'];
  if (directory === undefined) return;
  await mkdir(directory, { recursive: true });
  await page.screenshot({ path: `${directory}/${name}.png` });
}
