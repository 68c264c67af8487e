/** Files that a browser sends, over a line that a test makes. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { closeClients, newClient } from './support.js';

/** Those that were sent. */
let sent: FakeXhr[];

/** XMLHttpRequest, which Node has not: what happens to it, a test decides. */
class FakeXhr {
  readonly upload: { onprogress?: (event: { loaded: number }) => void } = {};
  onloadend?: () => void;
  status = 0;
  responseText = '';
  open(): void {}
  setRequestHeader(): void {}
  getResponseHeader(): null {
    return null;
  }
  abort(): void {
    this.onloadend?.();
  }
  send(): void {
    sent.push(this);
  }
}

beforeEach(() => {
  sent = [];
  vi.stubGlobal('XMLHttpRequest', FakeXhr);
});
afterEach(() => {
  closeClients();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const announced = (id = '1'): Response =>
  Response.json({ data: { answer: { upload: { id, putUrl: `http://gateway/${id}`, headers: [] } } } });
const FILE = new Blob(['a picture'], { type: 'image/png' });

it('one that was still moving is sent once more, however long ago it began', async () => {
  const client = newClient('http://gateway', { fetch: async () => announced() });
  vi.useFakeTimers({ toFake: ['Date'] });
  const upload = client.upload(FILE, { onProgress: () => {} });
  await expect.poll(() => sent.length).toBe(1);
  vi.setSystemTime(Date.now() + 170_000);
  sent[0]?.upload.onprogress?.({ loaded: 5 });
  vi.setSystemTime(Date.now() + 100_000);
  sent[0]?.abort();
  await expect.poll(() => sent.length).toBe(2);
  // What was sent before is no progress.
  vi.setSystemTime(Date.now() + 90_000);
  sent[1]?.upload.onprogress?.({ loaded: 5 });
  sent[1]?.abort();
  await expect(upload).rejects.toMatchObject({ code: 'UNANSWERED' });
});

it('one whose address has expired meanwhile is announced once more', async () => {
  let announcements = 0;
  const client = newClient('http://gateway', { fetch: async () => announced(`${++announcements}`) });
  const answer = async (nth: number, status: number, body: object): Promise<void> => {
    await expect.poll(() => sent.length).toBe(nth);
    const xhr = sent[nth - 1];
    if (xhr === undefined) throw new Error('Nothing was sent');
    Object.assign(xhr, { status, responseText: JSON.stringify(body) }).abort();
  };
  const upload = client.upload(FILE, { onProgress: () => {} });
  await answer(1, 410, { code: 'EXPIRED', message: 'Too late.' });
  await answer(2, 201, { id: '2' });
  expect(await upload).toMatchObject({ id: '2' });

  const late = client.upload(FILE, { onProgress: () => {} });
  await answer(3, 410, { code: 'EXPIRED', message: 'Too late.' });
  await answer(4, 410, { code: 'EXPIRED', message: 'Too late again.' });
  await expect(late).rejects.toMatchObject({ code: 'EXPIRED', message: 'Too late again.' });
  expect(announcements).toBe(4);
});

it('one that is aborted before its first byte is not sent', async () => {
  const controller = new AbortController();
  const reason = new Error('Changed my mind');
  const client = newClient('http://gateway', {
    fetch: async () => {
      controller.abort(reason);
      return announced();
    },
  });
  await expect(client.upload(FILE, { signal: controller.signal, onProgress: () => {} })).rejects.toBe(reason);
  expect(sent).toEqual([]);
});
