/** The example in a real Chromium, served by Vite, in front of a real gateway. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isChromiumInstalled, launchChromium } from '../../../test/support/chromium.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { README } from '../../../test/support/readme.js';
import { screenshot } from '../../../test/support/screenshot.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLIENT = fileURLToPath(new URL('../../../packages/client/src', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/vite-example', import.meta.url));

describe.skipIf(!isChromiumInstalled())('the example', () => {
  let gateway: TestGateway;
  let vite: ViteDevServer;
  let browser: Browser;
  let page: Page;
  let site: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    // Jobs end when a test says so.
    [gateway, browser] = await Promise.all([
      startGateway({ env: { AKOOL_MAX_CONCURRENCY: '1' }, sandbox: { queueMs: 600_000 } }),
      launchChromium(),
    ]);
    vite = await createServer({
      root: ROOT,
      cacheDir: CACHE,
      logLevel: 'error',
      resolve: {
        alias: [
          { find: /^@face-swap-gateway\/client$/, replacement: `${CLIENT}/index.ts` },
          { find: /^@face-swap-gateway\/client\/react$/, replacement: `${CLIENT}/react/index.ts` },
        ],
      },
      server: {
        host: '127.0.0.1',
        port: 0,
        hmr: false,
        proxy: { '/graphql': { target: gateway.url, ws: true } },
      },
    });
    await vite.listen();
    site = vite.resolvedUrls?.local[0] ?? '';
    page = await browser.newPage({ viewport: { width: 1100, height: 900 }, colorScheme: 'light' });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
  });
  afterAll(async () => {
    await browser?.close();
    await vite?.close();
    await gateway?.stop();
  });

  const choose = async (input: string, sample: string) => {
    const answer = await fetch(`${gateway.sandbox.url}/samples/${sample}.png`);
    const buffer = Buffer.from(await answer.arrayBuffer());
    await page.locator(input).setInputFiles({ name: `${sample}.png`, mimeType: 'image/png', buffer });
  };
  const chooseBoth = async () => {
    await choose('label:has-text("Face") input', 'first-face');
    await choose('label:has-text("Scene") input', 'first-target');
  };
  const shown = () => page.getByRole('region', { name: 'Your swap', exact: true });
  const listed = () => page.getByRole('region', { name: 'Your swaps' }).getByRole('listitem');
  const finish = (status?: 3 | 4) => {
    for (const { id } of gateway.sandbox.jobs) gateway.sandbox.finish(id, status);
  };

  it('swaps two files in fifteen lines, which are those of the README', async () => {
    const code = readFileSync(join(ROOT, 'src/fifteen-lines.tsx'), 'utf8');
    expect(code.split('\n').filter((line) => line !== '')).toHaveLength(15);
    expect(README).toContain(`\`\`\`tsx\n${code}\`\`\``);
    await page.goto(`${site}fifteen-lines.html`);
    await choose('[name=face]', 'first-face');
    await choose('[name=scene]', 'first-target');
    await page.getByRole('button', { name: 'Swap' }).click();
    await page.getByText('QUEUED').waitFor();
    finish();
    const picture = page.getByAltText('The swap');
    await expect
      .poll(() => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth))
      .toBeGreaterThan(1);
    expect(complaints).toEqual([]);
  });

  it('shows a swap from two files to a comparison, and in the list', async () => {
    await page.goto(site);
    await listed().filter({ hasText: 'Done' }).waitFor();
    await chooseBoth();
    await screenshot(page, 'example-chosen');
    await page.getByRole('button', { name: 'Swap faces' }).click();
    await shown().getByText('Queued').waitFor();

    // The only slot is taken.
    await page.getByRole('button', { name: 'Swap faces' }).click();
    await shown().getByText('Waiting, number 1').waitFor();
    await listed().filter({ hasText: 'Waiting, number 1' }).waitFor();
    await page.reload();
    await shown().getByText('Waiting, number 1').waitFor();
    await shown().getByRole('button', { name: 'Cancel' }).click();
    await shown().getByText('Canceled').waitFor();

    finish();
    await expect.poll(() => listed().filter({ hasText: 'Done' }).count()).toBe(2);
    await listed().filter({ hasText: 'Done' }).first().getByRole('button').click();
    const slider = shown().getByRole('slider');
    await slider.waitFor();
    await slider.press('End');
    expect(await slider.getAttribute('aria-valuenow')).toBe('100');
    await slider.press('Home');
    await screenshot(page, 'example-done');
    expect(complaints).toEqual([]);
  });

  it('says why a job failed, and deletes it, on a phone in the dark', async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await chooseBoth();
    await page.getByRole('button', { name: 'Swap faces' }).click();
    await shown().getByText('Queued').waitFor();
    finish(4);
    await shown().getByRole('alert').waitFor();
    expect(await shown().getByRole('alert').textContent()).toMatch(/^The face swap failed\./);
    await screenshot(page, 'example-phone');
    await shown().getByRole('button', { name: 'Delete' }).click();
    await shown().waitFor({ state: 'detached' });
    await expect.poll(() => listed().filter({ hasText: 'Failed' }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});
