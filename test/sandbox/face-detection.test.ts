import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaceFrame } from '../../src/sandbox/face-detection.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { exampleRequests } from '../support/akool-schema.js';
import { call, DETECT, idOf, pro, startSandbox } from '../support/sandbox-customer.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.stop());

const detect = async (body: Record<string, unknown>) => {
  const answer = await call(sandbox, DETECT, body);
  const frames = answer.body['faces_obj'] as Record<string, FaceFrame>;
  return { status: answer.status, body: answer.body, frames, first: frames['0'] };
};
const at = (name: string) => `https://example.com/${name}`;
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe('face detection', () => {
  it('finds the same face at the same address, with plausible landmarks', async () => {
    const { body, first } = await detect({ url: at('a.jpg') });
    expect(body).toMatchObject({ error_code: 0, error_msg: 'SUCCESS' });
    expect((await detect({ url: at('a.jpg') })).body).toEqual(body);
    expect((await detect({ url: at('b.jpg') })).body).not.toEqual(body);
    const [x = 0, y = 0, width = 0, height = 0] = first?.region[0] ?? [];
    expect(first?.landmarks[0]).toHaveLength(6);
    for (const [px = 0, py = 0] of first?.landmarks[0] ?? []) {
      expect(px > x && px < x + width && py > y && py < y + height).toBe(true);
    }
    const [left = [], right = [], nose = [], , corner = []] = first?.landmarks[0] ?? [];
    expect(first?.landmarks_str).toEqual([
      [left, right, nose, corner].map((point) => point.join()).join(':'),
    ]);
    expect(first).toMatchObject({
      removed: [],
      frame_time: null,
      face_urls: null,
      crop_region: null,
      crop_landmarks: null,
    });
  });

  it.each([
    ['noface.jpg', 0],
    ['one.jpg', 1],
    ['two-faces.png', 2],
    ['crowd/faces-7.png', 7],
  ])('finds in %s %d', async (name, count) => {
    const { first } = await detect({ url: at(name), return_face_url: true });
    for (const list of [
      first?.region,
      first?.landmarks,
      first?.landmarks_str,
      first?.face_urls,
      first?.crop_region,
    ])
      expect(list).toHaveLength(count);
  });

  it('crops faces: a picture to see, and landmarks that a submit takes', async () => {
    const { first } = await detect({ url: at('two-faces.png'), return_face_url: true });
    const [x = 0, y = 0, width = 0, height = 0] = first?.crop_region?.[1] ?? [];
    const points = first?.crop_landmarks?.[1]?.split(':').map((point) => point.split(',').map(Number));
    const [eyeX = 0, eyeY = 0] = first?.landmarks[1]?.[0] ?? [];
    expect(points?.[0]).toEqual([eyeX - x, eyeY - y]);
    const picture = await fetch(first?.face_urls?.[1] ?? '');
    const bytes = Buffer.from(await picture.arrayBuffer());
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([width, height]);
    const sourceImage = [{ path: first?.face_urls?.[1], opts: first?.crop_landmarks?.[1] }];
    idOf(await pro(sandbox, { sourceImage }));
  });

  it('keeps the largest face alone when told so', async () => {
    const all = (await detect({ url: at('faces-5.png') })).first?.region ?? [];
    const one = (await detect({ url: at('faces-5.png'), single_face: true })).first?.region ?? [];
    const largest = Math.max(...all.map(([, , width, height]) => width * height));
    expect(one).toHaveLength(1);
    expect(one.map(([, , width, height]) => width * height)).toEqual([largest]);
  });

  it('follows faces through the frames of a video', async () => {
    const { frames } = await detect({ url: at('clip.mp4'), num_frames: 3 });
    expect(Object.keys(frames)).toEqual(['0', '5', '10']);
    expect(Object.values(frames).map(({ frame_time }) => frame_time)).toEqual([0, 0.2, 0.4]);
    expect(frames['5']?.removed).toEqual(frames['0']?.region);
    expect(Object.keys((await detect({ url: at('clip.mp4') })).frames)).toHaveLength(5);
    expect(Object.keys((await detect({ url: at('still.png'), num_frames: 9 })).frames)).toEqual(['0']);
  });

  it('takes base64, plain or as a data URI, and lets the url win', async () => {
    const plain = await detect({ img: PIXEL });
    expect(plain.first?.region).toHaveLength(1);
    expect((await detect({ img: `data:image/png;base64,${PIXEL}` })).body).toEqual(plain.body);
    expect((await detect({ img: 'not base64!', url: at('noface.jpg') })).first?.region).toEqual([]);
  });

  it.each([
    [{}, 400, "Either 'url' or 'img' parameter must be provided"],
    [{ url: 'face.png' }, 400, "'url' must be a valid"],
    [{ img: '%%%' }, 400, "'img' must be base64"],
    [{ img: Buffer.from('<svg></svg>').toString('base64') }, 400, "'img' is not an image"],
    [{ img: Buffer.from('\0\0\0\x18ftypheic').toString('base64') }, 400, "'img' is not an image"],
    [{ img: Buffer.from('GIF89a\x01\x00\x01\x00').toString('base64') }, 400, "'img' is not an image"],
    [{ url: 'https://a.example/x.mp4', num_frames: 101 }, 400, "'num_frames' must be"],
    [{ url: 'https://a.example/x.png', single_face: 'yes' }, 400, "'single_face' must be a boolean"],
    [{ url: 'https://a.example/missing.png' }, 500, 'Failed to process media'],
  ])('refuses %j with HTTP %d', async (request, status, message) => {
    const answer = await detect(request);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({
      error_code: 1,
      error_msg: expect.stringContaining(message),
      faces_obj: {},
    });
  });

  it('wants to know who asks', async () => {
    const answer = await call(sandbox, DETECT, { url: at('a.jpg') }, {});
    expect(answer).toMatchObject({ status: 200, body: { error_code: 1, code: 1102 } });
  });

  it('takes the examples of the OpenAPI file, except the one whose base64 is cut short', async () => {
    const examples = exampleRequests(DETECT) as Record<string, unknown>[];
    for (const request of examples) expect((await detect(request)).status).toBe('img' in request ? 400 : 200);
    expect(examples).toHaveLength(5);
  });
});
