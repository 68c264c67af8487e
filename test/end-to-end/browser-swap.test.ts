/** The whole story in a real Chromium: a page of another origin swaps two files from a disk, and keeps the result. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { startGateway, type TestGateway } from '../support/harness.js';
import { httpServer, type LocalServer, text } from '../support/local-server.js';

const BLUE = { r: 20, g: 40, b: 220 };
const GREEN = { r: 30, g: 200, b: 60 };
const NAME = 'Großmutter & ich 👵.png';

/** What Akool's side fetches is checked by another program than the one that made it. */
const EXIFTOOL = '/usr/bin/exiftool';

const PAGE = `<!doctype html><meta charset="utf-8"><title>Front end</title>
<input type="file" id="source"><input type="file" id="target"><canvas></canvas><a>Download</a>
<script>
  const gateway = new URLSearchParams(location.search).get('gateway');
  const file = (id) => document.getElementById(id).files[0];
  async function ask(query, variables) {
    const response = await fetch(gateway + '/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }
  async function upload({ type, size: byteSize }, body) {
    const { createUpload } = await ask(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url putUrl headers { name value } } } }',
      { input: { contentType: type, byteSize } },
    );
    const { url, putUrl, headers } = createUpload.upload;
    const sent = await fetch(putUrl, {
      method: 'PUT',
      headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
      body,
    });
    if (sent.status !== 201) throw new Error(await sent.text());
    return { path: url };
  }
  async function swap() {
    const [source, target] = await Promise.all([file('source'), file('target')].map((one) => upload(one, one)));
    const { submitFaceSwap } = await ask(
      'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }',
      { input: { sourceImage: [source], targetImage: [target] } },
    );
    const job = await lastOf(submitFaceSwap.job.id);
    return { job, source: source.path };
  }
  async function lastOf(id) {
    const response = await fetch(gateway + '/graphql/stream', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({
        query: 'subscription ($id: ID!, $name: String!) { jobUpdated(id: $id, untilArchived: true) { status result { url archived downloadUrl(fileName: $name) } } }',
        variables: { id, name: ${JSON.stringify(NAME)} },
      }),
    });
    const events = [...(await response.text()).matchAll(/^event: next\\ndata: (.*)$/gm)];
    return JSON.parse(events.at(-1)[1]).data.jobUpdated;
  }
  async function draw(url) {
    const image = new Image();
    image.crossOrigin = 'anonymous';
    image.src = url;
    await image.decode();
    const canvas = document.querySelector('canvas');
    Object.assign(canvas, { width: image.width, height: image.height });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const at = (x, y) => [...context.getImageData(x, y, 1, 1).data];
    return { width: image.width, height: image.height, middle: at(image.width / 2, image.height / 2), corner: at(9, 9) };
  }
</script>`;

interface Swapped {
  readonly job: {
    readonly status: string;
    readonly result: { readonly url: string; readonly archived: boolean; readonly downloadUrl: string };
  };
  readonly source: string;
}

interface Drawn {
  readonly width: number;
  readonly height: number;
  readonly middle: readonly number[];
  readonly corner: readonly number[];
}

describe.skipIf(!isChromiumInstalled())('a page of another origin', { timeout: 60_000 }, () => {
  let folder: string;
  let browser: Browser;
  let front: LocalServer;
  let gateway: TestGateway;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'browser-swap-'));
    const plain = (width: number, height: number, background: object) =>
      sharp({ create: { width, height, channels: 3, background } });
    // A phone's: it lies on its side, and says so, and where it was taken.
    await plain(800, 600, BLUE)
      .withExif({ IFD0: { Make: 'Camera' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 0/1' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toFile(join(folder, 'photo.jpg'));
    await plain(640, 480, GREEN).png().toFile(join(folder, 'scene.png'));
    [browser, front, gateway] = await Promise.all([
      launchChromium(),
      httpServer(text(200, PAGE, { 'content-type': 'text/html' })),
      startGateway(),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await front?.close();
    await gateway?.stop();
    rmSync(folder, { recursive: true });
  });

  it('swaps two files from a disk, draws the result, and downloads it under a name of its own', async () => {
    const page = await browser.newPage();
    await page.goto(`${front.url}?gateway=${encodeURIComponent(gateway.url)}`);
    await page.locator('#source').setInputFiles(join(folder, 'photo.jpg'));
    await page.locator('#target').setInputFiles(join(folder, 'scene.png'));
    const { job, source }: Swapped = await page.evaluate('swap()');
    expect(job).toMatchObject({ status: 'COMPLETED', result: { archived: true } });

    const drawn: Drawn = await page.evaluate(`draw(${JSON.stringify(job.result.url)})`);
    expect([drawn.width, drawn.height]).toEqual([640, 480]);
    expectNear(drawn.middle, BLUE);
    expectNear(drawn.corner, GREEN);

    await page.locator('a').evaluate((link, url) => link.setAttribute('href', url), job.result.downloadUrl);
    const downloading = page.waitForEvent('download');
    await page.locator('a').click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe(NAME);
    const kept = Buffer.from(await (await fetch(job.result.url)).arrayBuffer());
    expect(readFileSync((await download.path()) ?? '').equals(kept)).toBe(true);

    const fetched = join(folder, 'fetched.jpg');
    writeFileSync(fetched, Buffer.from(await (await fetch(source)).arrayBuffer()));
    const tags = (file: string): string =>
      execFileSync(EXIFTOOL, ['-G1', '-ImageSize', '-EXIF:all', '-GPS:all', '-XMP:all', file], {
        encoding: 'utf8',
      });
    expect(tags(join(folder, 'photo.jpg'))).toMatch(/800x600[\s\S]*Rotate 90 CW[\s\S]*GPS Latitude/);
    expect(tags(fetched).trim()).toMatch(/^\[Composite\] +Image Size +: 600x800$/);
  });
});

function expectNear([red = 0, green = 0, blue = 0]: readonly number[], { r, g, b }: typeof BLUE): void {
  for (const [one, other] of [
    [red, r],
    [green, g],
    [blue, b],
  ] as const)
    expect(Math.abs(one - other)).toBeLessThan(6);
}
