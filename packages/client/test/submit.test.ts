/** Submitting in Node, to the end. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Gate } from '../../../test/support/gate.js';
import { startGateway, type TestGateway } from '../../../test/support/harness.js';
import { RequestRefused, type UploadProgress } from '../src/index.js';
import { ADDRESSES, all, closeClients, newClient, picture } from './support.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());
afterEach(closeClients);

describe('submit', () => {
  it('brings addresses to a result, over versions that grow', async () => {
    const client = newClient(gateway.url);
    const swap = client.submit({ ...ADDRESSES, reference: 'album 7', metadata: { page: 3, url: 'mine' } });
    const states = await all(swap);
    const versions = states.map(({ version }) => version);
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    const last = states.at(-1);
    expect(last).toMatchObject({
      id: await swap.id,
      status: 'COMPLETED',
      reference: 'album 7',
      metadata: { page: 3, url: 'mine' },
      sourceImage: [{ path: ADDRESSES.source }],
      result: { archived: true },
    });
    expect(swap.getSnapshot()).toMatchObject({ job: last, error: null, done: true });
    expect(await swap.result()).toEqual(last?.result);
    // Whoever comes late gets the end.
    expect((await all(client.follow(await swap.id))).map(({ version }) => version)).toEqual([last?.version]);
  });

  it('uploads files first, each once, and tells of progress', async () => {
    const client = newClient(gateway.url);
    const file = picture(20_000);
    const told: UploadProgress[] = [];
    const swap = client.submit(
      { source: file, target: file },
      { onProgress: (progress) => told.push(progress) },
    );
    const result = await swap.result({ archived: true });
    expect(result.archived).toBe(true);
    expect((await fetch(result.url)).status).toBe(200);
    expect(told.at(-1)).toEqual({ loaded: file.size, total: file.size });
    const { job } = swap.getSnapshot();
    const [source, target] = job?.__typename === 'FaceSwapJob' ? [job.sourceImage, job.targetImage] : [];
    expect(source?.[0]?.path).toMatch(new RegExp(`^${gateway.url}/uploads/`));
    expect(target).toEqual(source);
  });

  it('submitPlus takes a style and uploads', async () => {
    const client = newClient(gateway.url);
    const target = await client.upload(picture(3000));
    expect(target).toMatchObject({ contentType: 'image/png', width: expect.any(Number) });
    const swap = client.submitPlus({
      source: new URL(ADDRESSES.source),
      target,
      singleFaceMode: true,
      modelStyle: 'LOSSLESS',
    });
    await swap.result();
    expect(await client.job(await swap.id)).toMatchObject({
      __typename: 'FaceSwapPlusJob',
      sourceUrl: ADDRESSES.source,
      targetUrl: target.url,
    });
  });

  it('a refusal names each field', async () => {
    const swap = newClient(gateway.url).submit({ source: 'no address', target: ADDRESSES.target });
    const error = await swap.id.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RequestRefused);
    expect(error).toMatchObject({
      code: 'BAD_USER_INPUT',
      fieldErrors: [{ path: 'input.sourceImage.0.path', code: 'URL_INVALID' }],
      retryAfter: null,
    });
    await expect(swap.result()).rejects.toBe(error);
    await expect(all(swap)).rejects.toBe(error);
    expect(swap.getSnapshot()).toEqual({ job: null, error, done: true });
  });

  it('one refused file stops the others, which tell of no more progress', async () => {
    let isStopped = false;
    const refused: unknown[] = [];
    const large = new Gate();
    const client = newClient(gateway.url, {
      fetch: async (input, init) => {
        if (init?.method !== 'PUT') return fetch(input, init);
        if ((init.body as Blob).size < 1000) {
          // Not refused before the other one is on its way.
          await large.arrived();
          return fetch(input, init);
        }
        return new Promise((_resolve, reject) => {
          init.signal?.addEventListener('abort', () => {
            isStopped = true;
            reject(init.signal?.reason);
          });
          void large.pass();
        });
      },
    });
    const swap = client.submit(
      { source: picture(3000), target: new Blob(['no picture'], { type: 'image/png' }) },
      { onProgress: (progress) => refused.push(progress) },
    );
    await expect(swap.id).rejects.toMatchObject({ code: 'MEDIA_UNSUPPORTED' });
    expect(isStopped).toBe(true);
    expect(refused).toEqual([]);
  });

  it('takes metadata of an interface', async () => {
    interface Place {
      readonly page: number;
    }
    const metadata: Place = { page: 3 };
    const client = newClient(gateway.url);
    const id = await client.submit({ ...ADDRESSES, metadata }).id;
    expect((await client.job(id))?.metadata).toEqual(metadata);
  });

  it('an address that is none is refused at once, and a gateway that is away by its address', async () => {
    // Not before something is asked, because servers render pages too.
    const relative = newClient('', {});
    await expect(relative.submit(ADDRESSES).id).rejects.toThrow('Invalid URL');
    const away = newClient('http://127.0.0.1:1');
    vi.useFakeTimers({ toFake: ['Date'] });
    const answer = away.jobs();
    vi.setSystemTime(Date.now() + 31_000);
    await expect(answer).rejects.toMatchObject({
      code: 'UNANSWERED',
      message: expect.stringContaining('http://127.0.0.1:1'),
    });
    vi.useRealTimers();
  });

  it('an abort is the reason of its signal', async () => {
    const client = newClient(gateway.url);
    const reason = new Error('Changed my mind');
    const swap = client.submit(ADDRESSES, { signal: AbortSignal.abort(reason) });
    await expect(swap.id).rejects.toBe(reason);
    await expect(swap.result()).rejects.toBe(reason);
  });
});
