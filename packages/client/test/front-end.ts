/** A page of another origin with the client in it. */
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { ROOT } from '../../../test/support/gateway-process.js';
import { httpServer, type LocalServer } from '../../../test/support/local-server.js';
import type { FaceSwap, JobHandle, JobList, UploadProgress } from '../src/index.js';

/** What the page offers to a test. */
declare global {
  interface Window {
    faceSwap: FaceSwap;
    swap: JobHandle | undefined;
    list: JobList | undefined;
    progress: UploadProgress[];
    /** Submits two addresses. */
    submit(reference: string): void;
    /** Submits a file of this many random bytes, after a PNG's beginning. */
    submitFile(base64: string, reference: string): void;
    /** Shows the states of the job that was submitted last. */
    show(): void;
    shown: string[];
    /** What became of each submit of an earlier page. */
    resumed(): Promise<string[]>;
  }
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>Front end</title><script type="module">
import { createFaceSwap } from '/client.js';
const url = new URLSearchParams(location.search).get('gateway') + '/graphql';
// With a server of tokens at /token, if the address says so.
const token = location.search.includes('tokens') ? async () => (await fetch('/token')).text() : undefined;
window.faceSwap = createFaceSwap({ url, token, scope: 'anna' });
window.progress = [];
const target = 'https://example.com/original.jpg';
window.submit = (reference) => {
  window.swap = faceSwap.submit({ source: 'https://example.com/face.jpg', target, reference });
};
window.submitFile = (base64, reference) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const source = new File([bytes], 'me.png', { type: 'image/png' });
  window.swap = faceSwap.submit({ source, target, reference }, { onProgress: (one) => progress.push(one) });
};
window.shown = [];
window.show = async () => {
  for await (const { version, status } of window.swap) window.shown.push(version + ' ' + status);
};
window.resumed = () =>
  Promise.all(
    faceSwap.resumed.getSnapshot().map(async (one) => (one.outcome === 'sent-again' ? one.job.id : one.outcome)),
  );
</script>`;

/**
 * Serves the page, at `/?gateway=ADDRESS`, and `&tokens` if it is to ask for them.
 *
 * @param token returns the next one
 */
export async function frontEnd(token = () => ''): Promise<LocalServer> {
  const { outputFiles } = await build({
    entryPoints: [`${ROOT}/packages/client/src/index.ts`],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const texts: Readonly<Record<string, () => readonly [type: string, text: string]>> = {
    '/client.js': () => ['text/javascript', outputFiles[0]?.text ?? ''],
    '/token': () => ['text/plain', token()],
  };
  return httpServer(({ path }, response) => {
    const [type, text] = texts[path]?.() ?? ['text/html', PAGE];
    response.writeHead(200, { 'content-type': type });
    response.end(text);
  });
}

/** Resolves when the page has loaded the client. */
export async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => window.resumed !== undefined);
}
