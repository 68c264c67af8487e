import { inflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SAMPLE_VIDEO_SECONDS } from '../../src/sandbox/sample-video.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { call, idOf, PLUS, pro, startSandbox } from '../support/sandbox-customer.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.stop());

const fetchBytes = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(sandbox.url + path, { headers });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
};
const swapped = async () => {
  const id = idOf(await pro(sandbox));
  await sandbox.settled();
  return `/results/${id}.png`;
};

describe('a result picture', () => {
  it('is a whole PNG of 512 by 512, of its own for each job', async () => {
    const { response, bytes } = await fetchBytes(await swapped());
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('content-length')).toBe(String(bytes.length));
    expect(bytes.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([512, 512]);
    const data = bytes.indexOf('IDAT');
    expect(inflateSync(bytes.subarray(data + 4, data + 4 + bytes.readUInt32BE(data - 4)))).toHaveLength(
      513 * 512,
    );
    const other = await fetchBytes(await swapped());
    expect(other.bytes.equals(bytes)).toBe(false);
  });

  it('knows its ETag and gives ranges', async () => {
    const path = await swapped();
    const { response, bytes } = await fetchBytes(path);
    const etag = response.headers.get('etag') ?? '';
    expect((await fetchBytes(path, { 'if-none-match': etag })).response.status).toBe(304);
    for (const [range, part] of [
      ['bytes=0-9', bytes.subarray(0, 10)],
      ['bytes=100-', bytes.subarray(100)],
      ['bytes=-5', bytes.subarray(-5)],
    ] as const) {
      const answer = await fetchBytes(path, { range });
      expect(answer.response.status).toBe(206);
      expect(answer.bytes.equals(part)).toBe(true);
    }
    expect((await fetchBytes(path, { range: `bytes=${bytes.length}-` })).response.status).toBe(416);
    expect((await fetch(sandbox.url + path, { method: 'HEAD' })).headers.get('content-length')).toBe(
      String(bytes.length),
    );
  });

  it('is not there before the end, or under another name', async () => {
    sandbox.setFaults({ script: [{ on: 'submit', fault: 'stall' }] });
    const id = idOf(await pro(sandbox));
    for (const path of [`/results/${id}.png`, '/results/none.png', '/faces/x.png', '/samples/missing.png'])
      expect((await fetchBytes(path)).response.status).toBe(404);
    sandbox.finish(id);
    expect((await fetchBytes(`/results/${id}.png`)).response.status).toBe(200);
    expect((await fetchBytes(`/results/${id}.mp4`)).response.status).toBe(404);
  });

  it('can be refused, fail, and break like any other call', async () => {
    const path = await swapped();
    sandbox.setFaults({
      script: [
        { on: 'media', nth: 1, fault: 'refuse' },
        { on: 'media', nth: 2, fault: 'error' },
        { on: 'media', nth: 3, fault: 'reset' },
      ],
    });
    expect((await fetchBytes(path)).response.status).toBe(404);
    expect((await fetchBytes(path)).response.status).toBe(500);
    await expect(fetchBytes(path)).rejects.toThrow();
    expect((await fetchBytes(path)).response.status).toBe(200);
  });
});

describe('a result video', () => {
  it('is an MP4 that begins with its index', async () => {
    const swap = {
      source_url: 'https://a.example/a.png',
      target_url: 'https://a.example/b.MP4',
      single_face_mode: true,
    };
    const id = idOf(await call(sandbox, PLUS, swap));
    await sandbox.settled();
    const { response, bytes } = await fetchBytes(`/results/${id}.mp4`);
    expect(response.headers.get('content-type')).toBe('video/mp4');
    expect(bytes.toString('latin1', 4, 8)).toBe('ftyp');
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
    expect(bytes.indexOf('avc1')).toBeGreaterThan(0);
    const header = bytes.indexOf('mvhd');
    const [unitsPerSecond, units] = [bytes.readUInt32BE(header + 16), bytes.readUInt32BE(header + 20)];
    expect(units / unitsPerSecond).toBe(SAMPLE_VIDEO_SECONDS);
  });
});

describe('the samples', () => {
  it.each(['source-face.png', 'target-face.png', 'two-faces.png', 'clip.mp4'])('have %s', async (name) => {
    const { response, bytes } = await fetchBytes(`/samples/${name}`);
    expect(response.status).toBe(200);
    expect(bytes.length).toBeGreaterThan(1000);
  });
});
