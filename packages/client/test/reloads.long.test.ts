/** A page that is loaded again at any moment of a submit. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isChromiumInstalled, launchChromium } from '../../../test/support/chromium.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import type { LocalServer } from '../../../test/support/local-server.js';
import { frontEnd, ready } from './front-end.js';
import { closeClients, newClient } from './support.js';

const RELOADS = 50;

describe.skipIf(!isChromiumInstalled())('a page', () => {
  let browser: Browser;
  let front: LocalServer;
  let gateway: TestGateway;

  beforeAll(async () => {
    [browser, front, gateway] = await Promise.all([launchChromium(), frontEnd(), startGateway()]);
  });
  afterEach(closeClients);
  afterAll(async () => {
    await browser?.close();
    await front?.close();
    await gateway?.stop();
  });

  it(`makes one job of each submit, though the page is loaded again at ${RELOADS} moments`, async () => {
    const page = await browser.newPage();
    await page.goto(`${front.url}/?gateway=${gateway.url}`);
    await ready(page);
    for (let moment = 0; moment < RELOADS; moment++) {
      await page.evaluate((reference) => window.submit(reference), `moment ${moment}`);
      // From before the request is sent until after it is answered.
      await page.waitForTimeout(moment);
      await page.reload();
      await ready(page);
      await page.waitForFunction(() => localStorage.length === 0);
    }
    const client = newClient(gateway.url);
    for (let moment = 0; moment < RELOADS; moment++) {
      expect((await client.jobs({ filter: { reference: `moment ${moment}` } })).jobs).toHaveLength(1);
    }
  });
});
