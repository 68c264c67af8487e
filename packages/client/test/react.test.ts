/** The hooks in a real Chromium, in StrictMode, against a real gateway: one page, reloaded where that matters. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page as Tab } from 'playwright-core';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, dataOf, submit } from '../../../test/support/caller.js';
import { isChromiumInstalled, launchChromium } from '../../../test/support/chromium.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { httpServer, type LocalServer } from '../../../test/support/local-server.js';
import { CANCEL } from '../../../test/support/operations.js';
import { startProxy } from '../../../test/support/tcp-proxy.js';
import { Page, type Rendered } from './react-hydrated.js';
import { closeClients, newClient } from './support.js';

const PAGE = '<!doctype html><body><script type="module" src="/page.js"></script>';

async function scriptOf(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    write: false,
    // StrictMode does nothing in production.
    define: { 'process.env.NODE_ENV': '"development"' },
  });
  return outputFiles[0]?.text ?? '';
}

describe.skipIf(!isChromiumInstalled())('the hooks', () => {
  let gateway: TestGateway;
  let site: LocalServer;
  let browser: Browser;
  let page: Tab;
  const complaints: string[] = [];
  /** By path; all else is the page of the hooks. */
  const served = new Map<string, string>();
  /** What the page has subscribed to. */
  let subscriptions: string[];
  /** What it has shown to open its sockets. */
  let credentials: unknown[];

  beforeAll(async () => {
    served.set('/page.js', await scriptOf("import { start } from './react-page.js'; start();"));
    [gateway, browser, site] = await Promise.all([
      startGateway({ sandbox: { queueMs: 600_000 } }),
      launchChromium(),
      httpServer(({ path }, response) => {
        const isScript = path.endsWith('.js');
        response.setHeader('content-type', isScript ? 'text/javascript; charset=utf-8' : 'text/html');
        response.end(served.get(path) ?? PAGE);
      }),
    ]);
    page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('websocket', (socket) =>
      socket.on('framesent', ({ payload }) => {
        const { type, payload: operation } = JSON.parse(String(payload));
        if (type === 'subscribe') subscriptions.push(operation.query);
        if (type === 'connection_init') credentials.push(operation?.authorization);
      }),
    );
  });
  beforeEach(() => {
    subscriptions = [];
    credentials = [];
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await gateway?.stop();
  });

  const open = (more = {}) => {
    const url = `${gateway.url}/graphql`;
    const picture = `${gateway.sandbox.url}/samples/target-face.png`;
    return page.goto(`${site.url}/?${new URLSearchParams({ url, picture, ...more })}`);
  };
  const shown = (id: string) => page.locator(`#${id}`).textContent();
  const statusOf = async () => (await shown('job'))?.split(' ')[1];
  const choose = async (id: string) => {
    const sample = await fetch(`${gateway.sandbox.url}/samples/source-face.png`);
    const buffer = Buffer.from(await sample.arrayBuffer());
    await page.locator(`#${id}`).setInputFiles({ name: 'face.png', mimeType: 'image/png', buffer });
  };
  const naturalWidth = (image: Element) => (image as HTMLImageElement).naturalWidth;
  const finishAll = () => {
    for (const { id } of gateway.sandbox.jobs) gateway.sandbox.finish(id);
  };

  it('swap two files, and follow one job once, however many components look', async () => {
    await open();
    await choose('source');
    await choose('target');
    await page.locator('#submit').click();
    await expect.poll(statusOf).toBe('QUEUED');
    expect(await shown('state')).toBe('busy');
    expect(Number(await shown('sent'))).toBeGreaterThan(1000);
    await expect.poll(() => page.locator('.follower').allTextContents()).toEqual(Array(3).fill('QUEUED'));
    finishAll();
    await expect.poll(() => page.locator('.follower').allTextContents()).toEqual(Array(3).fill('COMPLETED'));
    await expect.poll(() => page.locator('#result').evaluate(naturalWidth)).toBeGreaterThan(0);
    expect(await shown('state')).toBe('');
    expect(subscriptions.filter((query) => query.includes('jobUpdated'))).toHaveLength(1);
  });

  it('show after a reload the job that this tab showed, and follow it on', async () => {
    await open();
    await page.locator('#submit').click();
    await expect.poll(statusOf).toBe('QUEUED');
    const before = await shown('job');
    await open();
    await expect.poll(() => shown('job')).toBe(before);
    await page.locator('#toggle').click();
    await page.locator('#toggle').click();
    await expect.poll(() => shown('job')).toBe(before);
    finishAll();
    await expect.poll(statusOf).toBe('COMPLETED');
    await page.locator('#reset').click();
    expect(await shown('job')).toBe('');
    await open();
    await expect.poll(() => shown('connection')).toBe('idle');
    expect(await shown('job')).toBe('');
  });

  it('go on after a reload with a submit that was not answered, and pay once', async () => {
    await open();
    const paid = gateway.sandbox.bills.length;
    const gate = gateway.sandbox.hold('submit');
    await page.locator('#submit').click();
    await gate.arrived;
    await open();
    await expect.poll(() => shown('state')).toBe('busy');
    gate.release();
    await expect.poll(statusOf).toBe('QUEUED');
    finishAll();
    await expect.poll(statusOf).toBe('COMPLETED');
    expect(gateway.sandbox.bills).toHaveLength(paid + 1);
    await page.locator('#reset').click();
  });

  it('say after a reload that files were still on their way', async () => {
    const proxy = await startProxy(gateway.url);
    const url = new URL('/graphql', proxy.url).href;
    await open({ url });
    await choose('source');
    await proxy.become('silent');
    await page.locator('#submit').click();
    await expect.poll(() => shown('state')).toBe('busy');
    await open({ url });
    await expect.poll(() => shown('interrupted')).toMatch(/./);
    expect(await shown('state')).toBe('');
    await page.locator('#reset').click();
    expect(await shown('interrupted')).toBe('');
    await proxy.stop();
  });

  it('say what is wrong with an input, and that a job was canceled', async () => {
    await open();
    await page.locator('#refused').click();
    await expect.poll(() => shown('state')).toMatch('BAD_USER_INPUT');
    const ahead = [await submit(gateway.url), await submit(gateway.url), await submit(gateway.url)];
    expect(ahead.map(({ status }) => status)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
    await page.locator('#submit').click();
    await expect.poll(statusOf).toBe('WAITING');
    await page.locator('#cancel').click();
    await expect.poll(() => shown('state')).toBe('JobFailed CANCELED');
    await page.locator('#reset').click();
    expect(await shown('state')).toBe('');
    finishAll();
  });

  it('keep a list right: new jobs, positions, deletions, and more pages', async () => {
    const rows = () => page.locator('li').allTextContents();
    const newest = async () => (await rows()).slice(0, 3);
    await expect.poll(() => gateway.sandbox.concurrency).toBe(0);
    for (let place = 0; place < 3; place++) await submit(gateway.url);
    await open({ list: '' });
    await expect.poll(newest).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
    const { id } = await submit(gateway.url);
    await submit(gateway.url);
    await expect.poll(newest).toEqual(['WAITING 2', 'WAITING 1', 'QUEUED']);
    await dataOf(ask(gateway.url, CANCEL, { id }));
    await expect.poll(newest).toEqual(['WAITING 1', 'CANCELED', 'QUEUED']);
    await dataOf(ask(gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id }));
    await expect.poll(newest).toEqual(['WAITING 1', 'QUEUED', 'QUEUED']);
    await page.locator('#more').click();
    await expect.poll(async () => (await rows()).length).toBeGreaterThan(5);
    expect(subscriptions.filter((query) => query.includes('jobsChanged'))).toHaveLength(1);
    await page.locator('#toggle').click();
    await expect.poll(() => shown('connection')).toBe('idle');
    finishAll();
  });

  it('show that a job was deleted', async () => {
    const { id } = await submit(gateway.url);
    await open({ job: id, list: '' });
    await expect.poll(() => shown('guest')).toBe('QUEUED');
    finishAll();
    await expect.poll(() => shown('guest')).toBe('COMPLETED');
    await dataOf(ask(gateway.url, 'mutation ($id: ID!) { deleteJob(id: $id) }', { id }));
    await expect.poll(() => shown('guest')).toBe('NOT_FOUND');
  });

  it('follow a job with a token for it alone', async () => {
    const { id } = await submit(gateway.url);
    const query = 'mutation ($id: ID!) { createFollowToken(jobId: $id) { token } }';
    const { createFollowToken } = await dataOf(
      ask<{ createFollowToken: { token: string } }, { id: string }>(gateway.url, query, { id }),
    );
    const { token } = createFollowToken;
    await open({ job: id, token });
    await expect.poll(() => shown('guest')).toBe('QUEUED');
    finishAll();
    await expect.poll(() => shown('guest')).toBe('COMPLETED');
    expect(credentials).toEqual([`Bearer ${token}`]);
  });

  it('upload a file, and say why one is not taken', async () => {
    await open();
    await choose('upload');
    await expect.poll(() => shown('uploaded')).toMatch(`${gateway.url}/uploads/`);
    const buffer = Buffer.from('This is no picture.');
    await page.locator('#upload').setInputFiles({ name: 'face.png', mimeType: 'image/png', buffer });
    await expect.poll(() => shown('uploaded')).toMatch(/MEDIA_/);
  });

  it('compare two pictures by keyboard, mouse and finger', async () => {
    await open();
    const slider = page.getByRole('slider', { name: 'Compare' });
    const at = async () => Number(await slider.getAttribute('aria-valuenow'));
    expect(await at()).toBe(50);
    await slider.focus();
    for (const [key, position] of [
      ['ArrowRight', 52],
      ['ArrowDown', 50],
      ['End', 100],
      ['ArrowUp', 100],
      ['Home', 0],
    ] as const) {
      await slider.press(key);
      expect([key, await at()]).toEqual([key, position]);
    }
    expect(await slider.getAttribute('aria-valuetext')).toBe('Before 0 %');
    const picture = page.locator('[data-part="after"]');
    await expect.poll(() => picture.evaluate(naturalWidth)).toBeGreaterThan(0);
    const box = await picture.boundingBox();
    if (box === null) throw new Error('There is no picture');
    const middle = box.y + box.height / 2;
    await page.mouse.move(box.x + 50, middle);
    await page.mouse.down();
    expect(await at()).toBe(25);
    await page.mouse.move(box.x + 500, middle);
    await expect.poll(at).toBe(100);
    await page.mouse.move(box.x + 150, middle);
    await page.mouse.up();
    await expect.poll(at).toBe(75);
    await page.mouse.move(box.x + 10, middle);
    expect(await at()).toBe(75);
    const session = await page.context().newCDPSession(page);
    const touch = (type: string, x?: number) =>
      session.send('Input.dispatchTouchEvent', {
        type: type as 'touchStart',
        touchPoints: x === undefined ? [] : [{ x: box.x + x, y: middle }],
      });
    await touch('touchStart', 150);
    await touch('touchMove', 120);
    await touch('touchMove', 80);
    await touch('touchEnd');
    await expect.poll(at).toBe(40);
    // As when the finger turns out to scroll, or to be one of two that zoom.
    await touch('touchStart', 20);
    await expect.poll(at).toBe(10);
    await touch('touchCancel');
    await expect.poll(at).toBe(40);
  });

  it('go on in a browser with what a server has rendered', async () => {
    const { id } = await submit(gateway.url);
    const client = newClient(gateway.url);
    const initial = await client.job(id);
    if (initial === null) throw new Error('There is no job');
    const html = renderToString(createElement(Page, { client, initial }));
    closeClients();
    expect(html).toContain('>QUEUED<');
    const rendered = JSON.stringify({ url: `${gateway.url}/graphql`, initial } satisfies Rendered);
    const script = await scriptOf("export { hydrate } from './react-hydrated.js';");
    served.set('/hydrate.js', script);
    served.set(
      '/rendered',
      `<!doctype html><meta charset="utf-8"><main>${html}</main><script type="module">
        import { hydrate } from '/hydrate.js';
        hydrate(document.querySelector('main'), ${rendered});</script>`,
    );
    await page.goto(`${site.url}/rendered`);
    await expect.poll(() => shown('list')).toMatch(/^QUEUED,/);
    finishAll();
    await expect.poll(() => shown('job')).toBe('COMPLETED');
  });

  it('never make React complain', () => {
    // The browser tells of refused requests, and of sockets that a reload interrupts.
    const isOfNetwork = (text: string) => /^(?:Failed to load resource|WebSocket connection)/.test(text);
    expect(complaints.filter((text) => !isOfNetwork(text))).toEqual([]);
  });
});
