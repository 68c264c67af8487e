/** Submits and face detection take uploads of the caller that are ready, and no other address of ours. */
import { afterEach, describe, expect, it } from 'vitest';
import type { FieldError } from '../support/caller.js';
import { type SeenUpload, startWithUploads, type UploadRecords } from '../support/upload-records.js';

let stage: UploadRecords;
afterEach(() => stage.gateway.stop());

const ELSEWHERE = 'https://example.com/face.jpg';
const PRO =
  'mutation ($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { deduplicated job { id status } } }';
const PLUS =
  'mutation ($input: SubmitFaceSwapPlusInput!) { submitFaceSwapPlus(input: $input) { deduplicated job { id status } } }';
const DETECT = 'query ($input: DetectFacesInput!) { detectFaces(input: $input) { frames { index } } }';

interface Submitted {
  readonly deduplicated: boolean;
  readonly job: { readonly id: string; readonly status: string };
}

const pro = (source: string, more: object = {}) => ({
  sourceImage: [{ path: source }],
  targetImage: [{ path: ELSEWHERE }],
  ...more,
});

async function faultsOf(query: string, input: object, tenant?: string): Promise<readonly FieldError[]> {
  const { data, errors } = await stage.ask(query, { input }, tenant);
  expect(data).toBeNull();
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  return errors[0]?.extensions?.fieldErrors ?? [];
}

const placesOf = (faults: readonly FieldError[]) => faults.map(({ path, code }) => [path, code]);

/** Ways to write the address of an upload. */
function spellings({ url }: SeenUpload): readonly string[] {
  const { origin, pathname } = new URL(url);
  const [, folder = '', file = ''] = pathname.split('/');
  const encoded = `%${file.charCodeAt(0).toString(16)}${file.slice(1)}`;
  return [
    `${url}?sandbox=1&x=/../#part`,
    url.replace('http://', 'HTTP://'),
    url.replace(/\.png$/, ''),
    `${origin}/${folder}/${encoded}`,
    `${origin}/x/../%75ploads/${file}`,
  ];
}

describe('An upload of the caller that is ready', () => {
  it('is taken wherever an address goes, however it is written', async () => {
    stage = await startWithUploads();
    const upload = await stage.ready();
    const [plain = '', ...others] = [upload.url, ...spellings(upload)];
    for (const url of [plain, ...others]) {
      expect((await stage.data<Submitted>(PRO, { input: pro(url) })).job.status).not.toBe('FAILED');
    }
    const face = (faceUrl: string) => ({ faceUrl, bbox: [1, 1, 20, 20] });
    const plus = {
      sourceUrl: plain,
      targetUrl: ELSEWHERE,
      faceMapping: [{ source: face(plain), target: face(plain) }],
    };
    expect((await stage.data<Submitted>(PLUS, { input: plus })).deduplicated).toBe(false);
    expect(await stage.data(DETECT, { input: { url: plain } })).toMatchObject({ frames: [{ index: 0 }] });
    const detecting = { sourceImage: [{ path: plain }], targetImage: [{ path: plain }, { path: ELSEWHERE }] };
    const { job } = await stage.data<Submitted>(PRO, { input: { ...detecting, detectOpts: true } });
    expect(job.status).not.toBe('FAILED');
  });

  it('is known by the path of PUBLIC_URL, and the same path elsewhere is not ours', async () => {
    stage = await startWithUploads({ env: { PUBLIC_URL: 'http://127.0.0.1:9/swap' } });
    const upload = await stage.ready();
    expect(upload.url).toMatch(/^http:\/\/127\.0\.0\.1:9\/swap\/uploads\//);
    await stage.data<Submitted>(PRO, { input: pro(`${upload.url}?x`) });
    expect(placesOf(await faultsOf(PRO, pro('http://127.0.0.1:9/swap/uploads/none')))).toEqual([
      ['input.sourceImage.0.path', 'UPLOAD_UNKNOWN'],
    ]);
    await stage.data<Submitted>(PRO, { input: pro('http://127.0.0.1:9/uploads/none') });
    await stage.data<Submitted>(PRO, { input: pro(`${stage.gateway.url}/uploads/none`) });
  });
});

describe('An address of uploads', () => {
  it('at which the caller has none that is ready is refused in its place, and told apart only for its owner', async () => {
    stage = await startWithUploads();
    const [own, awaiting, foreign] = [
      await stage.ready(),
      await stage.create(),
      await stage.ready({}, 'bob'),
    ];
    const gone = await stage.ready();
    await stage.data('mutation ($id: ID!) { deleteUpload(id: $id) }', { id: gone.id });
    const nothing = `${stage.gateway.url}/uploads`;
    const opts = '262,175:363,175:313,215:272,279';
    const images = (...urls: readonly string[]) => urls.map((path) => ({ path, opts }));
    const faults = await faultsOf(PRO, {
      sourceImage: images(own.url, awaiting.url, foreign.url, gone.url),
      targetImage: images(ELSEWHERE, `${nothing}/none?x`, `${nothing}/a/b`, nothing, awaiting.putUrl ?? ''),
    });
    expect(placesOf(faults)).toEqual([
      ['input.sourceImage.1.path', 'UPLOAD_NOT_READY'],
      ['input.sourceImage.2.path', 'UPLOAD_UNKNOWN'],
      ['input.sourceImage.3.path', 'UPLOAD_UNKNOWN'],
      ...[1, 2, 3, 4].map((i) => [`input.targetImage.${i}.path`, 'UPLOAD_UNKNOWN']),
    ]);
    const unknown = faults.filter(({ code }) => code === 'UPLOAD_UNKNOWN');
    expect(new Set(unknown.map(({ message }) => message)).size).toBe(1);
    for (const { message } of faults) expect(message).not.toContain(stage.gateway.url);
    expect(placesOf(await faultsOf(PRO, pro(awaiting.url), 'bob'))).toEqual([
      ['input.sourceImage.0.path', 'UPLOAD_UNKNOWN'],
    ]);
    expect(stage.gateway.sandbox.bills).toEqual([]);
  });

  it('is refused together with all other broken rules, in every place of Plus and for detection', async () => {
    stage = await startWithUploads();
    const [ready, { url }] = [await stage.ready(), await stage.create()];
    const face = { faceUrl: url };
    const faults = await faultsOf(PLUS, {
      sourceUrl: url,
      targetUrl: 'ftp://example.com/a',
      faceMapping: [{ source: face, target: face }],
      idempotencyKey: '\n',
    });
    expect(placesOf(faults).sort()).toEqual([
      ['input.faceMapping.0.source.bbox', 'BBOX_REQUIRED'],
      ['input.faceMapping.0.source.faceUrl', 'UPLOAD_NOT_READY'],
      ['input.faceMapping.0.target.bbox', 'BBOX_REQUIRED'],
      ['input.faceMapping.0.target.faceUrl', 'UPLOAD_NOT_READY'],
      ['input.idempotencyKey', 'IDEMPOTENCY_KEY_INVALID'],
      ['input.sourceUrl', 'UPLOAD_NOT_READY'],
      ['input.targetUrl', 'URL_INVALID'],
    ]);
    const broken = { sourceImage: [{ path: url }, { path: ready.url }], targetImage: [] };
    expect(placesOf(await faultsOf(PRO, broken)).sort()).toEqual([
      ['input.sourceImage.0.opts', 'OPTS_REQUIRED'],
      ['input.sourceImage.0.path', 'UPLOAD_NOT_READY'],
      ['input.sourceImage.1.opts', 'OPTS_REQUIRED'],
      ['input.targetImage', 'TOO_FEW_IMAGES'],
    ]);
    expect(placesOf(await faultsOf(DETECT, { url }))).toEqual([['input.url', 'UPLOAD_NOT_READY']]);
    expect(placesOf(await faultsOf(DETECT, { url, numFrames: 0 })).sort()).toEqual([
      ['input.numFrames', 'NUM_FRAMES_INVALID'],
      ['input.url', 'UPLOAD_NOT_READY'],
    ]);
  });

  it('costs no look at the uploads unless there is one in the input', async () => {
    stage = await startWithUploads();
    const upload = await stage.ready();
    // The sandbox downloads uploads.
    const looks = () => stage.calls.filter((name) => !/^(expire|claimErasures|findServed)$/.test(name));
    stage.calls.length = 0;
    await stage.data<Submitted>(PRO, { input: pro('https://example.com/uploads/face%20one.jpg') });
    await stage.data(DETECT, { input: { url: ELSEWHERE } });
    await faultsOf(PRO, pro('none'));
    // A submit is checked with the job's own transaction.
    await stage.data<Submitted>(PRO, { input: pro(upload.url) });
    expect(looks()).toEqual([]);
    await faultsOf(PRO, { sourceImage: [{ path: upload.url }, { path: upload.url }], targetImage: [] });
    expect(looks()).toEqual(['findNamed']);
  });
});

describe('A retry with the same idempotency key', () => {
  it('gives the same job although its upload is gone; another submit with it is refused', async () => {
    stage = await startWithUploads();
    const upload = await stage.ready();
    const input = pro(upload.url, { idempotencyKey: 'one' });
    const first = await stage.data<Submitted>(PRO, { input });
    await expect
      .poll(
        async () =>
          (await stage.data<{ status: string }>(`{ job(id: "${first.job.id}") { status } }`)).status,
      )
      .toBe('COMPLETED');
    await stage.data('mutation ($id: ID!) { deleteUpload(id: $id) }', { id: upload.id });
    const again = await stage.data<Submitted>(PRO, { input });
    expect(again).toMatchObject({ deduplicated: true, job: { id: first.job.id, status: 'COMPLETED' } });
    const other = { ...input, faceEnhance: true };
    const { errors } = await stage.ask(PRO, { input: other });
    expect(errors).toMatchObject([{ extensions: { code: 'IDEMPOTENCY_CONFLICT' } }]);
    expect(placesOf(await faultsOf(PRO, { ...input, idempotencyKey: 'two' }))).toEqual([
      ['input.sourceImage.0.path', 'UPLOAD_UNKNOWN'],
    ]);
    expect(stage.gateway.sandbox.bills).toHaveLength(1);
  });
});
