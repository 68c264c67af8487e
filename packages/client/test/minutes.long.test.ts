/** What takes a minute: pages that lose their line, sleep, or outlive their tokens. Each waits beside the others. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, type ExpectStatic, it } from 'vitest';
import { isChromiumInstalled, launchChromium } from '../../../test/support/chromium.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import type { LocalServer } from '../../../test/support/local-server.js';
import { startProxy } from '../../../test/support/tcp-proxy.js';
import { frontEnd, ready } from './front-end.js';
import { jwt, SECRET } from './tokens.js';

const TOKEN_SECONDS = 20;
const DEAD_MS = 60_000;
const ASLEEP_MS = 70_000;
/** How long a page may take to be right again. */
const MAX_HEAL_MS = 15_000;

describe.skipIf(!isChromiumInstalled())('a page', { timeout: 150_000 }, () => {
  let browser: Browser;
  let front: LocalServer;
  let gateways: readonly [TestGateway, TestGateway, TestGateway];

  beforeAll(async () => {
    // Jobs end when a test says so.
    const sandbox = { queueMs: 600_000 };
    const env = { AUTH_JWT_SECRET: SECRET, AUTH_JWT_CLOCK_TOLERANCE_S: '0' };
    const token = () => jwt(Math.ceil(Date.now() / 1000) + TOKEN_SECONDS);
    [browser, front, gateways] = await Promise.all([
      launchChromium(),
      frontEnd(token),
      Promise.all([
        startGateway({ sandbox }),
        startGateway({ sandbox }),
        startGateway({ sandbox, env: { ...env, CORS_ORIGINS: '*' } }),
      ]),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await front?.close();
    await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  });

  /** A page that shows a job at Akool. */
  async function follow(
    expect: ExpectStatic,
    gateway: TestGateway,
    url = gateway.url,
    more = '',
  ): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${front.url}/?gateway=${new URL(url).origin}${more}`);
    await ready(page);
    await page.evaluate(() => {
      window.submit('long');
      window.show();
    });
    await expect.poll(() => shown(page)).toContain('QUEUED');
    await expect.poll(() => page.evaluate(() => window.faceSwap.connection.getSnapshot())).toBe('live');
    return page;
  }
  const shown = async (page: Page) =>
    (await page.evaluate(() => window.shown)).map((state) => state.split(' ')[1]).join(' ');
  const finish = ({ sandbox }: TestGateway) => sandbox.finish(sandbox.jobs.at(-1)?.id ?? '');
  const expectWhole = async (expect: ExpectStatic, page: Page) => {
    await expect.poll(() => shown(page), { timeout: MAX_HEAL_MS }).toMatch(/COMPLETED$/);
    const versions = (await page.evaluate(() => window.shown)).map((state) => Number.parseInt(state, 10));
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  };

  it.concurrent('shows the end of its job soon after a line that was dead for a minute', async ({
    expect,
  }) => {
    const [gateway] = gateways;
    const proxy = await startProxy(gateway.url);
    const page = await follow(expect, gateway, proxy.url);
    await proxy.become('silent');
    finish(gateway);
    await sleep(DEAD_MS);
    expect(await shown(page)).not.toContain('COMPLETED');
    await proxy.become('on');
    await expectWhole(expect, page);
    await page.context().close();
    await proxy.stop();
  });

  it.concurrent('shows the end of its job soon after it has slept', async ({ expect }) => {
    const [, gateway] = gateways;
    const page = await follow(expect, gateway);
    const devTools = await page.context().newCDPSession(page);
    await devTools.send('Page.setWebLifecycleState', { state: 'frozen' });
    finish(gateway);
    await sleep(ASLEEP_MS);
    await devTools.send('Page.setWebLifecycleState', { state: 'active' });
    await expectWhole(expect, page);
    await page.context().close();
  });

  it.concurrent('follows a job for longer than three of its tokens last', async ({ expect }) => {
    const [, , gateway] = gateways;
    const page = await follow(expect, gateway, gateway.url, '&tokens');
    await sleep(3 * TOKEN_SECONDS * 1000);
    expect(await shown(page)).toMatch(/QUEUED$/);
    finish(gateway);
    await expectWhole(expect, page);
    await page.context().close();
  });
});
