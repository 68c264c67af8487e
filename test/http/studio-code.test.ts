/** "Show me the code" of the studio: each sample is copied from the page, and runs as it is. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeSamples } from '../../src/pages/studio/code-samples.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { cleanUp, newFolder, ROOT } from '../support/gateway-process.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { httpServer, text } from '../support/local-server.js';
import { screenshot } from '../support/screenshot.js';
import { StudioPage } from '../support/studio-page.js';

const runProgram = promisify(execFile);

/** A sample as one file, with the package from its sources. */
async function bundled(code: string, platform: 'node' | 'browser'): Promise<string> {
  const client = join(ROOT, 'packages/client/src');
  const { outputFiles } = await build({
    stdin: { contents: code, loader: 'tsx', resolveDir: ROOT },
    alias: {
      '@face-swap-gateway/client': join(client, 'index.ts'),
      '@face-swap-gateway/client/react': join(client, 'react/index.ts'),
    },
    jsx: 'automatic',
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform,
  });
  return outputFiles[0]?.text ?? '';
}

describe.skipIf(!isChromiumInstalled())('the code that the studio shows', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let studio: StudioPage;

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([launchChromium(), startGateway()]);
    studio = await StudioPage.open(browser, gateway.url, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await studio.button('Try it with samples').click();
    await studio.page.getByText('Show me the code').click();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    cleanUp();
  });

  /** What the buttons of a tab copy. */
  async function copied(tab: string): Promise<readonly string[]> {
    await studio.page.getByRole('tab', { name: tab }).click();
    const texts: string[] = [];
    for (const button of await studio.page.getByRole('tabpanel').getByRole('button').all()) {
      await button.click();
      await studio.page.getByRole('tabpanel').getByText('Copied').first().waitFor();
      texts.push(
        await studio.page.evaluate(() =>
          (globalThis as unknown as PageGlobal).navigator.clipboard.readText(),
        ),
      );
    }
    return texts;
  }
  const lastJob = () => gateway.sandbox.jobs.at(-1)?.id;

  test('is reached by the arrow keys, and nothing is wrong with it', async () => {
    await studio.page.getByRole('tab', { name: 'React' }).focus();
    await studio.page.keyboard.press('ArrowLeft');
    expect(await studio.page.getByRole('tab', { selected: true }).textContent()).toBe('curl');
    await studio.page.keyboard.press('ArrowRight');
    await screenshot(studio.page, 'studio-code');
    expect(await studio.faults()).toEqual([]);
  });

  test('of curl submits', async () => {
    const [code = ''] = await copied('curl');
    const { stdout } = await runProgram('sh', ['-c', code]);
    expect(JSON.parse(stdout)).toMatchObject({
      data: { submitFaceSwap: { job: { id: expect.any(String) } } },
    });
  });

  test('of GraphQL is an operation and its variables', async () => {
    const [query, variables = ''] = await copied('GraphQL');
    const answer = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: JSON.parse(variables) }),
    });
    expect(await answer.json()).toMatchObject({ data: { submitFaceSwap: { job: { error: null } } } });
  });

  test('of JavaScript follows the swap to its picture', async () => {
    const [code = ''] = await copied('JavaScript');
    const file = join(newFolder(), 'swap.mjs');
    writeFileSync(file, await bundled(code, 'node'));
    const { stdout } = await runProgram(process.execPath, [file]);
    expect(stdout).toMatch(/COMPLETED\nhttp:\/\/\S+\n$/);
  });

  test('of React is a page that swaps', async () => {
    const before = lastJob();
    const [code = ''] = await copied('React');
    const script = await bundled(code, 'browser');
    const site = await httpServer(
      text(
        200,
        `<!doctype html><title>App</title><body><script type="module">${script.replaceAll('</script', '<\\/script')}</script>`,
        {
          'content-type': 'text/html; charset=utf-8',
        },
      ),
    );
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.getByRole('button', { name: 'Swap faces' }).click();
    await page.getByRole('slider').waitFor();
    expect(lastJob()).not.toBe(before);
    await page.close();
    await site.close();
  });

  test('is that of the swap which is shown', async () => {
    await studio.page.getByLabel('Enhance the face').check();
    await studio.button('Swap faces').click();
    await studio.swap.getByRole('slider').waitFor();
    const [, variables = ''] = await copied('GraphQL');
    const { input } = JSON.parse(variables) as { input: object };
    expect(input).toEqual({
      sourceImage: [{ path: `${gateway.sandbox.url}/samples/source-face.png` }],
      targetImage: [{ path: `${gateway.sandbox.url}/samples/target-face.png` }],
      faceEnhance: true,
    });
  });
});

test('an address with quotes breaks no sample, and a video is swapped by the other operation', async () => {
  const address = `https://example.com/it's"\\$(x).mp4`;
  const order = { source: address, target: address, isPlus: true, faceEnhance: true };
  const url = 'https://swap.example.com/graphql';
  const samples = codeSamples(order, url, true, { operation: '', variables: '' });
  const codeOf = (name: string): string =>
    samples.find((sample) => sample.name === name)?.parts.at(-1)?.code ?? '';
  const input = { sourceUrl: address, targetUrl: address, singleFaceMode: true, faceEnhance: true };
  expect(JSON.parse(codeOf('GraphQL'))).toEqual({ input });

  const { stdout } = await runProgram('sh', ['-c', codeOf('curl').replace(/^curl/, 'printf "%s\\n"')], {
    env: { FACE_SWAP_TOKEN: 'secret' },
  });
  const words = stdout.trimEnd().split('\n');
  expect(words.slice(0, 5)).toEqual([
    url,
    '-H',
    'content-type: application/json',
    '-H',
    'authorization: Bearer secret',
  ]);
  expect(JSON.parse(words.at(-1) ?? '')).toMatchObject({ variables: { input } });

  for (const name of ['React', 'JavaScript']) {
    const script = await bundled(codeOf(name), name === 'React' ? 'browser' : 'node');
    expect(script).toContain('submitPlus');
    // As esbuild writes the text again.
    expect(script).toContain(JSON.stringify(address).slice(1, -1).replaceAll('\\"', '"'));
  }
});

interface PageGlobal {
  navigator: { clipboard: { readText(): Promise<string> } };
}
