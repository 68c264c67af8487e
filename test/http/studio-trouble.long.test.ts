/** The studio when things do not go well: bad files, lost lines, reloads, erased files, other tabs. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, dataOf, submit } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { Gate } from '../support/gate.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { screenshot } from '../support/screenshot.js';
import { type Samples, StudioPage, samplesOf } from '../support/studio-page.js';
import { noise } from '../support/uploads.js';

const MAX_IMAGE_BYTES = 200_000;
/** Chromium reports each refusal, and a page cannot prevent it. */
const REFUSAL_REPORT = /^Failed to load resource: the server responded with a status of 4\d\d /;

describe.skipIf(!isChromiumInstalled())('The studio', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let studio: StudioPage;
  let samples: Samples;

  beforeAll(async () => {
    [browser, gateway] = await Promise.all([
      launchChromium(),
      startGateway({
        env: { AKOOL_MAX_CONCURRENCY: '100', UPLOAD_MAX_IMAGE_BYTES: `${MAX_IMAGE_BYTES}` },
        sandbox: { queueMs: 3_600_000 },
      }),
    ]);
    samples = await samplesOf(gateway.sandbox);
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });
  beforeEach(async () => {
    studio = await StudioPage.open(browser, gateway.url);
  });
  afterEach(async () => {
    const { complaints, outside } = studio.watched;
    await studio.close();
    expect(complaints.filter((text) => !REFUSAL_REPORT.test(text))).toEqual([]);
    expect(outside).toEqual([]);
  });

  /** The list of the page may not be there yet. */
  const countJobs = async (): Promise<number> => {
    const query = '{ jobs(first: 100) { edges { cursor } } }';
    return (await dataOf(ask<Jobs, object>(gateway.url, query))).jobs.edges.length;
  };
  const finishLast = (status?: 3 | 4): void => {
    gateway.sandbox.finish(gateway.sandbox.jobs.at(-1)?.id ?? '', status);
  };

  const swapToEnd = async (): Promise<void> => {
    await studio.button('Swap faces').click();
    await studio.isQueued();
    finishLast();
    await studio.swap.getByRole('slider').waitFor();
  };

  test.each([
    [
      'of a kind that Akool does not take',
      'a.heic',
      'image/heic',
      () => Buffer.from('\0\0\0\x18ftypheic'),
      /^HEIC pictures can’t be used. Export this one as JPEG.$/,
    ],
    [
      'that is too large',
      'large.png',
      'image/png',
      () => Buffer.alloc(MAX_IMAGE_BYTES + 1),
      /^This file is too large. The limit is 0.2 MB.$/,
    ],
    ['that is broken', 'broken.png', 'image/png', () => samples.source.subarray(0, 2000), /ends too early/],
    [
      'that is something else',
      'notes.png',
      'image/png',
      () => Buffer.from('Dear diary'),
      /^This kind of file can’t be used/,
    ],
  ])(
    'says at once what is wrong with a file %s, and sends nothing',
    async (_what, name, type, bytes, says) => {
      const { length } = gateway.sandbox.jobs;
      await studio.choose('Face', name, type, bytes());
      const problem = studio.slot('Face').locator('[data-problem]');
      await problem.waitFor();
      expect(await problem.textContent()).toMatch(says);
      await screenshot(studio.page, `studio-${name.split('.')[0]}`);
      expect(await studio.button('Swap faces').isDisabled()).toBe(true);
      expect(await studio.faults()).toEqual([]);
      expect(gateway.sandbox.jobs.length).toBe(length);
    },
  );

  test('takes a video that nobody here can measure', async () => {
    const header = Buffer.from('\x1aE\xdf\xa3\x87\x42\x82\x84webm\xec\x83abc\x18S\x80\x67\x94', 'latin1');
    await studio.choose('Scene', 'clip.webm', 'video/webm', Buffer.concat([header, Buffer.alloc(20)]));
    await studio.slot('Scene').getByText('Ready', { exact: true }).waitFor();
  });

  test('does not give up a picture for an address that is none', async () => {
    const problem = studio.slot('Face').locator('[data-problem]');
    await studio.chooseBoth(samples);
    await studio.type('Face', 'me.jpg');
    await problem.getByText('This is no address').waitFor();
    await swapToEnd();
    await studio.slot('Face').getByRole('textbox').fill('');
    await problem.waitFor({ state: 'detached' });
    await studio.isReady('Face');
  });

  test('sends a file again that was not taken though nothing is wrong with it', async () => {
    await studio.refuse('createUpload', 'Not now.');
    await studio.choose('Face', 'me.png', 'image/png', samples.source);
    await studio.slot('Face').getByText('Not now.').waitFor();
    await screenshot(studio.page, 'studio-not-taken');
    expect(await studio.faults()).toEqual([]);
    await studio.page.unrouteAll();
    await studio.button('Send it again').click();
    await studio.isReady('Face');
  });

  test('takes two files that are dropped together, and says which can not be read', async () => {
    /** Drops them on the scene; null is a folder. */
    const drop = async (files: readonly (Buffer | null)[]): Promise<void> => {
      const dataTransfer = await studio.page.evaluateHandle(
        (contents) => {
          const { DataTransfer, File } = globalThis as unknown as Droppable;
          const data = new DataTransfer();
          for (const content of contents) {
            if (content === null) data.items.add(new File([], 'folder'));
            else data.items.add(new File([Uint8Array.from(content)], 'me.png', { type: 'image/png' }));
          }
          return data;
        },
        files.map((file) => file && [...file]),
      );
      await studio.slot('Scene').locator('label').first().dispatchEvent('drop', { dataTransfer });
    };
    await drop([samples.target, samples.source]);
    for (const slot of ['Face', 'Scene'] as const) await studio.isReady(slot);
    await studio.page.evaluate(() => {
      const { File, DOMException } = globalThis as unknown as Droppable;
      File.prototype.arrayBuffer = () => Promise.reject(new DOMException('', 'NotReadableError'));
    });
    await drop([null]);
    await studio.slot('Scene').getByText('This can’t be read.').waitFor();
    await studio.isReady('Face');
  });

  test('shows no code of what another program made, and keeps its place', async () => {
    const picture = (name: string) => [{ path: `${gateway.sandbox.url}/samples/${name}.png` }];
    await submit(gateway.url, {
      sourceImage: picture('source-face'),
      targetImage: picture('target-face'),
    });
    await studio.cards.first().click();
    await studio.isQueued();
    await studio.page.getByText('Show me the code').click();
    await studio.page.getByText('Another program made this swap.').waitFor();
    finishLast();
    await studio.swap.getByRole('slider').waitFor();
    await studio.button('Close').click();
    await studio.page.getByRole('tab').first().waitFor();
  });

  test('loads what was missing when the line comes back', async () => {
    const context = studio.page.context();
    await studio.chooseBoth(samples);
    await studio.button('Swap faces').click();
    await studio.isQueued();
    await studio.page.route('**/media/**', (route) => route.abort());
    finishLast();
    await studio.swap.getByText('The result can’t be loaded.').waitFor();
    await context.setOffline(true);
    await studio.page.getByText('The gateway can’t be reached').waitFor();
    await studio.page.unrouteAll();
    await context.setOffline(false);
    await studio.swap.getByRole('slider').waitFor();
    await studio.cards.first().locator('img').waitFor();
  });

  test('shows nothing after a reload once another swap was opened and closed', async () => {
    await studio.chooseBoth(samples);
    for (const _ of [1, 2]) await swapToEnd();
    const newest = studio.page.url();
    await studio.cards.nth(1).click();
    await studio.swap.getByRole('slider').waitFor();
    const older = studio.page.url();
    for (const [go, address, card] of [
      ['goBack', newest, 0],
      ['goForward', older, 1],
    ] as const) {
      await studio.page[go]();
      expect(studio.page.url()).toBe(address);
      await studio.cards.nth(card).locator('[aria-current]').waitFor();
    }
    await studio.button('Close').click();
    await studio.swap.getByText('Press “Swap faces”.').waitFor();
    await studio.page.reload();
    await studio.cards.first().waitFor();
    await studio.swap.getByText('Choose a face').waitFor();
  });

  test('leaves the swap alone that was opened while another one was being deleted', async () => {
    await studio.chooseBoth(samples);
    for (const _ of [1, 2]) await swapToEnd();
    const gate = new Gate();
    await studio.page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('deleteJob') === true) await gate.pass();
      return route.fallback();
    });
    const count = await studio.cards.count();
    await studio.button('Delete').click();
    await studio.button('Delete for good').click();
    await gate.arrived();
    await studio.cards.nth(1).click();
    const address = studio.page.url();
    gate.open();
    await expect.poll(() => studio.cards.count()).toBe(count - 1);
    await studio.swap.getByRole('slider').waitFor();
    expect(studio.page.url()).toBe(address);
    expect(address).toContain('#job=');
  });

  test('shows how far a file is on its way', async () => {
    const devTools = await studio.page.context().newCDPSession(studio.page);
    const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 20_000 };
    await devTools.send('Network.emulateNetworkConditions', slow);
    // Seconds, at this speed.
    await studio.choose('Face', 'me.png', 'image/png', noise(150_000));
    const bar = studio.slot('Face').getByRole('progressbar');
    await expect.poll(async () => Number(await bar.getAttribute('value'))).toBeGreaterThan(0);
    await screenshot(studio.page, 'studio-uploading');
    expect(await studio.faults()).toEqual([]);
    await devTools.send('Network.emulateNetworkConditions', { ...slow, uploadThroughput: -1 });
    await studio.isReady('Face');
  });

  test('goes on where it was when the line comes back', async () => {
    const context = studio.page.context();
    await studio.chooseBoth(samples);
    await studio.button('Swap faces').click();
    await studio.isQueued();
    await context.setOffline(true);
    await studio.page.getByText('The gateway can’t be reached. What you began goes on.').waitFor();
    await screenshot(studio.page, 'studio-offline');
    finishLast();
    await context.setOffline(false);
    await studio.swap.getByRole('slider').waitFor();
    await studio.cards.first().getByText('Done').waitFor();
    await studio.page.getByText('The gateway can’t be reached').waitFor({ state: 'hidden' });
  });

  test('shows a swap that was not answered before a reload, once', async () => {
    const { length } = gateway.sandbox.jobs;
    await studio.chooseBoth(samples);
    let isSubmitted = () => {};
    const submitted = new Promise<void>((resolve) => {
      isSubmitted = resolve;
    });
    await studio.page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('submitFaceSwap') !== true) return route.fallback();
      await route.fetch();
      // The answer is lost.
      isSubmitted();
      return undefined;
    });
    await studio.button('Swap faces').click();
    await studio.swap.getByText('Sending …').waitFor();
    await submitted;
    await screenshot(studio.page, 'studio-sending');
    await studio.page.unrouteAll({ behavior: 'ignoreErrors' });
    await studio.page.reload();
    await studio.isQueued();
    expect(gateway.sandbox.jobs.length).toBe(length + 1);
    // What is shown is in the address.
    await studio.page.reload();
    await studio.isQueued();
    finishLast();
    await studio.swap.getByRole('slider').waitFor();
  });

  test('sends one swap at a time after a reload too, and not again what was stopped', async () => {
    const before = await countJobs();
    let submits = 0;
    await studio.page.route('**/graphql', (route) => {
      if (route.request().postData()?.includes('submitFaceSwap') !== true) return route.fallback();
      // It never arrives.
      submits += 1;
      return undefined;
    });
    const remembered = () =>
      studio.page.evaluate(() => Object.keys((globalThis as unknown as Stores).localStorage));
    await studio.chooseBoth(samples);
    await studio.button('Swap faces').click();
    await expect.poll(() => submits).toBe(1);
    await studio.page.reload();
    await expect.poll(() => submits).toBe(2);
    expect(await remembered()).toHaveLength(1);
    await studio.chooseBoth(samples);
    expect(await studio.button('Swap faces').isDisabled()).toBe(true);
    await studio.button('Stop').click();
    await studio.swap.getByText('Press “Swap faces”.').waitFor();
    expect(submits).toBe(2);
    expect(await remembered()).toEqual([]);
    await studio.page.unrouteAll({ behavior: 'ignoreErrors' });
    await studio.page.reload();
    await studio.swap.getByText('Choose a face').waitFor();
    expect(await countJobs()).toBe(before);
  });

  test('tells why a swap was refused until another one is opened', async () => {
    await studio.chooseBoth(samples);
    await studio.button('Swap faces').click();
    await studio.isQueued();
    await studio.refuse('submitFaceSwap', 'Not today.');
    await studio.button('Swap faces').click();
    await studio.swap.getByText('Not today.').waitFor();
    await studio.cards.first().getByRole('button').click();
    await studio.isQueued();
    expect(await studio.swap.getByText('Not today.').count()).toBe(0);
    finishLast();
    await studio.swap.getByRole('slider').waitFor();
  });

  test('is live in two tabs: what one begins, ends and deletes is seen in the other', async () => {
    const other = await studio.otherTab();
    const before = await countJobs();
    await expect.poll(() => other.cards.count()).toBe(before);
    await studio.chooseBoth(samples);
    await studio.button('Swap faces').click();
    await studio.isQueued();
    await expect.poll(() => other.cards.count()).toBe(before + 1);
    await other.cards.first().getByText('Queued at Akool').waitFor();
    finishLast();
    await other.cards.first().locator('img').waitFor();
    await other.cards.first().getByRole('button').click();
    await other.swap.getByRole('slider').waitFor();
    await studio.swap.getByRole('button', { name: 'Delete' }).click();
    await studio.swap.getByRole('button', { name: 'Delete for good' }).click();
    await other.swap.getByText('There is no such swap').waitFor();
    await expect.poll(() => other.cards.count()).toBe(before);
  });

  test('does not take an erased file for a fault: it is sent once more, or left out', async () => {
    const eraseUploads = async (): Promise<void> => {
      const { uploads } = await dataOf(
        ask<Uploads, object>(gateway.url, '{ uploads { edges { node { id } } } }'),
      );
      for (const { node } of uploads.edges)
        await dataOf(ask(gateway.url, `mutation { deleteUpload(id: "${node.id}") }`));
    };
    await studio.chooseBoth(samples);
    await eraseUploads();
    await swapToEnd();

    await eraseUploads();
    await studio.page.reload();
    await studio.swap.getByText('The original can’t be loaded').waitFor();
    await studio.swap.getByRole('img', { name: 'After' }).waitFor();
    expect(await studio.swap.getByRole('alert').allTextContents()).toEqual(['']);
    await screenshot(studio.page, 'studio-erased');
    expect(await studio.faults()).toEqual([]);
  });

  test('loads the list as far as somebody scrolls', async () => {
    const image = `[{ path: "${gateway.sandbox.url}/samples/source-face.png" }]`;
    const one = `submitFaceSwap(input: { sourceImage: ${image}, targetImage: ${image} }) { job { id } }`;
    const before = await countJobs();
    for (let left = 60; left > 0; left -= 10) {
      const aliases = Array.from({ length: 10 }, (_, index) => `s${index}: ${one}`);
      await dataOf(ask(gateway.url, `mutation { ${aliases.join(' ')} }`));
    }
    await studio.page.reload();
    await expect.poll(() => studio.cards.count()).toBe(24);
    await expect
      .poll(async () => {
        await studio.page.keyboard.press('End');
        return studio.cards.count();
      })
      .toBe(before + 60);
    expect(await studio.button('Show more').count()).toBe(0);
  });
});

interface Jobs {
  readonly jobs: { readonly edges: readonly object[] };
}

interface Stores {
  readonly localStorage: object;
}

/** What these tests use of a page. */
interface Droppable {
  readonly DataTransfer: new () => { readonly items: { add(file: File): void } };
  readonly File: typeof File;
  readonly DOMException: typeof DOMException;
}

interface Uploads {
  readonly uploads: { readonly edges: readonly { readonly node: { readonly id: string } }[] };
}
