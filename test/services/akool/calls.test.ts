import { describe, expect, it } from 'vitest';
import type { AkoolClient } from '../../../src/services/akool/akool-client.js';
import { createAkoolClient } from '../../../src/services/akool/http-akool-client.js';
import { type Answer, json, text } from '../../support/local-server.js';
import { API_KEY, akoolThat, clientOf, wireThat } from './akool-under-test.js';

const ok = (data: unknown): Answer => json(200, { code: 1000, msg: 'OK', data });

describe('results', () => {
  it('are read, and what cannot be read is left out', async () => {
    const { client, server } = await akoolThat(
      ok({
        result: [
          {
            _id: 'a',
            faceswap_status: 3,
            url: 'https://x.example/r.jpg',
          },
          { _id: 'b', faceswap_status: 1, url: '' },
          { _id: 'c', faceswap_status: 9 },
          { faceswap_status: 3 },
          null,
        ],
      }),
    );
    expect(await client.results(['a', 'b', 'c'])).toEqual([
      {
        providerId: 'a',
        status: 3,
        url: 'https://x.example/r.jpg',
        reason: null,
      },
      { providerId: 'b', status: 1, url: null, reason: null },
    ]);
    expect(server.received).toMatchObject([{ method: 'GET', text: '' }]);
  });

  it('give the reason of a failure, without our key', async () => {
    const { client } = await akoolThat(
      ok({ result: [{ _id: 'a', faceswap_status: 4, url: '', alg_msg: `no face\nfor ${API_KEY}` }] }),
    );
    expect(await client.results(['a'])).toMatchObject([{ status: 4, reason: 'no face for [hidden]' }]);
  });

  it.each([
    ['an empty alg_msg', { alg_msg: '', msg: 'no face' }],
    ['one that is no text', { alg_msg: { code: 5 }, msg: 'no face' }],
  ])('give the reason that is said elsewhere beside %s', async (_what, said) => {
    const { client } = await akoolThat(ok({ result: [{ _id: 'a', faceswap_status: 4, ...said }] }));
    expect(await client.results(['a'])).toMatchObject([{ reason: 'no face' }]);
  });

  it('are read also where the status is a text', async () => {
    const url = 'https://x.example/r.jpg';
    const { client } = await akoolThat(ok({ result: [{ _id: 'a', faceswap_status: '3', url }] }));
    expect(await client.results(['a'])).toMatchObject([{ providerId: 'a', status: 3, url }]);
  });

  it('are read also where a byte of one is no UTF-8', async () => {
    const result = [
      { _id: 'a', faceswap_status: 4, alg_msg: 'caf#' },
      { _id: 'b', faceswap_status: 1 },
    ];
    const body = Buffer.from(JSON.stringify({ code: 1000, data: { result } }));
    body[body.indexOf('#')] = 0xe9;
    const { client } = await akoolThat((_request, response) => void response.end(body));
    expect(await client.results(['a', 'b'])).toMatchObject([{ reason: 'caf\ufffd' }, { providerId: 'b' }]);
  });

  it.each([1003, 1008, 1014])('of others are found though Akool answers %i for one of them', async (code) => {
    const { client, server } = await akoolThat((request, response) => {
      const ids = new URL(request.path, 'http://localhost').searchParams.get('_ids')?.split(',') ?? [];
      const result = ids.map((_id) => ({ _id, faceswap_status: 1 }));
      const answer = ids.includes('id17') ? json(200, { code, msg: 'no' }) : ok({ result });
      answer(request, response);
    });
    const ids = Array.from({ length: 50 }, (_, i) => `id${i}`);
    const found = await client.results(ids);
    expect(found.map(({ providerId }) => providerId)).toEqual(ids.filter((id) => id !== 'id17'));
    expect(server.received.length).toBeLessThan(15);
  });

  it('of nothing ask nobody', async () => {
    const { client, server } = await akoolThat(ok({}));
    expect(await client.results([])).toEqual([]);
    expect(server.received).toHaveLength(0);
  });

  it('of many are asked for in batches of fifty, each id once', async () => {
    const { client, server } = await akoolThat(ok({ result: [] }));
    const ids = Array.from({ length: 120 }, (_, i) => `id${i}`);
    await client.results([...ids, ...ids]);
    expect(server.received.map(({ path }) => path.split(',').length)).toEqual([50, 50, 20]);
  });
});

describe('credit', () => {
  it.each([
    [12.5, 12.5],
    ['3', 3],
    [0, 0],
  ])('%j is %d', async (credit, number) => {
    const { client } = await akoolThat(ok({ credit }));
    expect(await client.credit()).toBe(number);
  });
});

describe('a delete', () => {
  const known = new Set(['a', 'c']);
  const deleting: Answer = (request, response) => {
    const ids = String(request.json['_ids']).split(',');
    const code = ids.every((id) => known.has(id)) ? 1000 : 1008;
    json(200, { code, msg: 'x' })(request, response);
  };

  it('sends the ids by comma', async () => {
    const { client, server } = await akoolThat(deleting);
    await client.deleteResults(['a', 'c']);
    expect(server.received.map((request) => request.json)).toEqual([{ _ids: 'a,c' }]);
  });

  it('deletes the others one by one when one is gone already', async () => {
    const { client, server } = await akoolThat(deleting);
    await client.deleteResults(['a', 'b', 'c']);
    expect(server.received.map(({ json: sent }) => sent['_ids'])).toEqual(['a,b,c', 'a', 'b', 'c']);
  });

  it('fails for any other reason', async () => {
    const { client } = await akoolThat(json(200, { code: 1009, msg: 'no' }));
    await expect(client.deleteResults(['a'])).rejects.toMatchObject({ code: 'REFUSED', providerCode: 1009 });
  });
});

describe('face detection', () => {
  const face = {
    landmarks: [
      [
        [120, 85],
        [180, 88],
        [150, 130],
        [150, 165],
        [125, 165],
        [175, 168],
      ],
    ],
    landmarks_str: ['120,85:180,88:150,130:125,165'],
    region: [[80, 50, 150, 180]],
    removed: [],
    frame_time: null,
    face_urls: ['https://s3.example.com/0.jpg'],
    crop_region: [[30, 0, 250, 280]],
    crop_landmarks: ['90,85:150,88:120,130:95,165'],
  };
  const found = (faces_obj: unknown): Answer => json(200, { error_code: 0, error_msg: 'SUCCESS', faces_obj });
  const input = { url: 'https://example.com/a.jpg', singleFace: false };

  it('gives each frame in order, each face with all that Akool says', async () => {
    const { client, server } = await akoolThat(
      found({
        '10': { ...face, frame_time: 0.4, face_urls: null, crop_landmarks: null, crop_region: [null] },
        '0': face,
      }),
    );
    const frames = await client.detectFaces(input);
    expect(frames.map(({ index, timeSeconds }) => [index, timeSeconds])).toEqual([
      [0, null],
      [10, 0.4],
    ]);
    expect(frames[0]?.faces[0]).toEqual({
      landmarks: face.landmarks[0]?.map(([x, y]) => ({ x, y })),
      landmarksStr: '120,85:180,88:150,130:125,165',
      cropLandmarks: '90,85:150,88:120,130:95,165',
      faceUrl: 'https://s3.example.com/0.jpg',
      region: { x: 80, y: 50, width: 150, height: 180 },
      cropRegion: { x: 30, y: 0, width: 250, height: 280 },
    });
    expect(frames[1]?.faces[0]).toMatchObject({ faceUrl: null, cropLandmarks: null, cropRegion: null });
    expect(server.received[0]).toMatchObject({ path: '/interface/detect-api/detect_faces' });
  });

  it.each([
    ['no frame', {}, []],
    [
      'a frame without a face',
      { '0': { landmarks: [], region: [], removed: [] } },
      [{ index: 0, timeSeconds: null, faces: [] }],
    ],
  ])('finds nobody in %s', async (_what, facesObj, frames) => {
    const { client } = await akoolThat(found(facesObj));
    expect(await client.detectFaces(input)).toEqual(frames);
  });

  it('reads the address of a cropped face generously, and leaves out one that can not be used', async () => {
    const faceUrl = async (said: unknown) => {
      const { client } = await akoolThat(found({ '0': { ...face, face_urls: [said] } }));
      return (await client.detectFaces(input))[0]?.faces[0]?.faceUrl;
    };
    expect(await faceUrl('https://s3.example.com/my face.jpg ')).toBe('https://s3.example.com/my%20face.jpg');
    expect(await faceUrl('none')).toBeNull();
  });

  it.each(['x"; drop', '5', '', '1,1:2,2:3,3', '1 1,1:2,2:3,3:4,4', `${'1,1:'.repeat(50_000)}1,1`, 17, null])(
    'leaves out landmarks that can not be sent as opts (case %#)',
    async (odd) => {
      const { client } = await akoolThat(
        found({ '0': { ...face, landmarks_str: [odd], crop_landmarks: [odd] } }),
      );
      expect((await client.detectFaces(input))[0]?.faces[0]).toMatchObject({
        landmarksStr: null,
        cropLandmarks: null,
      });
    },
  );

  it('never pairs a face with landmarks that may be of another', async () => {
    const { client } = await akoolThat(
      found({ '0': { ...face, crop_landmarks: ['1,1:2,2:3,3:4,4', '5,5:6,6:7,7:8,8'] } }),
    );
    expect((await client.detectFaces(input))[0]?.faces[0]).toMatchObject({ cropLandmarks: null });
  });

  it.each<[string, Answer, object]>([
    [
      'the input on 400',
      json(400, { error_code: 1, error_msg: 'bad url', faces_obj: {} }),
      { code: 'REFUSED', message: expect.stringContaining('bad url') },
    ],
    [
      'the input on 200',
      json(200, { error_code: 1, error_msg: 'no media', faces_obj: {} }),
      { code: 'REFUSED', providerCode: 1 },
    ],
    [
      'the server on 500',
      json(500, { error_code: 1, error_msg: 'oops', faces_obj: {} }),
      { code: 'UNREACHABLE', httpStatus: 500 },
    ],
    ['the key', json(200, { code: 1101, msg: 'token' }), { code: 'REFUSED', providerCode: 1101 }],
    ['too many calls', json(200, { code: 1005, msg: 'slow' }), { code: 'RATE_LIMITED' }],
    ['an answer of another kind', ok({}), { code: 'UNREADABLE' }],
    ['frames that are no frames', found({ '0': { ...face, region: [] } }), { code: 'UNREADABLE' }],
    [
      'faces that are no faces',
      found({ '0': { ...face, region: [['a', 1, 2, 3]] } }),
      { code: 'UNREADABLE' },
    ],
    ['no faces_obj', json(200, { error_code: 0 }), { code: 'UNREADABLE' }],
    [
      'the input for more faces than can be told',
      found({
        '0': { region: Array(3000).fill(face.region[0]), landmarks: Array(3000).fill(face.landmarks[0]) },
      }),
      { code: 'REFUSED', message: expect.stringContaining('too many faces') },
    ],
  ])('blames %s', async (_what, answer, error) => {
    const { client } = await akoolThat(answer);
    await expect(client.detectFaces(input)).rejects.toMatchObject({ name: 'AkoolCallError', ...error });
  });
});

describe('a call that gives nothing', () => {
  const calls: [string, (client: AkoolClient) => Promise<unknown>][] = [
    ['results', (client) => client.results(['a'])],
    ['deleteResults', (client) => client.deleteResults(['a'])],
    ['credit', (client) => client.credit()],
    ['detectFaces', (client) => client.detectFaces({ url: 'https://example.com/a.jpg', singleFace: false })],
  ];
  const answers: [string, Answer, object][] = [
    ['1006', json(200, { code: 1006, msg: 'no' }), { code: 'REFUSED', providerCode: 1006 }],
    ['401 without JSON', text(401, 'no'), { code: 'REFUSED', httpStatus: 401, providerCode: null }],
    ['429', text(429, '', { 'retry-after': '3' }), { code: 'RATE_LIMITED', retryAfterMs: 3_000 }],
    [
      '503',
      text(503, '', { 'retry-after': '3' }),
      { code: 'UNREACHABLE', httpStatus: 503, retryAfterMs: 3_000 },
    ],
    ['no JSON', text(200, '<html>'), { code: 'UNREADABLE' }],
    ['a huge body', text(200, 'x'.repeat(5 * 1024 * 1024)), { code: 'UNREADABLE' }],
    ['a reset', (_request, response) => void response.socket?.resetAndDestroy(), { code: 'UNREACHABLE' }],
  ];

  it.each(
    calls.flatMap(([name, call]) =>
      answers.map(([what, answer, error]) => ({ name, call, what, answer, error })),
    ),
  )('$name says why on $what', async ({ call, answer, error }) => {
    const { client } = await akoolThat(answer);
    await expect(call(client)).rejects.toMatchObject({ name: 'AkoolCallError', ...error });
  });

  it.each(calls)('%s says TIMEOUT when no answer comes', async (_name, call) => {
    const { client } = await akoolThat(() => {}, { timeoutMs: 1000 });
    await expect(call(client)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('says UNREACHABLE with its cause when there is no connection', async () => {
    const { client } = await wireThat('https', (socket) => void socket.resetAndDestroy());
    await expect(client.credit()).rejects.toMatchObject({ code: 'UNREACHABLE', cause: expect.any(Error) });
  });

  it('says UNREACHABLE when its signal fires', async () => {
    const stop = new AbortController();
    const { client } = await akoolThat(() => stop.abort());
    await expect(client.credit({ signal: stop.signal })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('says UNREADABLE when a success holds no data', async () => {
    const { client } = await akoolThat(ok({}));
    await expect(client.credit()).rejects.toMatchObject({ code: 'UNREADABLE' });
    await expect(client.results(['a'])).rejects.toMatchObject({ code: 'UNREADABLE' });
  });
});

describe('options that cannot work', () => {
  const valid = { baseUrl: 'https://openapi.akool.com', timeoutMs: 1000 };
  const apiKey = { kind: 'api-key', apiKey: API_KEY } as const;

  it.each([
    [
      'a key with a line break',
      { ...valid, credentials: { kind: 'api-key', apiKey: 'abc\r\ndef' } as const },
    ],
    ['no key', { ...valid, credentials: { kind: 'api-key', apiKey: '' } as const }],
    ['no address', { ...valid, baseUrl: 'akool', credentials: apiKey }],
    ['an ftp address', { ...valid, baseUrl: 'ftp://akool.com', credentials: apiKey }],
    ['an address with a password', { ...valid, baseUrl: 'https://u:p@akool.com', credentials: apiKey }],
    ['no time', { ...valid, timeoutMs: 0, credentials: apiKey }],
  ])('stop the start: %s', (_what, options) => {
    expect(() => createAkoolClient(options)).toThrow(TypeError);
  });

  it('connects to nothing before the first call', async () => {
    const { server } = await akoolThat(ok({ credit: 1 }));
    const client = clientOf(server.url);
    await client.destroy();
    expect(server.connections()).toBe(0);
  });
});
