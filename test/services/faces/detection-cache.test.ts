import { describe, expect, it } from 'vitest';
import type { DetectedFrame, DetectFacesRequest } from '../../../src/services/akool/akool-client.js';
import { DetectionCache } from '../../../src/services/faces/detection-cache.js';

const BYTES_OF_A_FACE = 200;

/** Frames of about `bytes` bytes of JSON. */
function framesOf(bytes: number): DetectedFrame[] {
  const face = {
    landmarks: [{ x: 1, y: 2 }],
    landmarksStr: null,
    cropLandmarks: '1,1:2,2:3,3:4,4',
    faceUrl: 'https://cdn.example/face.png',
    region: { x: 0, y: 0, width: 9, height: 9 },
    cropRegion: null,
  };
  return [
    { index: 0, timeSeconds: null, faces: Array.from({ length: bytes / BYTES_OF_A_FACE }, () => face) },
  ];
}

/** A cache over a detection that returns this much for every picture. */
function detectionThatFinds(bytes: number) {
  const frames = framesOf(bytes);
  let calls = 0;
  const detection = new DetectionCache(
    {
      detectFaces: async () => {
        calls += 1;
        return frames;
      },
    },
    { detectCacheMs: 60_000 },
  );
  return {
    frames,
    find: (nth: number) => detection.find('bob', requestFor(nth)),
    /** How many of these lookups reach Akool. */
    asked: async (from: number, to: number): Promise<number> => {
      const before = calls;
      for (let nth = from; nth < to; nth += 1) await detection.find('bob', requestFor(nth));
      return calls - before;
    },
  };
}

function requestFor(nth: number): DetectFacesRequest {
  return { url: `https://example.com/${nth}.mp4`, singleFace: false };
}

describe('what DetectionCache remembers', () => {
  it('is what was found', async () => {
    const { find, frames } = detectionThatFinds(2000);
    await find(1);
    expect(await find(1)).toEqual(frames);
  });

  it("is no other tenant's, also while it is looked for", async () => {
    const release: (() => void)[] = [];
    const detectFaces = () => new Promise<DetectedFrame[]>((resolve) => release.push(() => resolve([])));
    const detection = new DetectionCache({ detectFaces }, { detectCacheMs: 60_000 });
    const ask = () => ['ann', 'ann', 'bob'].map((tenant) => detection.find(tenant, requestFor(1)));
    const underWay = ask();
    await expect.poll(() => release).toHaveLength(2);
    for (const go of release) go();
    await Promise.all(underWay);
    await Promise.all(ask());
    void detection.find('eve', requestFor(1));
    await expect.poll(() => release).toHaveLength(3);
  });

  it('is bounded in bytes: the oldest goes first', async () => {
    const { asked } = detectionThatFinds(500_000);
    expect(await asked(0, 50)).toBe(50);
    expect(await asked(30, 50)).toBe(0);
    expect(await asked(0, 10)).toBe(10);
  });

  it('is bounded in number', async () => {
    const { asked } = detectionThatFinds(2000);
    expect(await asked(0, 600)).toBe(600);
    expect(await asked(100, 600)).toBe(0);
    expect(await asked(0, 100)).toBe(100);
  });

  it('is nothing that is very large by itself', async () => {
    const { asked } = detectionThatFinds(1_200_000);
    await asked(0, 1);
    expect(await asked(0, 1)).toBe(1);
  });
});
