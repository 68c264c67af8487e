/** `downloadUrl`: a copy is saved under the name that was asked for, made harmless. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'content-disposition';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask, dataOf, follow, lookUp, submit } from '../support/caller.js';
import { isChromiumInstalled, launchChromium } from '../support/chromium.js';
import { startGateway, type TestGateway } from '../support/harness.js';

/** What is asked for, and what it is saved as. */
const NAMES: readonly (readonly [wanted: string | null, saved: string])[] = [
  [null, 'face-swap.png'],
  ['', 'face-swap.png'],
  ['Anna and Bert', 'Anna and Bert.png'],
  ['anna.PNG', 'anna.PNG'],
  ['Zoë 日本語 👋.png', 'Zoë 日本語 👋.png'],
  ['photo.exe', 'photo.exe.png'],
  ['photo.jpg', 'photo.jpg.png'],
  ['../../etc/passwd', '_.._etc_passwd.png'],
  ['..\\..\\Windows\\win.ini', '_.._Windows_win.ini.png'],
  ['/etc/passwd', '_etc_passwd.png'],
  ['C:\\a.png', 'C__a.png'],
  ['file:stream', 'file_stream.png'],
  ['..', 'face-swap.png'],
  ['.bashrc', 'bashrc.png'],
  ['.png', 'face-swap.png'],
  ['...png', 'face-swap.png'],
  [' . a . ', 'a.png'],
  ['a"; filename="b.exe', 'a_; filename=_b.exe.png'],
  ["a'b; filename*=UTF-8''c.exe", "a'b; filename_=UTF-8''c.exe.png"],
  ['a\\"b', 'a__b.png'],
  ['a\r\nset-cookie: b=c', 'a set-cookie_ b=c.png'],
  ['a\0b\u0007c\u007fd\u0085e', 'abcde.png'],
  ['\u202egnp.exe', 'gnp.exe.png'],
  ['a\u200e\u2066b\u2069\ufeff', 'ab.png'],
  ['a\u2028b\u00a0c', 'a b c.png'],
  ['a\ud800b', 'ab.png'],
  ['cafe\u0301', 'café.png'],
  ['CON', '_CON.png'],
  ['nul.png', '_nul.png'],
  ['aux .txt', '_aux .txt.png'],
  ['COM1.tar.gz', '_COM1.tar.gz.png'],
  ['lpt².png', '_lpt².png'],
  ['console', 'console.png'],
  ['%2e%2e%2fpasswd', '%2e%2e%2fpasswd.png'],
  ['50%25 off', '50%25 off.png'],
  ['<script>alert(1)</script>', '_script_alert(1)__script_.png'],
  ['what?*|.png', 'what___.png'],
  [`${'x'.repeat(300)}.png`, `${'x'.repeat(196)}.png`],
  ['日'.repeat(100), `${'日'.repeat(65)}.png`],
  [`${'a'.repeat(195)}👋`, `${'a'.repeat(195)}.png`],
];

let gateway: TestGateway;
let id: string;
let copyUrl: string;

beforeAll(async () => {
  gateway = await startGateway();
  ({ id } = await submit(gateway.url));
  await follow(gateway.url, id);
  await vi.waitFor(async () => expect((await lookUp(gateway.url, id)).result?.archived).toBe(true), 15_000);
  copyUrl = (await lookUp(gateway.url, id)).result?.url ?? '';
});
afterAll(() => gateway.stop());

async function downloadUrls(names: readonly (string | null)[]): Promise<readonly string[]> {
  const query =
    'query ($id: ID!, $name: String) { job(id: $id) { result { downloadUrl(fileName: $name) } } }';
  return Promise.all(
    names.map(async (name) => {
      const answer = ask<{ job: { result: { downloadUrl: string } } }, unknown>(gateway.url, query, {
        id,
        name,
      });
      return (await dataOf(answer)).job.result.downloadUrl;
    }),
  );
}

describe('downloadUrl', () => {
  it.each(NAMES)('asked for %j is saved as %j', async (wanted, saved) => {
    const [url = ''] = await downloadUrls([wanted]);
    expect(url.startsWith(`${copyUrl}?download=`)).toBe(true);
    expect(new URL(url).searchParams.get('download')).toBe(saved);
    // The same if someone puts the name into the address by hand.
    for (const address of [
      url,
      `${copyUrl}?download=${encodeURIComponent((wanted ?? '').replace('\ud800', ''))}`,
    ]) {
      const { status, headers } = await fetch(address, { method: 'HEAD' });
      const header = headers.get('content-disposition') ?? '';
      expect([status, headers.get('content-type')]).toEqual([200, 'image/png']);
      expect(header).toMatch(/^[\x20-\x7e]+$/);
      const { type, parameters } = parse(header);
      expect([type, parameters['filename']]).toEqual(['attachment', saved]);
      // For clients that know nothing else.
      expect(parse(header, { extended: false }).parameters['filename']).not.toContain('%');
      expect(headers.get('set-cookie')).toBeNull();
    }
  });

  it('is null until there is a copy', async () => {
    const gate = gateway.sandbox.hold('media');
    const other = await submit(gateway.url);
    await follow(gateway.url, other.id);
    const answer = ask(gateway.url, `{ job(id: "${other.id}") { result { archived downloadUrl } } }`);
    expect(await dataOf(answer)).toEqual({ job: { result: { archived: false, downloadUrl: null } } });
    gate.release();
  });

  it('can be read by whoever follows the job with a token', async () => {
    const { createFollowToken } = await dataOf(
      ask<{ createFollowToken: { token: string } }, unknown>(
        gateway.url,
        `mutation { createFollowToken(jobId: "${id}") { token } }`,
      ),
    );
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${createFollowToken.token}` },
      body: JSON.stringify({
        query: `{ job(id: "${id}") { result { downloadUrl(fileName: "mine") thumbnailUrl } } }`,
      }),
    });
    const downloadUrl = `${copyUrl}?download=mine.png`;
    expect(await response.json()).toEqual({
      data: { job: { result: { downloadUrl, thumbnailUrl: `${copyUrl}/320` } } },
    });
  });

  it('is served in ranges and to whoever has it like the copy itself, with its name', async () => {
    const [url = ''] = await downloadUrls(['mine']);
    const [whole, copy] = await Promise.all([fetch(url), fetch(copyUrl)]);
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(bytes.equals(Buffer.from(await copy.arrayBuffer()))).toBe(true);
    expect(copy.headers.get('content-disposition')).toBeNull();
    const etag = whole.headers.get('etag') ?? '';
    expect(etag).toBe(copy.headers.get('etag'));
    const part = await raw(url, { range: 'bytes=10-19', 'if-range': etag });
    expect([part.status, part.headers['content-range']]).toEqual([206, `bytes 10-19/${bytes.length}`]);
    const known = await raw(url, { 'if-none-match': etag });
    expect(known.status).toBe(304);
    for (const { headers } of [part, known]) {
      expect(headers['content-disposition']).toBe('attachment; filename=mine.png');
      expect(headers['cache-control']).toBe('private, max-age=31536000, immutable');
    }
    const beyond = await raw(url, { range: `bytes=${bytes.length}-` });
    expect([beyond.status, beyond.headers['content-disposition']]).toEqual([416, undefined]);
  });

  it.each([
    '?download',
    '?download=',
    '?download=%',
    '?download=%ff',
    '?download[]=a',
    '?download=a&download=b',
  ])('answers %s', async (query) => {
    const { status, headers } = await raw(`${copyUrl}${query}`);
    expect(status).toBe(200);
    expect(headers['content-disposition'] ?? 'attachment; ').toMatch(/^attachment; /);
  });
});

describe.skipIf(!isChromiumInstalled())('a download in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let page: Page;
  let dir: string;

  beforeAll(async () => {
    browser = await launchChromium();
    page = await browser.newPage();
    dir = await mkdtemp(join(tmpdir(), 'downloads-'));
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('from a page of another origin is saved under each name, of which Chromium has to change nothing', async () => {
    const hostile = NAMES.filter(([wanted], i) => i % 3 === 0 || /[^ -~]/.test(wanted ?? ''));
    const urls = await downloadUrls(hostile.map(([wanted]) => wanted));
    const seen: string[] = [];
    await page.route('https://front-end.example/', (route) =>
      route.fulfill({ contentType: 'text/html', body: '' }),
    );
    await page.goto('https://front-end.example/');
    for (const url of urls) {
      await page.setContent(`<a href="${url}" download="other.txt">Save</a>`);
      const [download] = await Promise.all([page.waitForEvent('download'), page.click('a')]);
      seen.push(download.suggestedFilename());
      await download.delete();
    }
    expect(seen).toEqual(hostile.map(([, saved]) => saved));
  });
});

/** Not by fetch, which adds headers to conditional requests. */
function raw(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: http.IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers, agent: false }, (response) => {
      response
        .resume()
        .once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    request.on('error', reject);
  });
}
