/** The client in a real page of another origin: its storage, its locks, its uploads, and a reload. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isChromiumInstalled, launchChromium } from '../../../test/support/chromium.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import type { LocalServer } from '../../../test/support/local-server.js';
import { noise } from '../../../test/support/uploads.js';
import { frontEnd, ready } from './front-end.js';
import { ADDRESSES, closeClients, newClient } from './support.js';

describe.skipIf(!isChromiumInstalled())('in a browser', () => {
  let browser: Browser;
  let front: LocalServer;
  let gateway: TestGateway;
  let context: BrowserContext;

  beforeAll(async () => {
    [browser, front, gateway] = await Promise.all([launchChromium(), frontEnd(), startGateway()]);
  });
  afterAll(async () => {
    await browser?.close();
    await front?.close();
    await gateway?.stop();
  });
  beforeEach(async () => {
    context = await browser.newContext();
  });
  afterEach(async () => {
    closeClients();
    await context.close();
  });

  async function open(): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${front.url}/?gateway=${gateway.url}`);
    await ready(page);
    return page;
  }
  const found = async (reference: string) =>
    (await newClient(gateway.url).jobs({ filter: { reference } })).jobs.map(({ id }) => id);
  const stored = (page: Page) => page.evaluate(() => localStorage.length);

  it('sends a file with progress, and shows its result', async () => {
    const page = await open();
    const png = noise(300_000);
    await page.evaluate((base64) => window.submitFile(base64, 'file'), png.toString('base64'));
    const result = await page.evaluate(() => window.swap?.result({ archived: true }));
    expect(result).toMatchObject({ archived: true, thumbnailUrl: expect.any(String) });
    const progress = await page.evaluate(() => window.progress);
    expect(progress.at(-1)).toEqual({ loaded: png.length, total: png.length });
    expect(await page.evaluate(() => window.faceSwap.connection.getSnapshot())).toBe('idle');
    expect(await stored(page)).toBe(0);
  });

  it('sends again what was not answered before a reload, and the gateway bills it once', async () => {
    const page = await open();
    let arrived = (): void => {};
    const sent = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    // The first one is stored, and its answer never comes.
    let isLost = false;
    await page.route('**/graphql', async (route) => {
      if (isLost || !route.request().postData()?.includes('submitFaceSwap')) return route.continue();
      isLost = true;
      await route.fetch();
      arrived();
    });
    await page.evaluate(() => window.submit('reloaded'));
    await sent;
    expect(await stored(page)).toBe(1);
    const reloadedAt = performance.now();
    await page.reload();
    await ready(page);
    await page.waitForFunction(() => window.faceSwap.resumed.getSnapshot().length === 1);
    const ids = await page.evaluate(() => window.resumed());
    // On a busy machine; it takes some 100 ms.
    expect(performance.now() - reloadedAt).toBeLessThan(15_000);
    expect(await found('reloaded')).toEqual(ids);
    expect(await stored(page)).toBe(0);
  });

  it('leaves what another tab is sending to that tab, until it is closed', async () => {
    const [first, second] = [await open(), await open()];
    let arrived = (): void => {};
    const sent = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await first.route('**/uploads/**', () => arrived());
    const png = noise(3000);
    await first.evaluate((base64) => window.submitFile(base64, 'of another tab'), png.toString('base64'));
    await sent;
    await second.reload();
    await ready(second);
    expect(await stored(second)).toBe(1);
    // It has asked for the lock, and waits.
    await second.waitForFunction(async () => (await navigator.locks.query()).pending?.length === 1);
    expect(await second.evaluate(() => window.resumed())).toEqual([]);
    await first.close();
    await second.waitForFunction(() => window.faceSwap.resumed.getSnapshot().length === 1);
    expect(await second.evaluate(() => window.resumed())).toEqual(['interrupted']);
    expect(await stored(second)).toBe(0);
    expect(await found('of another tab')).toEqual([]);
  });

  it('sees at once what happened while the browser was offline', async () => {
    const page = await open();
    await page.evaluate(() => {
      window.list = window.faceSwap.followAll({ filter: { reference: 'meanwhile' } });
      window.list.subscribe(() => {});
    });
    const state = () => page.evaluate(() => window.faceSwap.connection.getSnapshot());
    const shown = () =>
      page.evaluate(() => window.list?.getSnapshot().jobs.map(({ id, status }) => [id, status]));
    await expect.poll(state).toBe('live');
    await context.setOffline(true);
    await expect.poll(state).toBe('offline');
    const swap = newClient(gateway.url).submit({ ...ADDRESSES, reference: 'meanwhile' });
    await swap.result();
    expect(await shown()).toEqual([]);
    await context.setOffline(false);
    await expect.poll(shown).toEqual([[await swap.id, 'COMPLETED']]);
    await expect.poll(state).toBe('live');
  });
});
