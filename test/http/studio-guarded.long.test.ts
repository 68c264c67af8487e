/** The studio of gateways that are not open, and of those with the real Akool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as documents from '../../packages/client/src/documents.js';
import { jwt, SECRET } from '../../packages/client/test/tokens.js';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config/config.js';
import { createSandbox } from '../../src/sandbox/sandbox.js';
import { akoolSettings } from '../support/akool-settings.js';
import { ELSEWHERE, isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { cleanUp, newFolder } from '../support/gateway-process.js';
import { startGateway } from '../support/harness.js';
import { screenshot } from '../support/screenshot.js';
import { StudioPage, samplesOf } from '../support/studio-page.js';

/** What the test needs of a video element: types of the DOM are not loaded here. */
interface Player {
  readonly paused: boolean;
  readonly muted: boolean;
  currentTime: number;
  play(): Promise<void>;
  pause(): void;
}

const KEY = 'a-key-of-at-least-thirty-two-characters';

describe.skipIf(!isChromiumInstalled())('The studio', () => {
  const ends: (() => unknown)[] = [];
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(async () => {
    await cleanUp();
    await browser?.close();
  });

  async function openWith(env: Record<string, string>): Promise<StudioPage> {
    const gateway = await startGateway({ env });
    ends.push(() => gateway.stop());
    const studio = await StudioPage.open(browser, gateway.url);
    ends.push(() => studio.close());
    return studio;
  }
  const signIn = async ({ page }: StudioPage, token: string): Promise<void> => {
    await page.getByLabel('API key or token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };

  const scopeOf = async ({ page }: StudioPage): Promise<string> => {
    const session = await page.evaluate(() =>
      (globalThis as unknown as Stores).sessionStorage.getItem('studio:session'),
    );
    return JSON.parse(String(session)).scope;
  };

  test('asks for a key, says if it is wrong, keeps it in this tab, and forgets it', async () => {
    const studio = await openWith({ AUTH_API_KEYS: `anna:${KEY}` });
    const { page } = studio;
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await screenshot(page, 'studio-sign-in');
    expect(await studio.faults()).toEqual([]);
    await signIn(studio, 'wrong');
    await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
    expect(await studio.faults()).toEqual([]);
    await signIn(studio, KEY);
    await page.getByText('None yet.').waitFor();
    await page.reload();
    await page.getByText('None yet.').waitFor();
    const other = await studio.otherTab();
    await other.page.getByRole('heading', { name: 'Sign in' }).waitFor();

    await studio.button('Try it with samples').click();
    await studio.button('Swap faces').click();
    await studio.swap.getByRole('slider').waitFor();
    await page.getByText('Show me the code').click();
    expect(await page.getByRole('tabpanel').innerHTML()).not.toContain(KEY);
    expect(
      await page.evaluate(() => JSON.stringify((globalThis as unknown as Stores).localStorage)),
    ).not.toContain(KEY);

    await studio.button('Sign out').click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('asks again when a token has expired, and keeps what was chosen', async () => {
    const studio = await openWith({ AUTH_JWT_SECRET: SECRET, AUTH_JWT_CLOCK_TOLERANCE_S: '0' });
    await signIn(studio, jwt(Math.floor(Date.now() / 1000) + 12));
    await studio.page.getByText('None yet.').waitFor();
    await studio.button('Try it with samples').click();
    await studio.page.getByText('Enhance the face').click();
    await studio.page.getByText('Your token is no longer valid.').waitFor();
    await signIn(studio, jwt(Math.floor(Date.now() / 1000) + 600));
    await studio.page.getByText('None yet.').waitFor();
    for (const slot of ['Face', 'Scene'] as const) await studio.isReady(slot);
    expect(await studio.page.getByLabel('Enhance the face').isChecked()).toBe(true);
    await studio.button('Swap faces').click();
    await studio.swap.getByRole('slider').waitFor();
  });

  test('shows who signs in after another nothing of theirs', async () => {
    const studio = await openWith({ AUTH_JWT_SECRET: SECRET, AUTH_JWT_CLOCK_TOLERANCE_S: '0' });
    await signIn(studio, jwt(Math.floor(Date.now() / 1000) + 12, 'anna'));
    await studio.page.getByText('None yet.').waitFor();
    const scope = await scopeOf(studio);
    await studio.button('Try it with samples').click();
    await studio.button('Swap faces').click();
    await studio.swap.getByRole('slider').waitFor();
    expect(studio.page.url()).toContain('#');
    await studio.page.getByText('Your token is no longer valid.').waitFor();
    await studio.page.reload();
    await studio.page.getByText('Your token is no longer valid.').waitFor();
    await signIn(studio, jwt(Math.floor(Date.now() / 1000) + 600, 'ben'));
    await studio.page.getByText('None yet.').waitFor();
    await studio.button('Try it with samples').waitFor();
    expect(await studio.slot('Face').locator('img').count()).toBe(0);
    expect(studio.page.url()).not.toContain('#');
    // Under a scope of their own, no unanswered submit of the former user goes on.
    expect(await scopeOf(studio)).not.toBe(scope);
  });

  test('draws the faces that Akool finds, which the sandbox invents', async () => {
    const sandbox = createSandbox({ queueMs: 20, processMs: 20 });
    await sandbox.start();
    ends.push(() => sandbox.stop());
    const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const { config, secrets } = readConfig({
      PORT: `${port}`,
      PUBLIC_URL: url,
      DATABASE_URL: `sqlite:${join(dir, 'gateway.db')}`,
      ARCHIVE_DIR: join(dir, 'archive'),
      ...akoolSettings(sandbox),
    });
    const app = createApp(config, secrets, { log: pino({ level: 'silent' }) });
    ends.push(() => app.stop());
    await app.start();
    const sample = await fetch(`${sandbox.url}/samples/source-face.png`);
    const studio = await StudioPage.open(browser, url);
    ends.push(() => studio.close());
    expect(await studio.button('Try it with samples').count()).toBe(0);
    await studio.choose('Face', 'me.png', 'image/png', Buffer.from(await sample.arrayBuffer()));
    await studio
      .slot('Face')
      .getByText(/faces? found/)
      .waitFor();
    await studio.slot('Face').locator('svg.faces rect').first().waitFor();
    await screenshot(studio.page, 'studio-faces');
    expect(await studio.faults()).toEqual([]);
    expect(studio.watched.complaints).toEqual([]);
  });

  test('runs where only the documents of the package do, without a copy of results, and swaps a face in a video', async () => {
    const texts = Object.values(documents).flatMap((one) =>
      typeof one === 'string' ? one : Object.values(one),
    );
    const file = join(newFolder(), 'trusted.json');
    writeFileSync(file, JSON.stringify(Object.fromEntries(texts.map((text, index) => [`d${index}`, text]))));
    const gateway = await startGateway({ env: { TRUSTED_DOCUMENTS: file, KEEP_RESULTS: 'false' } });
    ends.push(() => gateway.stop());
    const studio = await StudioPage.open(browser, gateway.url);
    ends.push(() => studio.close());
    const { source, target } = await samplesOf(gateway.sandbox);
    const clip = await fetch(`${gateway.sandbox.url}/samples/clip.mp4`);
    const video = Buffer.from(await clip.arrayBuffer());

    await studio.choose('Face', 'clip.mp4', 'video/mp4', video);
    await studio.slot('Face').getByText('A video can’t be the face.').waitFor();
    await studio.choose('Face', 'me.png', 'image/png', source);
    await studio.isReady('Face');
    await studio.choose('Scene', 'clip.mp4', 'video/mp4', video);
    await expect.poll(() => studio.button('Swap faces').isEnabled()).toBe(true);
    await studio.button('Swap faces').click();
    const before = studio.swap.getByLabel('Before');
    const after = studio.swap.getByLabel('After');
    await after.evaluate((video) => (video as unknown as Player).play());
    await expect.poll(() => before.evaluate((video) => (video as unknown as Player).paused)).toBe(false);
    await after.evaluate((video) => {
      (video as unknown as Player).pause();
      (video as unknown as Player).currentTime = 1;
    });
    await expect
      .poll(() =>
        before.evaluate((video) => {
          const { paused, muted, currentTime } = video as unknown as Player;
          return { paused, muted, currentTime };
        }),
      )
      .toEqual({ paused: true, muted: true, currentTime: 1 });
    await screenshot(studio.page, 'studio-video');
    await before.dispatchEvent('error');
    await studio.swap.getByText('nothing to compare with').waitFor();
    await after.dispatchEvent('error');
    await studio.swap.getByText('The result can’t be loaded.').waitFor();
    await studio.cards.first().click();
    await studio.button('Close').click();
    await studio.cards.first().click();
    await after.waitFor();
    // The copy that would have a good name is not kept.
    await studio.swap.getByRole('link', { name: 'Open the result' }).waitFor();
    expect(await studio.faults()).toEqual([]);

    await studio.page.getByText('Show me the code').click();
    expect(await studio.page.getByRole('tab').allTextContents()).toEqual(['React', 'JavaScript']);
    expect(await studio.page.getByRole('textbox', { name: 'Show me the code' }).inputValue()).toContain(
      'submitPlus',
    );

    await studio.choose('Scene', 'beach.png', 'image/png', target);
    await studio.isReady('Scene');
    await studio.button('Swap faces').click();
    await studio.swap.getByRole('slider').waitFor();
    // There is no smaller one.
    await studio.cards.first().locator('img').waitFor();
    expect(studio.watched).toMatchObject({ complaints: [], outside: [] });

    await studio.page.goto(gateway.url);
    await studio.page.getByRole('link', { name: 'Studio' }).waitFor();
    expect(await studio.faults()).toEqual([]);
    await screenshot(studio.page, 'home');
    await studio.page.getByRole('link', { name: 'Studio' }).click();
    await studio.cards.first().waitFor();
  });

  test('tells who opens it from elsewhere what works there', async () => {
    const gateway = await startGateway({ env: { HOST: '0.0.0.0', AUTH: 'none', SANDBOX: 'true' } });
    ends.push(() => gateway.stop());
    const here = await StudioPage.open(browser, gateway.url);
    ends.push(() => here.close());
    await here.button('Try it with samples').waitFor();
    const elsewhere = await StudioPage.open(browser, gateway.url.replace('127.0.0.1', ELSEWHERE));
    ends.push(() => elsewhere.close());
    await elsewhere.page.getByText('Sandbox: results are simulated').waitFor();
    expect(await elsewhere.button('Try it with samples').count()).toBe(0);
    await elsewhere.page.getByText('Show me the code').click();
    await elsewhere.page.getByText('name it in CORS_ORIGINS').waitFor();
  });

  test('swaps files below the path of PUBLIC_URL', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/swap/v1`;
    const gateway = await startGateway({ env: { PORT: `${port}`, PUBLIC_URL: url } });
    ends.push(() => gateway.stop());
    const studio = await StudioPage.open(browser, url);
    ends.push(() => studio.close());
    await studio.chooseBoth(await samplesOf(gateway.sandbox));
    await studio.button('Swap faces').click();
    await studio.swap.getByRole('slider').waitFor();
    await studio.cards.first().getByText('Done').waitFor();
    // It is Akool's until the gateway keeps a copy.
    const result = studio.swap.locator('img').first();
    await expect.poll(() => result.getAttribute('src')).toMatch(`${url}/media/`);
    expect(studio.watched).toMatchObject({ complaints: [], outside: [] });
    await studio.page.goto(`${url}/`);
    await studio.page.getByRole('link', { name: 'Studio' }).click();
    await studio.cards.first().waitFor();
  });

  test('is off in production unless it is asked for, and admits no script but its own', async () => {
    const statusWith = async (env: Record<string, string>) => {
      const gateway = await startGateway({ env: { NODE_ENV: 'production', ...env } });
      ends.push(() => gateway.stop());
      const answer = await fetch(`${gateway.url}/studio`);
      return [answer.status, answer.headers.get('content-security-policy')];
    };
    expect(await statusWith({})).toEqual([404, null]);
    const [status, policy] = await statusWith({
      STUDIO: 'true',
      PUBLIC_URL: 'https://swap.example.com/faces',
    });
    expect(status).toBe(200);
    expect(String(policy).split('; ')).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self' https://swap.example.com",
        "frame-ancestors 'none'",
      ]),
    );
  });
});

interface Stores {
  readonly localStorage: object;
  readonly sessionStorage: { getItem(key: string): string | null };
}
