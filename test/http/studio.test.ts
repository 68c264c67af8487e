/** The studio as somebody uses it for the first time: from two pictures to a comparison, in Chromium. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, dataOf, submit } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { ROOT } from '../support/gateway-process.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { screenshot } from '../support/screenshot.js';
import { type Samples, StudioPage, samplesOf } from '../support/studio-page.js';

const MAX_SCRIPT_BYTES = 120 * 1024;

describe.skipIf(!isChromiumInstalled())('The studio in Chromium', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let studio: StudioPage;
  let samples: Samples;

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([
      launchChromium(),
      // Jobs end when a test says so.
      startGateway({ env: { AKOOL_MAX_CONCURRENCY: '1' }, sandbox: { queueMs: 3_600_000 } }),
    ]);
    samples = await samplesOf(gateway.sandbox);
    studio = await StudioPage.open(browser, gateway.url);
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });
  beforeEach(() => studio.watched.complaints.splice(0));

  /** Ends all that Akool has, and what it gets next. */
  const finishAll = (): Promise<void> =>
    expect
      .poll(async () => {
        for (const { id } of gateway.sandbox.jobs) gateway.sandbox.finish(id);
        return studio.cards.filter({ hasText: /Wait|Queued|sent|Swapping/ }).count();
      })
      .toBe(0);

  test('shows where to begin, with nothing wrong for those who can’t see it', async () => {
    await studio.cards.first().waitFor({ state: 'detached' });
    await studio.page.getByText('None yet.').waitFor();
    await screenshot(studio.page, 'studio-empty');
    expect(await studio.button('Swap faces').isDisabled()).toBe(true);
    expect(await studio.faults()).toEqual([]);
    expect(studio.watched).toMatchObject({ complaints: [], outside: [] });
  });

  test('swaps two files, and tells who told of each step, until both pictures can be compared', async () => {
    await studio.chooseBoth(samples);
    expect(await studio.slot('Scene').getByRole('img').getAttribute('alt')).toBe('beach.png');
    await screenshot(studio.page, 'studio-chosen');
    // Two clicks are one swap.
    await studio.button('Swap faces').dblclick();
    await studio.isQueued();
    expect(gateway.sandbox.jobs.length).toBe(1);
    await studio.swap.getByText('by Akool', { exact: true }).waitFor();
    await screenshot(studio.page, 'studio-processing');
    await finishAll();

    const slider = studio.swap.getByRole('slider');
    await slider.waitFor();
    await studio.swap.getByText('by callback').first().waitFor();
    await slider.press('End');
    expect(await slider.getAttribute('aria-valuenow')).toBe('100');
    await slider.press('Home');
    expect(await slider.getAttribute('aria-valuenow')).toBe('0');
    for (let step = 0; step < 25; step += 1) await slider.press('ArrowRight');
    const { x, y, width, height } = (await slider.boundingBox()) ?? NOWHERE;
    await studio.page.mouse.move(x + width / 2, y + height / 3);
    await studio.page.mouse.down();
    await studio.page.mouse.move(x + width / 2 + 60, y + height / 3);
    await studio.page.mouse.up();
    await expect.poll(async () => Number(await slider.getAttribute('aria-valuenow'))).toBeGreaterThan(55);
    await slider.press('Home');
    for (let step = 0; step < 25; step += 1) await slider.press('ArrowRight');

    // When the copy takes the place of the provider's, the slider stays where it is.
    await studio.cards.first().locator('img').waitFor();
    expect(await slider.getAttribute('aria-valuenow')).toBe('50');
    await slider.blur();
    await screenshot(studio.page, 'studio-done');
    expect(await studio.faults()).toEqual([]);
    expect(studio.watched.complaints).toEqual([]);
  });

  test('saves the result under a good name', async () => {
    const [download] = await Promise.all([
      studio.page.waitForEvent('download'),
      studio.swap.getByRole('link', { name: 'Download' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('face-swap.png');
    expect(statSync(await download.path()).size).toBeGreaterThan(1000);
  });

  test('shows the result as large as the screen, and larger', async () => {
    await studio.button('Zoom').click();
    const dialog = studio.page.getByRole('dialog', { name: 'Zoom' });
    const picture = dialog.getByRole('img', { name: 'After' });
    const widthOf = async () => (await picture.boundingBox())?.width ?? 0;
    await expect.poll(widthOf).toBeGreaterThan(300);
    const fitting = await widthOf();
    await dialog.getByRole('button', { name: 'Zoom in' }).click();
    await expect.poll(widthOf).toBeCloseTo(2 * fitting, 0);
    await screenshot(studio.page, 'studio-zoom');
    expect(await studio.faults()).toEqual([]);
    await studio.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });

  test('waits in the queue at its place, which moves, and is taken back', async () => {
    await studio.chooseBoth(samples);
    for (let placed = 0; placed < 4; placed += 1) {
      const before = await studio.cards.count();
      await studio.button('Swap faces').click();
      await expect.poll(() => studio.cards.count()).toBe(before + 1);
      // Until it is answered, another click does nothing.
      await studio.swap.getByText('Sending …').waitFor({ state: 'hidden' });
    }
    await studio.swap.getByText('Number 3 in the queue').waitFor();
    await studio.cards.filter({ hasText: 'Waiting, no. 3' }).waitFor();
    await screenshot(studio.page, 'studio-waiting');
    expect(await studio.faults()).toEqual([]);

    gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '');
    await studio.swap.getByText('Number 2 in the queue').waitFor();
    await studio.swap.getByRole('button', { name: 'Cancel' }).click();
    await studio.swap.getByText('Canceled. It cost nothing.').waitFor();
    await studio.cards.filter({ hasText: 'Canceled' }).waitFor();
    await finishAll();
  });

  test('says why a swap failed in words for its user, and tries again', async () => {
    await studio.button('Swap faces').click();
    await studio.isQueued();
    gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '', 4);
    const alert = studio.swap.getByRole('alert').filter({ hasText: 'The face swap failed' });
    await alert.waitFor();
    await screenshot(studio.page, 'studio-failed');
    expect(await studio.faults()).toEqual([]);
    const { length } = gateway.sandbox.jobs;
    await studio.swap.getByRole('button', { name: 'Try again' }).click();
    await studio.isQueued();
    expect(gateway.sandbox.jobs.length).toBe(length + 1);
    await finishAll();
    await studio.swap.getByRole('slider').waitFor();
  });

  test('deletes a swap when it is asked twice', async () => {
    // What is still being fetched would be missed when it is gone.
    await studio.swap.getByRole('link', { name: 'Download' }).waitFor();
    for (const picture of await studio.page.locator('img').all())
      await expect
        .poll(() => picture.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth))
        .toBeGreaterThan(0);
    const before = await studio.cards.count();
    // The second of the two clicks keeps it.
    await studio.swap.getByRole('button', { name: 'Delete' }).dblclick();
    await studio.swap.getByRole('button', { name: 'Delete' }).click();
    await studio.swap.getByRole('button', { name: 'Delete for good' }).click();
    await studio.swap.getByText('Press “Swap faces”.').waitFor();
    await expect.poll(() => studio.cards.count()).toBe(before - 1);
    expect(new URL(studio.page.url()).hash).toBe('');
  });

  test('swaps by addresses, which can be typed, pasted or dropped, and the samples', async () => {
    const addresses = `${gateway.sandbox.url}/samples`;
    await studio.type('Face', 'ftp://example.com/me.png');
    await studio.slot('Face').getByText('This is no address').waitFor();
    await studio.type('Face', `${addresses}/source-face.png`);
    await studio.isReady('Face');
    await studio.button('Remove the scene').click();
    await studio
      .slot('Scene')
      .locator('label')
      .first()
      .dispatchEvent('drop', {
        dataTransfer: await studio.page.evaluateHandle((address) => {
          const { DataTransfer } = globalThis as unknown as {
            DataTransfer: new () => { setData(a: string, b: string): void };
          };
          const data = new DataTransfer();
          data.setData('text/uri-list', address);
          return data;
        }, `${addresses}/target-face.png`),
      });
    await studio.isReady('Scene');
    await studio.button('Swap faces').click();
    await studio.isQueued();
    const { jobs } = await dataOf(ask<Newest, object>(gateway.url, NEWEST));
    expect(jobs.edges[0]?.node).toEqual({
      sourceImage: [{ path: `${addresses}/source-face.png` }],
      targetImage: [{ path: `${addresses}/target-face.png` }],
    });
    await finishAll();

    await studio.button('Remove the face').click();
    await studio.button('Remove the scene').click();
    await studio.button('Try it with samples').click();
    for (const slot of ['Face', 'Scene'] as const) await studio.slot(slot).getByRole('img').waitFor();
    expect(studio.watched.complaints).toEqual([]);
  });

  test('pastes a file into the first empty place', async () => {
    await studio.button('Remove the face').click();
    await studio.page.evaluate((base64) => {
      const { DataTransfer, ClipboardEvent, File, atob, document } = globalThis as unknown as PageGlobal;
      const clipboardData = new DataTransfer();
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      clipboardData.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }));
      document.body.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }),
      );
    }, samples.source.toString('base64'));
    await studio.slot('Face').getByRole('img', { name: 'pasted.png' }).waitFor();
    await studio.isReady('Face');
  });

  test('can be used by keyboard alone', async () => {
    const tabTo = async (isThere: () => Promise<boolean>): Promise<void> => {
      for (let pressed = 0; !(await isThere()); pressed += 1) {
        if (pressed > 40) throw new Error('The key Tab does not lead there');
        await studio.page.keyboard.press('Tab');
      }
    };
    const isFocused = (locator: ReturnType<StudioPage['button']>) => () =>
      locator.evaluate((element) => element.ownerDocument.activeElement === element);
    // From now on choosers are told of, instead of opened.
    studio.page.on('filechooser', () => {});
    await studio.page.reload();
    await studio.slot('Face').waitFor();
    for (const [slot, picture] of [
      ['Face', samples.source],
      ['Scene', samples.target],
    ] as const) {
      const input = studio.slot(slot).locator('input[type=file]');
      await tabTo(isFocused(input));
      const [chooser] = await Promise.all([
        studio.page.waitForEvent('filechooser'),
        studio.page.keyboard.press('Space'),
      ]);
      await chooser.setFiles({ name: 'keys.png', mimeType: 'image/png', buffer: picture });
      await studio.isReady(slot);
    }
    await tabTo(isFocused(studio.button('Swap faces')));
    await studio.page.keyboard.press('Enter');
    await studio.isQueued();
    await finishAll();
    const slider = studio.swap.getByRole('slider');
    await slider.waitFor();
    await tabTo(isFocused(slider));
    await studio.page.keyboard.press('ArrowLeft');
    expect(await slider.getAttribute('aria-valuenow')).toBe('48');
  });

  test('moves nothing around while a swap goes on', async () => {
    await studio.page.evaluate(() => {
      const page = globalThis as unknown as PageGlobal;
      page.shifts = [];
      new page.PerformanceObserver((list) => {
        page.shifts.push(...list.getEntries().map(({ value }) => value));
      }).observe({ type: 'layout-shift' });
    });
    const { sandbox } = gateway;
    const picture = (name: string) => [{ path: `${sandbox.url}/samples/${name}-face.png` }];
    const input = { sourceImage: picture('source'), targetImage: picture('target') };
    await submit(gateway.url, input);
    await studio.cards.filter({ hasText: 'Queued' }).waitFor();
    await studio.cards
      .first()
      .getByRole('button')
      .evaluate((card) => (card as unknown as { click(): void }).click());
    await studio.isQueued();
    await finishAll();
    await studio.swap.getByRole('slider').waitFor();
    await studio.cards.first().locator('img').waitFor();
    const shifts = await studio.page.evaluate(() => (globalThis as unknown as PageGlobal).shifts);
    // A card that comes moves those after it, which is no surprise.
    expect(shifts.reduce((sum, value) => sum + value, 0)).toBeLessThan(0.1);
  });

  test('fits on a phone, in the dark, and without motion', async () => {
    const phone = await StudioPage.open(browser, gateway.url, {
      viewport: { width: 390, height: 844 },
      colorScheme: 'dark',
      hasTouch: true,
    });
    await phone.chooseBoth(samples);
    await phone.button('Swap faces').click();
    await phone.isQueued();
    const moving = () =>
      phone.page.evaluate(() => (globalThis as unknown as PageGlobal).document.getAnimations().length);
    expect(await moving()).toBe(0);
    await phone.page.emulateMedia({ reducedMotion: 'no-preference' });
    await expect.poll(moving).toBeGreaterThan(0);
    await phone.page.emulateMedia({ reducedMotion: 'reduce' });
    await finishAll();
    const slider = phone.swap.getByRole('slider');
    await slider.waitFor();
    await screenshot(phone.page, 'studio-phone');
    const width = await phone.page.evaluate(
      () => (globalThis as unknown as PageGlobal).document.documentElement.scrollWidth,
    );
    expect(width).toBe(390);
    const { x, y, width: wide } = (await phone.swap.locator('.comparison').boundingBox()) ?? NOWHERE;
    const position = async () => Number(await slider.getAttribute('aria-valuenow'));
    await phone.page.touchscreen.tap(x + wide * 0.25, y + 40);
    await expect.poll(position).toBeCloseTo(25, -1);
    // Sideways a finger moves the slider, not the page.
    const finger = await phone.page.context().newCDPSession(phone.page);
    const drag = async (row: number, ...columns: number[]): Promise<void> => {
      const touch = (
        type: 'touchStart' | 'touchMove' | 'touchEnd',
        ...touchPoints: { x: number; y: number }[]
      ) => finger.send('Input.dispatchTouchEvent', { type, touchPoints });
      for (const [i, column] of columns.entries())
        await touch(i === 0 ? 'touchStart' : 'touchMove', { x: column, y: row });
      await touch('touchEnd');
    };
    await drag(y + 40, ...[0.25, 0.35, 0.5, 0.65, 0.75].map((at) => x + wide * at));
    await expect.poll(position).toBeCloseTo(75, -1);
    // On the slider it does so in the enlarged picture too.
    await phone.button('Zoom').click();
    const large = phone.page.getByRole('dialog').getByRole('slider');
    const handle = (await large.boundingBox()) ?? NOWHERE;
    await drag(handle.y + 40, ...[0, -30, -60, -90].map((by) => handle.x + handle.width / 2 + by));
    await expect.poll(async () => Number(await large.getAttribute('aria-valuenow'))).toBeLessThan(40);
    await phone.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    expect(await phone.faults()).toEqual([]);
    expect(phone.watched).toMatchObject({ complaints: [], outside: [] });
    await phone.close();
  });

  test('loads at most 120 KB of script, and nothing from elsewhere', async () => {
    const assets = join(ROOT, 'dist/studio/assets');
    const [folder = ''] = readdirSync(assets);
    const scripts = readdirSync(join(assets, folder)).filter((name) => name.endsWith('.js.gz'));
    const bytes = scripts.map((name) => statSync(join(assets, folder, name)).size);
    const sum = bytes.reduce((total, size) => total + size, 0);
    expect(sum).toBeGreaterThan(50_000);
    expect(sum).toBeLessThanOrEqual(MAX_SCRIPT_BYTES);
    expect(studio.watched.outside).toEqual([]);
  });
});

const NOWHERE = { x: 0, y: 0, width: 0, height: 0 };

const NEWEST =
  '{ jobs(first: 1) { edges { node { ... on FaceSwapJob { sourceImage { path } targetImage { path } } } } } }';

interface Newest {
  readonly jobs: { readonly edges: readonly { readonly node: object }[] };
}

interface PageGlobal {
  shifts: number[];
  PerformanceObserver: new (
    seen: (list: { getEntries(): { value: number }[] }) => void,
  ) => { observe(options: object): void };
  DataTransfer: new () => { items: { add(file: object): void } };
  ClipboardEvent: new (type: string, init: object) => Event;
  File: new (parts: object[], name: string, options: object) => object;
  atob: (text: string) => string;
  document: {
    body: EventTarget;
    documentElement: { scrollWidth: number };
    getAnimations(): object[];
  };
}
