/** Filling in missing opts, in cases that the sandbox cannot produce. */
import { describe, expect, it } from 'vitest';
import type { DetectedFace } from '../../../src/services/akool/akool-client.js';
import { AkoolCallError, type AkoolCallErrorCode } from '../../../src/services/akool/call-error.js';
import { fillOpts, needsOpts } from '../../../src/services/faces/fill-opts.js';
import type { FaceImage, FaceSwapRequest } from '../../../src/services/jobs/job-request.js';
import { request } from '../../support/samples.js';

const OPTS = '1,2:3,4:5,6:7,8';
const { signal } = new AbortController();
const image = (name: string, opts: string | null = null): FaceImage => ({
  path: `https://example.com/${name}.jpg`,
  opts,
});
const asked = (sourceImage: FaceImage[], targetImage: FaceImage[]): FaceSwapRequest => ({
  ...request,
  detectOpts: true,
  sourceImage,
  targetImage,
});
const UNUSABLE = 'unusable';
const rectangle = { x: 0, y: 0, width: 10, height: 10 };
/** A detection that finds these `opts`; null if there is no face. */
const faces = (findOpts: (url: string) => Promise<string | null>) => ({
  largestFace: async (_tenant: string, url: string): Promise<DetectedFace | null> => {
    const opts = await findOpts(url);
    if (opts === null) return null;
    const cropLandmarks = opts === UNUSABLE ? null : opts;
    return {
      landmarks: [],
      landmarksStr: null,
      cropLandmarks,
      faceUrl: null,
      region: rectangle,
      cropRegion: null,
    };
  },
});
const failing = (code: AkoolCallErrorCode, httpStatus: number | null = null) =>
  faces(async (url) => {
    if (url.includes('good')) return OPTS;
    throw new AkoolCallError(code, 'Akool said no.', {
      httpStatus,
      providerCode: code === 'REFUSED' ? 1 : null,
    });
  });

describe('fillOpts', () => {
  it('fills in only what is missing, and asks for each address once', async () => {
    const looked: string[] = [];
    const noting = faces(async (url) => {
      looked.push(url);
      return OPTS;
    });
    const wanted = asked([image('a'), image('b', '9,9:9,9:9,9:9,9')], [image('a'), image('c')]);
    const filled = await fillOpts('t', wanted, noting, signal);
    expect(filled).toEqual({
      kind: 'filled',
      request: asked([image('a', OPTS), image('b', '9,9:9,9:9,9:9,9')], [image('a', OPTS), image('c', OPTS)]),
    });
    expect(looked).toEqual([image('a').path, image('c').path]);
    if (filled.kind === 'filled') expect(needsOpts(filled.request)).toBe(false);
  });

  it('names every place without a face, counted from 0', async () => {
    const wanted = asked([image('good'), image('none')], [image('none'), image('good')]);
    const filled = await fillOpts(
      't',
      wanted,
      faces(async (url) => (url.includes('none') ? null : OPTS)),
      signal,
    );
    expect(filled).toMatchObject({
      kind: 'failed',
      error: { code: 'NO_FACE_FOUND', message: expect.stringContaining('in sourceImage.1, targetImage.0:') },
    });
  });

  const unusable = faces(async (url) => (url.includes('odd') ? UNUSABLE : OPTS));

  it('leaves out landmarks that can not be sent where opts are optional, and does not look again', async () => {
    const filled = await fillOpts('t', asked([image('odd')], [image('good')]), unusable, signal);
    const request = { ...asked([image('odd')], [image('good', OPTS)]), detectOpts: false };
    expect(filled).toEqual({ kind: 'filled', request });
    if (filled.kind === 'filled') expect(needsOpts(filled.request)).toBe(false);
  });

  it('fails unsent where opts are required and what Akool gives can not be sent', async () => {
    const wanted = asked([image('good'), image('odd')], [image('good'), image('good')]);
    expect(await fillOpts('t', wanted, unusable, signal)).toMatchObject({
      kind: 'failed',
      error: {
        code: 'PROVIDER_ERROR',
        message: expect.stringMatching(/in sourceImage\.1,.*Nothing was sent or billed/),
      },
    });
  });

  it('names the place of a picture that Akool refuses', async () => {
    const filled = await fillOpts(
      't',
      asked([image('good')], [image('good'), image('bad')]),
      failing('REFUSED', 400),
      signal,
    );
    expect(filled).toMatchObject({
      kind: 'failed',
      error: { code: 'CONTENT_NOT_FOUND', message: expect.stringContaining('for targetImage.1:') },
    });
  });

  it.each([
    ['UNREACHABLE', null, false],
    ['RATE_LIMITED', 429, false],
    ['UNREACHABLE', 500, true],
    ['TIMEOUT', null, true],
    ['UNREADABLE', 200, true],
  ] as const)('keeps what it found when Akool is %s (%s)', async (code, status, maybePictures) => {
    const filled = await fillOpts('t', asked([image('good')], [image('bad')]), failing(code, status), signal);
    expect(filled).toMatchObject({
      kind: 'unavailable',
      maybePictures,
      request: asked([image('good', OPTS)], [image('bad')]),
    });
  });

  it('ends at once with its signal, and does not wait for lookups under way', async () => {
    const stop = new AbortController();
    let looked = 0;
    const never = faces(() => {
      looked += 1;
      stop.abort();
      return new Promise(() => {});
    });
    const filled = await fillOpts('t', asked([image('a')], [image('b')]), never, stop.signal);
    expect(filled).toMatchObject({ kind: 'unavailable', reason: 'faces were not found in time' });
    expect(looked).toBeGreaterThan(0);
    expect(await fillOpts('t', asked([image('a')], []), never, stop.signal)).toMatchObject({
      kind: 'unavailable',
    });
  });

  it('hides no mistake of ours', async () => {
    const broken = faces(async () => {
      throw new TypeError('a mistake');
    });
    await expect(fillOpts('t', asked([image('a')], [image('b')]), broken, signal)).rejects.toThrow(
      'a mistake',
    );
  });
});
