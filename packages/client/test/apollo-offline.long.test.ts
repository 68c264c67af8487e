/** A page with Apollo Client in a real Chromium that loses the network and gets it back. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { submit } from '../../../test/support/caller.js';
import { isChromiumInstalled, launchChromium } from '../../../test/support/chromium.js';
import { until } from '../../../test/support/gate.js';
import { startGateway } from '../../../test/support/harness.js';
import { httpServer, text } from '../../../test/support/local-server.js';
import { startProxy } from '../../../test/support/tcp-proxy.js';

/** After so many attempts in vain the next one comes in 4 seconds or more. */
const ATTEMPTS = 4;

async function pageScript(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      loader: 'ts',
      contents: `
        import { follow, startApollo } from './apollo-client.js';
        const { id, url } = Object.fromEntries(new URLSearchParams(location.search));
        const { states, ended } = follow(startApollo(url, { webSocket: WebSocket }), id);
        window.statuses = () => states.map(({ status }) => status);
      `,
    },
    bundle: true,
    format: 'esm',
    write: false,
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles[0]?.text ?? '';
}

describe.skipIf(!isChromiumInstalled())('a page that is offline while its job ends', () => {
  it('shows the end as soon as it is online', async () => {
    const gateway = await startGateway({ sandbox: { queueMs: 600_000 } });
    const proxy = await startProxy(gateway.url);
    const [browser, script] = await Promise.all([launchChromium(), pageScript()]);
    const site = await httpServer(
      text(200, `<script type="module">${script}</script>`, { 'content-type': 'text/html; charset=utf-8' }),
    );
    const { id } = await submit(gateway.url);
    const page = await browser.newPage();
    // The waits between attempts have their full length, so that none ends by itself when the page is online.
    await page.addInitScript('Math.random = () => 0');
    await page.goto(`${site.url}?${new URLSearchParams({ id, url: proxy.url })}`);
    const statuses = (): Promise<string[]> => page.evaluate('statuses()');
    await expect.poll(statuses).toEqual(['QUEUED']);

    let attempts = 0;
    page.on('websocket', () => {
      attempts += 1;
    });
    await proxy.become('away');
    await page.context().setOffline(true);
    await expect.poll(() => attempts, { timeout: 30_000 }).toBe(ATTEMPTS);
    gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '');
    await proxy.become('on');
    const since = performance.now();
    await page.context().setOffline(false);
    await until(async () => (await statuses()).at(-1) === 'COMPLETED');
    expect(performance.now() - since).toBeLessThan(6000);

    await browser.close();
    await site.close();
    await proxy.stop();
    await gateway.stop();
  });
});
