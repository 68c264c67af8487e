/** Uploads from a page of another origin, in a real Chromium: preflights, progress, and answers that can be read. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { httpServer, type LocalServer, text } from '../support/local-server.js';
import { type UploadStage, uploadsOnFiles } from '../support/uploads.js';

interface Sent {
  readonly status: number;
  readonly code: string | undefined;
  /** How much was sent at each event of progress, from 0 to 1. */
  readonly progress: readonly number[];
}

const PAGE = `<!doctype html><title>Front end</title><script>
  let file;
  async function drawNoise() {
    const canvas = new OffscreenCanvas(1600, 1600);
    const picture = canvas.getContext('2d');
    const { data } = picture.createImageData(1600, 1600);
    for (let at = 0; at < data.length; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
    picture.putImageData(new ImageData(data, 1600, 1600), 0, 0);
    file = await canvas.convertToBlob();
    return file.size;
  }
  function send(url) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const progress = [];
      request.upload.addEventListener('progress', ({ loaded, total }) => progress.push(loaded / total));
      request.addEventListener('loadend', () => {
        const { status, responseText } = request;
        resolve({ status, code: responseText && JSON.parse(responseText).code, progress });
      });
      request.open('PUT', url);
      request.setRequestHeader('content-type', 'image/png');
      request.send(file);
    });
  }
  async function sizeOf(url) {
    return (await (await fetch(url)).blob()).size;
  }
</script>`;

describe.skipIf(!isChromiumInstalled())('a page of another origin', { timeout: 60_000 }, () => {
  let browser: Browser;
  let page: Page;
  let front: LocalServer;
  let stage: UploadStage;

  beforeAll(async () => {
    [browser, front, stage] = await Promise.all([
      launchChromium(),
      httpServer(text(200, PAGE, { 'content-type': 'text/html' })),
      uploadsOnFiles(),
    ]);
    page = await browser.newPage();
    // A file that is sent in less than 50 ms has no progress to be seen.
    const devTools = await page.context().newCDPSession(page);
    const unlimited = { offline: false, latency: 0, downloadThroughput: -1 };
    await devTools.send('Network.emulateNetworkConditions', { ...unlimited, uploadThroughput: 50_000_000 });
    await page.goto(front.url);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await front?.close();
    await stage?.stop();
  });

  const send = (url: string): Promise<Sent> => page.evaluate(`send(${JSON.stringify(url)})`);

  it('sees the progress of a file, and that it was taken, once and again', async () => {
    const byteSize: number = await page.evaluate('drawNoise()');
    const { putUrl, url } = await stage.announce({ byteSize });
    const { status, progress } = await send(putUrl);
    expect([status, progress.at(-1)]).toEqual([201, 1]);
    expect(progress.length).toBeGreaterThan(1);
    expect((await send(putUrl)).status).toBe(200);
    expect(await page.evaluate(`sizeOf(${JSON.stringify(url)})`)).toBe(byteSize);
  });

  it.each([
    [15_000_000, 'LENGTH_MISMATCH', 400],
    [25_000_000, 'TOO_LARGE', 413],
  ])('reads why a file of %i bytes is refused while it is sent', async (size, code, status) => {
    const { putUrl } = await stage.announce({});
    await page.evaluate(`file = new Blob([new Uint8Array(${size})])`);
    expect(await send(putUrl)).toMatchObject({ status, code });
  });
});
