/** Faces over HTTP: `detectFaces`, and `detectOpts` on a submit. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AkoolClient } from '../../src/services/akool/akool-client.js';
import { createAkoolClient } from '../../src/services/akool/http-akool-client.js';
import { IMAGE_FAULTS } from '../../src/services/faces/base64-picture.js';
import { type Answer, ask, dataOf, errorOf, follow, lookUp, submit } from '../support/caller.js';
import { startGateway, type TestGateway, withMethods } from '../support/harness.js';
import { httpServer, json } from '../support/local-server.js';

let gateway: TestGateway;

afterEach(async () => {
  await gateway?.stop();
});

interface Face {
  readonly landmarks: readonly { x: number; y: number }[];
  readonly opts: string | null;
  readonly landmarksStr: string | null;
  readonly cropLandmarks: string | null;
  readonly faceUrl: string | null;
  readonly region: Rectangle;
  readonly cropRegion: Rectangle | null;
}

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Detected {
  readonly detectFaces: {
    readonly frames: readonly { index: number; timeSeconds: number | null; faces: readonly Face[] }[];
  };
}

const DETECT = /* GraphQL */ `
  query DetectFaces($input: DetectFacesInput!) {
    detectFaces(input: $input) {
      frames {
        index
        timeSeconds
        faces {
          landmarks { x y }
          opts
          landmarksStr
          cropLandmarks
          faceUrl
          region { x y width height }
          cropRegion { x y width height }
        }
      }
    }
  }
`;
/** A picture of one pixel, in base64. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const at = (name: string): string => `https://example.com/${name}`;

function detect(input: object): Promise<Answer<Detected>> {
  return ask<Detected, unknown>(gateway.url, DETECT, { input });
}

async function framesOf(input: object): Promise<Detected['detectFaces']['frames']> {
  return (await dataOf(detect(input))).detectFaces.frames;
}

describe('detectFaces', () => {
  it('gives each face of a picture with all that Akool says, and opts ready to be submitted', async () => {
    gateway = await startGateway();
    const [frame, ...others] = await framesOf({ url: at('two-faces.png') });
    expect(others).toEqual([]);
    expect(frame).toMatchObject({ index: 0, timeSeconds: null });
    expect(frame?.faces).toHaveLength(2);
    for (const face of frame?.faces ?? []) {
      expect(face.landmarks).toHaveLength(6);
      expect(face.cropLandmarks).toMatch(/^-?\d+,-?\d+(:-?\d+,-?\d+){3}$/);
      expect(face.landmarksStr).toMatch(/^\d+,\d+(:\d+,\d+){3}$/);
      expect(face.opts).toBe(face.cropLandmarks);
      expect(face.faceUrl).toContain(gateway.sandbox.url);
      expect(face.region.width).toBeGreaterThan(0);
      expect(face.cropRegion?.width).toBeGreaterThan(face.region.width);
    }
  });

  it('finds opts in landmarksStr where there are no crop landmarks', async () => {
    gateway = await startGateway({
      overrides: {
        wrapAkool: (akool) =>
          withMethods<AkoolClient>(akool, {
            detectFaces: async (request) =>
              (await akool.detectFaces(request)).map((frame) => ({
                ...frame,
                faces: frame.faces.map((face) => ({ ...face, cropLandmarks: null })),
              })),
          }),
      },
    });
    const [face] = (await framesOf({ url: at('a.jpg') }))[0]?.faces ?? [];
    expect(face?.opts).toBe(face?.landmarksStr);
    expect(face?.opts).not.toBeNull();
  });

  it('follows the faces of a video through as many frames as asked for', async () => {
    gateway = await startGateway();
    const frames = await framesOf({ url: at('clip.mp4'), numFrames: 3 });
    expect(frames.map(({ index, timeSeconds }) => [index, timeSeconds])).toEqual([
      [0, 0],
      [5, 0.2],
      [10, 0.4],
    ]);
  });

  it('gives only the largest face when told so', async () => {
    gateway = await startGateway();
    const all = (await framesOf({ url: at('faces-5.png') }))[0]?.faces ?? [];
    const one = (await framesOf({ url: at('faces-5.png'), singleFace: true }))[0]?.faces ?? [];
    expect(one).toHaveLength(1);
    expect(areaOf(one[0])).toBe(Math.max(...all.map(areaOf)));
  });

  it('is no error where there is no face: an empty list', async () => {
    gateway = await startGateway();
    expect(await framesOf({ url: at('noface.jpg') })).toEqual([{ index: 0, timeSeconds: null, faces: [] }]);
  });

  it('takes a picture in base64, bare and as a data URI', async () => {
    gateway = await startGateway();
    const bare = await framesOf({ image: PIXEL });
    expect(bare[0]?.faces).toHaveLength(1);
    expect(await framesOf({ image: `data:image/png;base64,${PIXEL}` })).toEqual(bare);
  });

  it.each([
    ['wrapped lines', `${PIXEL.replace(/.{20}/g, '$&\r\n')}\n`],
    ['base64url', PIXEL.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')],
    ['a data URI in capitals', `DATA:IMAGE/PNG;BASE64,${PIXEL}`],
    ['a data URI with parameters', `data:image/png;charset=utf-8;name="a.png" ;base64,\n${PIXEL}`],
    ['a data URI of a file of unknown type', `data:application/octet-stream;base64,${PIXEL}`],
    ['a data URI without a type', `data:;base64,${PIXEL}`],
    ['indented lines', ` ${PIXEL.replace(/.{20}/g, '$& \r\n\t ')}\n`],
  ])('takes base64 as programs make it, and sends it as Akool reads it: %s', async (_what, image) => {
    const asked: unknown[] = [];
    gateway = await startGateway({ overrides: { wrapAkool: (akool) => noting(akool, asked) } });
    expect((await framesOf({ image }))[0]?.faces).toHaveLength(1);
    const [{ image: sent }] = asked as [{ image: string }];
    const digits = sent.replace(/^data:image\/png;base64,/, '');
    expect(digits).toMatch(/^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/);
    expect(Buffer.from(digits, 'base64')).toEqual(Buffer.from(PIXEL, 'base64'));
  });

  it.each(['submitFaceSwap', 'submitFaceSwapPlus'])('gives what %s takes as it is', async (mutation) => {
    const face = {
      region: [0.5, 1.25, 100.123456789, 0.02],
      landmarks: [[1.5, 2]],
      landmarks_str: '262.123456789012, 1.8e-05:363, 175:313, 215:272, 279:340, 280',
      crop_landmarks: null,
      face_urls: 'https://example.com/نمی\u200cخواهم face.jpg',
      crop_region: [-5, -5, 0, 200],
    };
    const both = [face, { ...face, region: [1, 1, 0, 3] }];
    const lists = Object.fromEntries(
      Object.keys(face).map((key) => [key, both.map((one) => Reflect.get(one, key))]),
    );
    const akool = await httpServer(
      json(200, { error_code: 0, error_msg: 'SUCCESS', faces_obj: { '0': lists } }),
    );
    gateway = await startGateway({
      overrides: { wrapAkool: (sandbox) => detectingAt(akool.url, sandbox, () => true) },
    });
    const faces = (await framesOf({ url: at('a.jpg') }))[0]?.faces ?? [];
    expect(faces).toHaveLength(1);
    const [found] = faces;
    expect(found?.cropRegion).toBeNull();
    expect(found?.opts).toBe('262.123456789012,0.000018:363,175:313,215:272,279:340,280');
    const input =
      mutation === 'submitFaceSwap'
        ? { sourceImage: [{ path: found?.faceUrl, opts: found?.opts }], targetImage: [{ path: at('b.jpg') }] }
        : {
            sourceUrl: at('a.jpg'),
            targetUrl: at('b.jpg'),
            faceMapping: [{ source: { faceUrl: found?.faceUrl }, target: { region: found?.region } }],
          };
    const type = mutation === 'submitFaceSwap' ? 'SubmitFaceSwapInput' : 'SubmitFaceSwapPlusInput';
    const { body } = await ask<Record<string, { job: { status: string } }>, unknown>(
      gateway.url,
      `mutation ($input: ${type}!) { ${mutation}(input: $input) { job { status } } }`,
      { input },
    );
    expect(body.errors).toBeUndefined();
    expect(body.data?.[mutation]?.job.status).toBe('QUEUED');
    await akool.close();
  });

  it('sends an address in the characters that Akool takes', async () => {
    const asked: unknown[] = [];
    gateway = await startGateway({ overrides: { wrapAkool: (akool) => noting(akool, asked) } });
    await framesOf({ url: at('größe.jpg') });
    expect(asked).toMatchObject([{ url: at('gr%C3%B6%C3%9Fe.jpg') }]);
  });

  it('takes a picture of 5 MB', async () => {
    gateway = await startGateway();
    expect((await framesOf({ image: pictureOf(5 * 1024 * 1024) }))[0]?.faces).toHaveLength(1);
  });

  it('blames the address for media that Akool can not have', async () => {
    gateway = await startGateway();
    const answer = await detect({ url: at('missing.jpg?key=secret-value') });
    const error = await errorOf(Promise.resolve(answer));
    expect(error.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      fieldErrors: [{ path: 'input.url', code: 'MEDIA_UNUSABLE' }],
    });
    expect(answer.text).not.toContain('secret-value');
  });

  it.each(['reset', 'error', 'garbage', 'too-many-requests'] as const)(
    'says PROVIDER_UNAVAILABLE on %s, remembers nothing of it, and works again afterwards',
    async (fault) => {
      gateway = await startGateway();
      gateway.sandbox.setFaults({ script: [{ on: 'detect', fault }] });
      const error = await errorOf(detect({ url: at('a.jpg') }));
      expect(error.extensions?.code).toBe('PROVIDER_UNAVAILABLE');
      expect(error.message).toMatch(/try again later/);
      expect((await framesOf({ url: at('a.jpg') }))[0]?.faces).toHaveLength(1);
    },
  );

  it.each([1006, 1101, 1200])(
    'blames nobody who asks when Akool refuses the gateway itself (%d)',
    async (code) => {
      gateway = await startGateway();
      gateway.sandbox.setFaults({ script: [{ on: 'detect', fault: 'refuse', code }] });
      expect((await errorOf(detect({ url: at('a.jpg') }))).extensions?.code).toBe('PROVIDER_UNAVAILABLE');
    },
  );

  it('asks once for the same thing at the same time, and keeps the answer', async () => {
    gateway = await startGateway();
    const gate = gateway.sandbox.hold('detect');
    const same = Array.from({ length: 5 }, () => framesOf({ url: at('a.jpg') }));
    const other = framesOf({ url: at('a.jpg'), singleFace: true });
    await expect.poll(() => gate.waiting).toBe(2);
    gate.release();
    const [first, ...rest] = await Promise.all(same);
    for (const one of rest) expect(one).toEqual(first);
    await other;
    await framesOf({ url: at('a.jpg') });
    expect(gateway.sandbox.requests.detect).toBe(2);
  });

  it('keeps nothing with DETECT_CACHE_MS=0, but still shares what is under way', async () => {
    gateway = await startGateway({ env: { DETECT_CACHE_MS: '0' } });
    const gate = gateway.sandbox.hold('detect');
    const one = `detectFaces(input: { url: "${at('a.jpg')}" }) { frames { index } }`;
    const same = ask(gateway.url, `{ a: ${one} b: ${one} }`);
    await gate.arrived;
    gate.release();
    await dataOf(same);
    expect(gateway.sandbox.requests.detect).toBe(1);
    await framesOf({ url: at('a.jpg') });
    expect(gateway.sandbox.requests.detect).toBe(2);
  });
});

describe('detectFaces, before Akool is asked,', () => {
  let shared: TestGateway;
  beforeAll(async () => {
    shared = await startGateway();
  });
  afterAll(() => shared.stop());

  it.each([
    ['nothing', {}, 'input', 'MEDIA_REQUIRED'],
    ['both', { url: at('a.jpg'), image: PIXEL }, 'input', 'MEDIA_REQUIRED'],
    ['no address', { url: 'ftp://secret-value/a.jpg' }, 'input.url', 'URL_INVALID'],
    ['no base64', { image: 'secret-value!' }, 'input.image', 'IMAGE_INVALID', IMAGE_FAULTS.NOT_BASE64],
    [
      'a picture whose plus signs became blanks',
      { image: `iVBORw0KGgo ${'A'.repeat(24)}` },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.BLANK,
    ],
    ['an empty picture', { image: '' }, 'input.image', 'IMAGE_INVALID', IMAGE_FAULTS.EMPTY],
    [
      'an empty data URI',
      { image: 'data:image/png;base64,' },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.EMPTY,
    ],
    ['an address', { image: at('secret-value') }, 'input.image', 'IMAGE_INVALID', IMAGE_FAULTS.ADDRESS],
    [
      'base64 that was cut off',
      { image: PIXEL.slice(0, 41) },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.CUT_OFF,
    ],
    [
      'a data URI that is not base64',
      { image: `data:image/png,${PIXEL}` },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.NOT_A_BASE64_URI,
    ],
    [
      'a picture of a phone',
      { image: base64('\0\0\0\x18ftypheic\0\0\0\0mif1heic') },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.HEIC,
    ],
    [
      'no picture',
      { image: base64('secret-value, just text') },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.NOT_A_PICTURE,
    ],
    [
      'a page',
      { image: base64('<html><script>1</script>') },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.NOT_A_PICTURE,
    ],
    [
      'a drawing that can run scripts',
      {
        image: `data:image/svg+xml;base64,${base64('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')}`,
      },
      'input.image',
      'IMAGE_INVALID',
    ],
    [
      'a data URI of another kind',
      { image: `data:text/html;base64,${PIXEL}` },
      'input.image',
      'IMAGE_INVALID',
      IMAGE_FAULTS.NOT_A_PICTURE_URI,
    ],
    [
      'a picture over 5 MB',
      { image: pictureOf(5 * 1024 * 1024 + 6) },
      'input.image',
      'IMAGE_INVALID',
      'must be at most 5 MB; use url for larger pictures',
    ],
    ['no frames', { url: at('clip.mp4'), numFrames: 0 }, 'input.numFrames', 'NUM_FRAMES_INVALID'],
    ['too many frames', { url: at('clip.mp4'), numFrames: 101 }, 'input.numFrames', 'NUM_FRAMES_INVALID'],
  ])('refuses %s, and repeats no value', async (_what, input, path, code, message = expect.any(String)) => {
    const answer = await ask<Detected, unknown>(shared.url, DETECT, { input });
    const error = await errorOf(Promise.resolve(answer));
    expect(error.extensions?.code).toBe('BAD_USER_INPUT');
    expect(error.extensions?.fieldErrors).toEqual([{ path, code, message }]);
    expect(answer.text).not.toContain('secret-value');
    expect(shared.sandbox.requests.detect).toBe(0);
  });
});

describe('a submit with detectOpts', () => {
  const OPTS = '262,175:363,175:313,215:272,279';

  it('sends what was found, of the largest face, and shows it on the job', async () => {
    gateway = await startGateway();
    const job = await submit(gateway.url, {
      detectOpts: true,
      sourceImage: [{ path: at('faces-5.png') }, { path: at('given.jpg'), opts: OPTS }],
      targetImage: [{ path: at('c.jpg') }, { path: at('d.jpg') }],
    });
    expect(job.status).toBe('QUEUED');
    const [largest] = (await framesOf({ url: at('faces-5.png'), singleFace: true }))[0]?.faces ?? [];
    const [bill] = gateway.sandbox.bills;
    const sent = bill?.request as unknown as Images;
    expect(sent.sourceImage).toEqual([
      { path: at('faces-5.png'), opts: largest?.opts },
      { path: at('given.jpg'), opts: OPTS },
    ]);
    expect(sent.targetImage.every(({ opts }) => opts !== null)).toBe(true);
    expect(await imagesOf(job.id)).toEqual({ sourceImage: sent.sourceImage, targetImage: sent.targetImage });
  });

  it('asks once for an address that is there twice, even when nothing is kept', async () => {
    gateway = await startGateway({ env: { DETECT_CACHE_MS: '0' } });
    const twice = [{ path: at('a.jpg') }, { path: at('b.jpg') }, { path: at('a.jpg') }];
    await submit(gateway.url, { detectOpts: true, sourceImage: twice, targetImage: twice });
    expect(gateway.sandbox.requests.detect).toBe(2);
    expect(gateway.sandbox.bills).toHaveLength(1);
  });

  it('looks at a few pictures at a time', async () => {
    gateway = await startGateway();
    const gate = gateway.sandbox.hold('detect');
    const many = Array.from({ length: 20 }, (_, i) => ({ path: at(`${i}.jpg`) }));
    const submitting = submit(gateway.url, { detectOpts: true, sourceImage: many, targetImage: many });
    await expect.poll(() => gate.waiting).toBe(4);
    expect(gateway.sandbox.requests.detect).toBe(4);
    gate.release();
    expect((await submitting).status).toBe('QUEUED');
    expect(gateway.sandbox.requests.detect).toBe(20);
  });

  it('asks nobody when nothing is missing', async () => {
    gateway = await startGateway();
    const images = [{ path: at('a.jpg'), opts: OPTS }];
    await submit(gateway.url, { detectOpts: true, sourceImage: images, targetImage: images });
    expect(gateway.sandbox.requests.detect).toBe(0);
  });

  it('fails with NO_FACE_FOUND, names each picture, and nothing is sent or billed', async () => {
    gateway = await startGateway();
    const job = await submit(gateway.url, {
      detectOpts: true,
      sourceImage: [{ path: at('a.jpg') }, { path: at('noface.jpg?key=secret-value') }],
      targetImage: [{ path: at('noface-2.jpg') }],
    });
    expect(job).toMatchObject({
      status: 'FAILED',
      error: { code: 'NO_FACE_FOUND', retryable: false, providerCode: null },
    });
    expect(job.error?.message).toContain('sourceImage.1, targetImage.0');
    expect(job.error?.message).not.toContain('secret-value');
    expect(gateway.sandbox.requests.pro).toBe(0);
    expect(gateway.sandbox.bills).toEqual([]);
  });

  it('never sends landmarks that have not the form of opts: leaves them out, or fails unsent', async () => {
    const odd = await httpServer(
      json(200, {
        error_code: 0,
        error_msg: 'SUCCESS',
        faces_obj: {
          '0': {
            landmarks: [[[1, 1]]],
            region: [[0, 0, 9, 9]],
            crop_landmarks: ['x"; drop'],
            landmarks_str: ['5'],
          },
        },
      }),
    );
    try {
      gateway = await startGateway({
        overrides: { wrapAkool: (akool) => detectingAt(odd.url, akool, (url) => url.includes('odd')) },
      });
      const one = {
        detectOpts: true,
        sourceImage: [{ path: at('odd.jpg') }],
        targetImage: [{ path: at('a.jpg') }],
      };
      expect((await submit(gateway.url, one)).status).toBe('QUEUED');
      const sent = gateway.sandbox.bills[0]?.request as unknown as Images;
      expect(sent.sourceImage).toEqual([{ path: at('odd.jpg') }]);
      expect(sent.targetImage[0]?.opts).toMatch(/^-?\d+,/);

      const two = { ...one, targetImage: [{ path: at('a.jpg') }, { path: at('odd-2.jpg') }] };
      const job = await submit(gateway.url, two);
      expect(job).toMatchObject({ status: 'FAILED', error: { code: 'PROVIDER_ERROR' } });
      expect(job.error?.message).toContain('sourceImage.0, targetImage.1');
      expect(gateway.sandbox.bills).toHaveLength(1);
    } finally {
      await odd.close();
    }
  });

  it('fails when Akool can not have a picture, and says which', async () => {
    gateway = await startGateway();
    const job = await submit(gateway.url, {
      detectOpts: true,
      sourceImage: [{ path: at('a.jpg') }],
      targetImage: [{ path: at('b.jpg') }, { path: at('missing.jpg') }],
    });
    expect(job).toMatchObject({ status: 'FAILED', error: { code: 'CONTENT_NOT_FOUND' } });
    expect(job.error?.message).toContain('targetImage.1');
    expect(gateway.sandbox.requests.pro).toBe(0);
  });

  it('waits when Akool refuses the gateway itself, which is no word on the pictures', async () => {
    gateway = await startGateway();
    gateway.sandbox.setFaults({ script: [{ on: 'detect', fault: 'refuse', code: 1006 }] });
    const job = await submit(gateway.url, detected());
    expect(job).toMatchObject({ status: 'WAITING', waitingReason: 'NO_CREDIT', error: null });
    expect((await follow(gateway.url, job.id)).at(-1)?.status).toBe('COMPLETED');
    expect(gateway.sandbox.bills).toHaveLength(1);
  });

  it('waits while Akool is away, and is sent once it is back', async () => {
    gateway = await startGateway();
    gateway.sandbox.setFaults({ script: [{ on: 'detect', fault: 'reset' }] });
    const job = await submit(gateway.url, detected());
    expect(job.status).toBe('WAITING');
    const states = await follow(gateway.url, job.id);
    expect(states.at(-1)?.status).toBe('COMPLETED');
    expect(gateway.sandbox.bills).toHaveLength(1);
  });

  it('finds again only what it has not found yet', async () => {
    gateway = await startGateway({ env: { DETECT_CACHE_MS: '0' } });
    gateway.sandbox.setFaults({ script: [{ on: 'detect', nth: 2, fault: 'error' }] });
    const gate = gateway.sandbox.hold('submit');
    const { id } = await submit(gateway.url, detected());
    await gate.arrived;
    expect(gateway.sandbox.requests.detect).toBe(3);
    gate.release();
    expect((await follow(gateway.url, id)).at(-1)?.status).toBe('COMPLETED');
  });

  it('is put back, and not taken for sent, when the gateway stops in the midst of it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
    const first = await startGateway({ dir, env: { DRAIN_MS: '0' } });
    const gate = first.sandbox.hold('detect');
    const input = { ...detected(), idempotencyKey: 'once' };
    // Without a drain, the connection may be cut before its answer is out.
    const submitting = submit(first.url, input).catch(() => null);
    await gate.arrived;
    const stopping = first.stop();
    expect([undefined, 'WAITING']).toContain((await submitting)?.status);
    await stopping;
    expect(first.sandbox.requests.pro).toBe(0);

    gateway = await startGateway({ dir });
    const { id } = await submit(gateway.url, input);
    expect((await follow(gateway.url, id)).at(-1)?.status).toBe('COMPLETED');
    const { history } = await lookUp(gateway.url, id);
    expect(history.map((update) => update.status)).not.toContain('UNCONFIRMED');
    await gateway.stop();
    rmSync(dir, { recursive: true });
  });
});

interface Images {
  readonly sourceImage: readonly { path: string; opts: string | null }[];
  readonly targetImage: readonly { path: string; opts: string | null }[];
}

async function imagesOf(id: string): Promise<Images> {
  const query = `query ($id: ID!) {
    job(id: $id) { ... on FaceSwapJob { sourceImage { path opts } targetImage { path opts } } }
  }`;
  return (await dataOf(ask<{ job: Images }, unknown>(gateway.url, query, { id }))).job;
}

/** One picture on each side, without `opts`. */
function detected() {
  return { detectOpts: true, sourceImage: [{ path: at('a.jpg') }], targetImage: [{ path: at('b.jpg') }] };
}

function noting(akool: AkoolClient, asked: unknown[]): AkoolClient {
  return withMethods<AkoolClient>(akool, {
    detectFaces: (request, options) => {
      asked.push(request);
      return akool.detectFaces(request, options);
    },
  });
}

function areaOf(face: Face | undefined): number {
  return (face?.region.width ?? 0) * (face?.region.height ?? 0);
}

/** Looks for faces in these pictures at `baseUrl`, and does everything else at `akool`. */
function detectingAt(baseUrl: string, akool: AkoolClient, isOdd: (url: string) => boolean): AkoolClient {
  const credentials = { kind: 'api-key', apiKey: 'k' } as const;
  const odd = createAkoolClient({ baseUrl, credentials, timeoutMs: 5000 });
  return withMethods<AkoolClient>(akool, {
    detectFaces: (request) => (isOdd(request.url ?? '') ? odd : akool).detectFaces(request),
    destroy: async () => {
      await Promise.all([odd.destroy(), akool.destroy()]);
    },
  });
}

/** A picture of so many bytes, in base64. */
function pictureOf(bytes: number): string {
  const picture = Buffer.alloc(bytes);
  Buffer.from(PIXEL, 'base64').copy(picture);
  return picture.toString('base64');
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

describe('Detection that is down', () => {
  it('keeps the jobs that need it waiting, and no other', async () => {
    gateway = await startGateway({ env: { AKOOL_MAX_CONCURRENCY: '5' }, sandbox: { maxConcurrency: 5 } });
    gateway.sandbox.setFaults({ rates: { detect: { error: 1 } } });
    const images = (name: string) => [{ path: `https://example.com/${name}.jpg` }];
    const lacking = { sourceImage: images('new'), targetImage: images('old'), detectOpts: true };
    const waiting = await Promise.all([submit(gateway.url, lacking), submit(gateway.url, lacking)]);
    expect(waiting.map(({ status }) => status)).toEqual(['WAITING', 'WAITING']);
    const plain = await submit(gateway.url);
    expect(plain.status).toBe('QUEUED');
    gateway.sandbox.setFaults({});
    const ends = await Promise.all(waiting.map(({ id }) => follow(gateway.url, id)));
    expect(ends.map((life) => life.at(-1)?.status)).toEqual(['COMPLETED', 'COMPLETED']);
  });
});
