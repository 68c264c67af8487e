/** GraphiQL for a newcomer: a real Chromium, the real server, and no internet. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, dataOf, follow } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { GraphiqlPage } from '../support/graphiql-page.js';
import { startGateway } from '../support/harness.js';
import { README } from '../support/readme.js';
import { screenshot } from '../support/screenshot.js';

describe.skipIf(!isChromiumInstalled())('GraphiQL in Chromium', { timeout: 120_000 }, () => {
  let browser: Browser;
  let gateway: Awaited<ReturnType<typeof startGateway>>;
  let graphiql: GraphiqlPage;
  let page: Page;

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([
      launchChromium(),
      // Jobs end when a test ends them.
      startGateway({ sandbox: { queueMs: 3_600_000 } }),
    ]);
    graphiql = await GraphiqlPage.open(browser, gateway.url);
    page = graphiql.page;
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  function finishLastJob(): void {
    const { sandbox } = gateway;
    sandbox.finish(sandbox.jobs.at(-1)?.id ?? '');
  }

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
    await expect.poll(() => graphiql.textOf('operation.graphql')).toContain('mutation Submit');
    const example = await graphiql.textOf('operation.graphql');
    for (const sample of samples) expect(example).toContain(`"${sample}"`);
    expect(example).not.toContain('http://moved');
  });

  test('shows the operation of a link to /graphql, and runs it only when told to', async () => {
    const query = 'query Linked($n: Int!) { jobs(first: $n) { edges { cursor } } }';
    const bodies: string[] = [];
    const linked = await GraphiqlPage.open(browser, gateway.url, {
      address: `graphql?${new URLSearchParams({ query, variables: '{ "n": 7 }' })}`,
      prepare: async (opened) => {
        opened.on('request', (request) => bodies.push(request.postData() ?? ''));
      },
    });
    const sent = () => bodies.filter((body) => body.includes('Linked')).map((body) => JSON.parse(body));
    expect(await linked.textOf('operation.graphql')).toBe(query);
    const variables = linked.page.locator('.graphiql-editor-tool');
    await expect.poll(() => variables.innerText()).toMatch(/"n":\s7/);
    expect(sent()).toEqual([]);
    await linked.execute();
    await expect.poll(() => linked.answer()).toHaveProperty('data.jobs.edges');
    expect(sent()).toMatchObject([{ query, variables: { n: 7 } }]);
    await linked.close();
  });

  test('submits the example and follows it live to its picture', async () => {
    await graphiql.execute('Submit');
    await expect.poll(() => graphiql.answer()).toHaveProperty('data.submitFaceSwap.job.id');
    expect(graphiql.sockets).toEqual([]);

    await page.getByRole('button', { name: 'Follow this job' }).click();
    const status = 'data.jobUpdated.status';
    await expect.poll(() => graphiql.answer()).toHaveProperty(status, 'QUEUED');
    finishLastJob();
    await expect.poll(() => graphiql.answer()).toHaveProperty(status, 'COMPLETED');
    expect(graphiql.sockets).toEqual([`${gateway.url.replace('http', 'ws')}/graphql`]);
    await page.locator('.result-window', { hasText: 'COMPLETED' }).waitFor();

    const picture = page.getByAltText('Result of the face swap');
    await expect
      .poll(() => picture.evaluate((image) => 'naturalWidth' in image && image.naturalWidth))
      .toBeGreaterThan(1);
    // Once the subscription completes, the button is back.
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
    await screenshot(page, 'graphiql-completed');
    expectQuiet(graphiql);
  });

  test('runs the operation at the cursor, and typed queries, by Ctrl-Enter', async () => {
    await page.locator('.graphiql-tab').first().click();
    // It knows the operations of the tab as soon as ▶ offers them.
    const offers = page.locator('[aria-haspopup="menu"]');
    await page
      .getByRole('button', { name: /^Execute query/ })
      .and(offers)
      .waitFor();
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => graphiql.answer()).toHaveProperty('data.jobs.edges');

    await graphiql.startOver();
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.insertText('{ __typename }');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => graphiql.answer()).toEqual({ data: { __typename: 'Query' } });
    expectQuiet(graphiql);
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
    finishLastJob();
    const url = (await follow(gateway.url, id)).at(-1)?.result?.url;
    await graphiql.startOver();
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.insertText(`{ job(id: "${id}") { result { url } } }`);
    await page.keyboard.press('Control+Enter');
    const video = page.locator('video');
    await video.waitFor();
    expect(await video.getAttribute('src')).toBe(url);
    await expect
      .poll(() => video.evaluate((element) => 'readyState' in element && element.readyState))
      .toBeGreaterThan(0);
    expectQuiet(graphiql);
  });

  test('gives the Authorization header of the headers editor to the socket', async () => {
    await graphiql.startOver();
    const sent: string[] = [];
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(String(payload))));
    const [headers = ''] = /\{"Authorization": [^}]*\}/.exec(README) ?? [];
    await graphiql.fill('Headers', JSON.parse(headers));
    await graphiql.paste('subscription { jobsUpdated { id } }');
    await graphiql.execute();
    await expect
      .poll(() => sent.map((frame): unknown => JSON.parse(frame)))
      .toContainEqual({ type: 'connection_init', payload: { authorization: 'Bearer KEY' } });
  });

  test('wraps long URLs, and fits on a phone', async () => {
    await graphiql.startOver();
    await page.setViewportSize({ width: 390, height: 844 });
    const long = `https://example.com/${'very-long/'.repeat(30)}face.png`;
    await graphiql.fill('Headers', { note: long });
    await expect.poll(() => graphiql.overflows()).toEqual([0, 0, 0]);
    await graphiql.fill('Variables', { long });
    await graphiql.paste(`mutation ($long: URL!) {
  submitFaceSwap(input: { sourceImage: [{ path: "${long}" }], targetImage: [{ path: $long }] }) {
    job { id sourceImage { path } }
  }
}`);
    await graphiql.execute();
    await page.getByRole('button', { name: 'Follow this job' }).waitFor();
    expect(await graphiql.textOf('response.json')).toContain(long);
    await expect.poll(() => graphiql.overflows()).toEqual([0, 0, 0]);

    const editor = await page.locator('.graphiql-query-editor').boundingBox();
    const answer = await page.locator('.result-window').boundingBox();
    for (const pane of [editor, answer]) expect(pane?.width).toBeGreaterThan(350);
    expect(answer?.y).toBeGreaterThan((editor?.y ?? 0) + (editor?.height ?? 0));
    // Nothing lies over the buttons at the bottom.
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByRole('link', { name: 'Mutation', exact: true }).waitFor();
    expect(await page.evaluate('[scrollX, scrollY]')).toEqual([0, 0]);
    await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
    await page.setViewportSize({ width: 1400, height: 900 });
    expectQuiet(graphiql);
  });

  test('knows the schema: docs open, a wrong field is marked', async () => {
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByRole('link', { name: 'Mutation', exact: true }).click();
    await page.getByText('Face swap', { exact: false }).first().waitFor();

    await graphiql.startOver();
    await page.locator('.graphiql-query-editor').click();
    await page.keyboard.insertText('{ nothingLikeThis }');
    await page.locator('.squiggly-error').first().waitFor();
    expectQuiet(graphiql);
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

function expectQuiet({ outside, complaints }: GraphiqlPage): void {
  expect({ outside, complaints }).toEqual({ outside: [], complaints: [] });
}

interface PageGlobal {
  localStorage: Record<string, string>;
}
