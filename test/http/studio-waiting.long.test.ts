/** The studio while an answer is awaited, and when it does not come: it says so, and stays as it is. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { follow, submit } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { Gate } from '../support/gate.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { screenshot } from '../support/screenshot.js';
import { type Samples, StudioPage, samplesOf } from '../support/studio-page.js';

const PHONE = { viewport: { width: 375, height: 700 } };

describe.skipIf(!isChromiumInstalled())('The studio', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let studio: StudioPage;
  let samples: Samples;

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([launchChromium(), startGateway()]);
    samples = await samplesOf(gateway.sandbox);
  });
  afterEach(() => studio.close());
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  /** Holds operations with this field at the gate. */
  const hold = async (field: string): Promise<Gate> => {
    const gate = new Gate();
    await studio.page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes(field)) await gate.pass();
      await route.fallback();
    });
    return gate;
  };
  /** Opens the studio with a swap that is done. */
  const openDone = async (options: Parameters<typeof StudioPage.open>[2] = {}): Promise<void> => {
    const picture = (name: string) => [{ path: `${gateway.sandbox.url}/samples/${name}.png` }];
    const { id } = await submit(gateway.url, {
      sourceImage: picture('source-face'),
      targetImage: picture('target-face'),
    });
    await follow(gateway.url, id);
    studio = await StudioPage.open(browser, gateway.url, { ...options, hash: `#job=${id}` });
  };

  test('takes no second swap while the gateway has not answered the first', async () => {
    studio = await StudioPage.open(browser, gateway.url);
    await studio.button('Try it with samples').click();
    const gate = await hold('submitFaceSwap');
    await studio.button('Swap faces').click();
    await gate.arrived();
    await studio.type('Face', `${gateway.sandbox.url}/samples/first-face.png`);
    await studio.isReady('Face');
    expect(await studio.button('Swap faces').isDisabled()).toBe(true);
    gate.open();
    await studio.swap.getByRole('slider').waitFor();
    expect(await studio.button('Swap faces').isDisabled()).toBe(false);
  });

  test('loads again what is chosen again, and lets go of an address that is emptied', async () => {
    studio = await StudioPage.open(browser, gateway.url);
    for (let time = 0; time < 2; time++) {
      await studio.button('Try it with samples').click();
      for (const slot of ['Face', 'Scene'] as const) await studio.isReady(slot);
    }
    await studio.slot('Face').getByRole('textbox').fill('');
    await studio.slot('Face').getByText('Choose a file').waitFor();
    expect(await studio.button('Swap faces').isDisabled()).toBe(true);
  });

  test('is still there when what it downloads cannot be had', async () => {
    await openDone();
    const download = studio.swap.getByRole('link', { name: 'Download' });
    await download.waitFor();
    await studio.page.context().setOffline(true);
    await download.click();
    await studio.page.getByText('The gateway can’t be reached.').waitFor();
    expect(studio.page.url()).toContain(`${gateway.url}/studio#job=`);
  });

  test('says that it deletes until the gateway has answered', async () => {
    await openDone();
    await studio.swap.getByRole('button', { name: 'Delete' }).click();
    const gate = await hold('deleteJob');
    await studio.button('Delete for good').click();
    await gate.arrived();
    await studio.swap.getByRole('status').getByText('Deleting …').waitFor();
    expect(await studio.button('Deleting …').isDisabled()).toBe(true);
    gate.open();
    await studio.button('Deleting …').waitFor({ state: 'detached' });
  });

  test('says that a result is loading', async () => {
    const gate = new Gate();
    await openDone({
      prepare: (page) =>
        page
          .route('**/media/**', async (route) => {
            await gate.pass();
            await route.continue();
          })
          .then(() => {}),
    });
    await studio.swap.getByRole('link', { name: 'Download' }).waitFor();
    await studio.swap.getByText('Loading …').waitFor();
    await screenshot(studio.page, 'studio-result-loading');
    gate.open();
    await studio.swap.getByRole('slider').waitFor();
    expect(await studio.swap.getByText('Loading …').count()).toBe(0);
  });

  test('moves nothing on a phone when a file was not taken', async () => {
    studio = await StudioPage.open(browser, gateway.url, PHONE);
    const form = studio.page.getByRole('form');
    const height = async () => (await form.boundingBox())?.height;
    const before = await height();
    await studio.refuse('createUpload', 'It could not be stored just now. Please send it again later.');
    await studio.choose('Face', 'me.png', 'image/png', samples.source);
    await studio.button('Send it again').waitFor();
    await screenshot(studio.page, 'studio-phone-not-taken');
    expect(await height()).toBe(before);
    expect(await studio.faults()).toEqual([]);
  });
});
