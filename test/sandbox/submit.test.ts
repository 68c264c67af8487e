import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { exampleRequests, mistakesInRequest } from '../support/akool-schema.js';
import {
  CREDIT,
  call,
  idOf,
  PLUS,
  PRO,
  pro,
  proBody,
  resultOf,
  startSandbox,
} from '../support/sandbox-customer.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.stop());

const OPTS = '262,175:363,175:313,215:272,279';
const image = (opts?: string) => ({
  path: 'https://example.com/a.jpg',
  ...(opts === undefined ? {} : { opts }),
});
const plusBody = (more: Record<string, unknown> = {}) => ({
  source_url: 'https://example.com/new-face.jpg',
  target_url: 'https://example.com/group.jpg',
  ...more,
});
const pair = (source: unknown = {}, target: unknown = {}) => ({
  source_face_info: { face_url: 'https://example.com/1.jpg', ...Object(source) },
  target_face_info: { face_url: 'https://example.com/2.jpg', ...Object(target) },
});

describe('a Face Swap Pro submit', () => {
  it('goes from queue over processing to a picture, and is billed once', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ queueMs: 3_600_000, processMs: 3_600_000 });
    const answer = await pro(sandbox);
    const id = idOf(answer);
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    expect(answer.body.data['job_id']).toMatch(/^\d{17}-\d{4}$/);
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 1, url: '', deduction_status: 1 });
    expect(sandbox.advance(id)).toBe(true);
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 2, url: '' });
    expect(sandbox.advance(id)).toBe(true);
    expect(await resultOf(sandbox, id)).toMatchObject({
      faceswap_status: 3,
      url: `${sandbox.url}/results/${id}.png`,
    });
    expect(sandbox.advance(id)).toBe(false);
    expect(sandbox.bills).toMatchObject([{ providerId: id, kind: 'pro', cost: 4, request: proBody() }]);
  });

  it('ends by itself', async () => {
    const id = idOf(await pro(sandbox));
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 3 });
  });

  it.each([
    ['no sourceImage', { sourceImage: undefined }, 'sourceImage is required'],
    ['no targetImage', { targetImage: undefined }, 'targetImage is required'],
    ['a sourceImage that is no list', { sourceImage: {} }, 'sourceImage must be an array'],
    ['an empty list', { targetImage: [] }, 'targetImage must have 1 to 50'],
    ['51 images', { sourceImage: Array(51).fill(image(OPTS)) }, 'sourceImage must have 1 to 50'],
    ['an image without path', { sourceImage: [{}] }, 'sourceImage[0].path is required'],
    [
      'an ftp path',
      { sourceImage: [{ path: 'ftp://example.com/a' }] },
      'sourceImage[0].path must be a valid',
    ],
    ['a relative path', { targetImage: [{ path: '/a.jpg' }] }, 'targetImage[0].path must be a valid'],
    ['opts of another form', { sourceImage: [image('left')] }, 'sourceImage[0].opts must be like'],
    [
      'opts that are missing at one of several',
      { sourceImage: [image(OPTS), image(OPTS)], targetImage: [image()] },
      'targetImage[0].opts is required',
    ],
    ['another model', { model_name: 'other' }, 'model_name must be one of'],
    ['face_enhance as a number', { face_enhance: 1 }, 'face_enhance must be a boolean'],
    ['single_face_mode as a text', { single_face_mode: 'no' }, 'single_face_mode must be a boolean'],
    ['a webhookUrl that is none', { webhookUrl: 'here' }, 'webhookUrl must be a valid'],
  ])('is refused with 1003 for %s', async (_name, more, message) => {
    const { status, body } = await call(sandbox, PRO, proBody(more));
    expect({ status, code: body.code }).toEqual({ status: 200, code: 1003 });
    expect(body.msg).toContain(message);
    expect(sandbox.bills).toEqual([]);
  });

  it('is refused with 1008 for content that does not exist', async () => {
    const sourceImage = [{ path: `${sandbox.url}/samples/missing.png` }];
    expect((await pro(sandbox, { sourceImage })).body.code).toBe(1008);
  });

  it('is refused when it is not JSON', async () => {
    const response = await fetch(sandbox.url + PRO, {
      method: 'POST',
      headers: { 'x-api-key': sandbox.apiKey, 'content-type': 'application/json' },
      body: '{"sourceImage":',
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 1003 });
  });

  it('takes every example of the page it is built on', async () => {
    const page = readFileSync(new URL('../fixtures/akool/face-swap-pro.txt', import.meta.url), 'utf8');
    const examples = (page.match(/^\{\n[\s\S]*?^\}/gm) ?? []).map((text) => JSON.parse(text));
    const requests = examples.filter((example) => 'sourceImage' in example);
    expect(requests).toHaveLength(4);
    for (const request of requests) {
      expect(mistakesInRequest(PRO, request)).toEqual([]);
      idOf(await call(sandbox, PRO, request));
    }
    expect(sandbox.bills.map(({ cost }) => cost)).toEqual([4, 4, 4, 8]);
  });

  it('takes the examples of the OpenAPI file, Plus too', async () => {
    for (const path of [PRO, PLUS])
      for (const request of exampleRequests(path)) {
        const { webhookUrl: _unused, ...quiet } = Object(request);
        idOf(await call(sandbox, path, quiet));
      }
    expect(sandbox.bills.map(({ kind }) => kind)).toEqual(['pro', 'plus', 'plus']);
  });
});

describe('a Face Swap Plus submit', () => {
  it('swaps several faces', async () => {
    const id = idOf(
      await call(
        sandbox,
        PLUS,
        plusBody({ face_mapping: [pair({ bbox: [10, 10, 90, 120] }), pair()], model_style: 'lossless' }),
      ),
    );
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({ url: `${sandbox.url}/results/${id}.png` });
  });

  it('gives a video for a video', async () => {
    const target_url = 'https://example.com/clip.mp4';
    const id = idOf(await call(sandbox, PLUS, plusBody({ target_url, single_face_mode: true })));
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({ url: `${sandbox.url}/results/${id}.mp4` });
  });

  it.each([
    ['no source_url', { source_url: undefined }, 1003, 'source_url is required'],
    ['a target_url that is none', { target_url: 'x' }, 1003, 'target_url must be a valid'],
    ['no face_mapping', {}, 1003, 'face_mapping is required'],
    ['an empty face_mapping', { face_mapping: [] }, 1003, 'face_mapping must have'],
    [
      'no source_face_info',
      { face_mapping: [{ target_face_info: {} }] },
      1003,
      'face_mapping[0].source_face_info',
    ],
    [
      'no face_url',
      { face_mapping: [pair({ face_url: '' })] },
      1003,
      'source_face_info.face_url is required',
    ],
    ['3 numbers as bbox', { face_mapping: [pair({ bbox: [1, 2, 3] })] }, 1003, 'bbox must be 4 numbers'],
    [
      'a width in bbox',
      { face_mapping: [pair({}, { bbox: [80, 50, 60, 180] })] },
      1003,
      'bbox must be [x1, y1, x2, y2]',
    ],
    ['another style', { single_face_mode: true, model_style: 'wild' }, 1003, 'model_style must be one of'],
    ['9 faces', { face_mapping: Array(9).fill(pair()) }, 1007, 'cannot exceed 8'],
  ])('is refused for %s', async (_name, more, code, message) => {
    const { body } = await call(sandbox, PLUS, plusBody(more));
    expect(body.code).toBe(code);
    expect(body.msg).toContain(message);
    expect(sandbox.bills).toEqual([]);
  });
});

describe('the account', () => {
  it('answers 1005 over the limit, counts stalled jobs, and has room again after an end', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ maxConcurrency: 2, queueMs: 3_600_000 });
    const first = idOf(await pro(sandbox));
    idOf(await call(sandbox, PRO, proBody({}, '?sandbox-fault=stall')));
    expect((await pro(sandbox)).body.code).toBe(1005);
    sandbox.finish(first);
    idOf(await pro(sandbox));
    expect(sandbox.peakConcurrency).toBe(2);
    expect(sandbox.concurrency).toBe(2);
    expect(sandbox.bills).toHaveLength(3);
    expect(sandbox.requests.pro).toBe(4);
  });

  const two = { sourceImage: [image(OPTS)], targetImage: [image(OPTS), image(OPTS)] };
  const plus = (target: string) =>
    call(sandbox, PLUS, plusBody({ target_url: `https://example.com/${target}`, single_face_mode: true }));

  it.each([
    ['a picture', 'group.jpg', 4, 0],
    ['a video, as long as the sample', 'clip.mp4', 10, 2],
    ['a video of 10 seconds', 'clip.mp4?sandbox-seconds=10', 10, 10],
    ['a video of 11 seconds', 'clip.mp4?sandbox-seconds=11', 20, 11],
    ['a video of 35 seconds', 'clip.webm?sandbox-seconds=35', 40, 35],
  ])('pays for %s by the begun 10 seconds, if it has any', async (_name, target, cost, seconds) => {
    const id = idOf(await plus(target));
    expect(sandbox.bills).toMatchObject([{ providerId: id, cost }]);
    expect((await call(sandbox, CREDIT)).body.data).toEqual({ credit: 4000 - cost });
    expect(await resultOf(sandbox, id)).toMatchObject({
      video_duration: seconds,
      deduction_duration: seconds,
    });
  });

  it('refuses a length that is no integer, and bills nothing', async () => {
    const { body } = await plus('clip.mp4?sandbox-seconds=long');
    expect(body).toMatchObject({ code: 1003, msg: 'sandbox-seconds must be an integer' });
    expect(sandbox.bills).toEqual([]);
  });

  it('pays what the settings or the address say', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ credit: 100, imagePrice: 3, videoPrice: 7, maxConcurrency: 9 });
    idOf(await pro(sandbox, two));
    idOf(await plus('group.jpg'));
    idOf(await plus('clip.mp4?sandbox-seconds=20'));
    idOf(await call(sandbox, PRO, proBody({}, '?sandbox-price=50')));
    expect(sandbox.bills.map(({ cost }) => cost)).toEqual([6, 3, 14, 50]);
    expect(sandbox.credit).toBe(27);
    expect((await call(sandbox, PRO, proBody({}, '?sandbox-price=28'))).body.code).toBe(1006);
  });

  it('pays for each target image, and answers 1006 to what it cannot pay', async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ credit: 15 });
    idOf(await pro(sandbox, two));
    expect((await call(sandbox, CREDIT)).body.data).toEqual({ credit: 7 });
    expect((await pro(sandbox, two)).body.code).toBe(1006);
    idOf(await pro(sandbox));
    expect((await pro(sandbox)).body.code).toBe(1006);
    expect((await call(sandbox, CREDIT)).body.data).toEqual({ credit: 3 });
  });

  it('gets nothing back for a swap that fails', async () => {
    const id = idOf(await call(sandbox, PRO, proBody({}, '?sandbox-fault=generation-fails')));
    await sandbox.settled();
    expect(await resultOf(sandbox, id)).toMatchObject({ faceswap_status: 4, deduction_status: 1 });
    expect(sandbox.credit).toBe(3996);
    expect(sandbox.bills).toHaveLength(1);
  });
});
