/**
 * Detects faces, for callers and for jobs whose `opts` must be filled in.
 *
 * Concurrent lookups of the same picture share one call to Akool, and results are cached for a short time: a
 * front end first shows the faces, then submits, and should not pay twice.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AkoolClient, DetectedFace, DetectedFrame, DetectFacesRequest } from '../akool/akool-client.js';
import { DetectionTurns } from './detection-turns.js';

interface DetectionCacheSettings {
  /** How long results are cached, in milliseconds; 0: no cache, but concurrent calls are still shared. */
  readonly detectCacheMs: number;
}

/** Maximum number of cached answers; most are a few KB. */
const MAX_KEPT = 500;
/** Maximum total size as JSON, in bytes or characters. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
/** A video of 100 frames with 20 faces each takes about 800 KB. Larger answers are not cached. */
const MAX_ENTRY_BYTES = 1024 * 1024;
const BOUNDS = {
  max: MAX_KEPT,
  maxSize: MAX_KEPT_BYTES,
  maxEntrySize: MAX_ENTRY_BYTES,
  sizeCalculation: ({ length }: string) => length,
};

export class DetectionCache {
  readonly #akool: Pick<AkoolClient, 'detectFaces'>;
  /** As JSON, which takes a fifth of the memory of objects, and whose length is its size. */
  readonly #kept: LRUCache<string, string> | null;
  readonly #underWay = new Map<string, Promise<readonly DetectedFrame[]>>();
  readonly #turns = new DetectionTurns();

  constructor(akool: Pick<AkoolClient, 'detectFaces'>, { detectCacheMs }: DetectionCacheSettings) {
    this.#akool = akool;
    this.#kept = detectCacheMs === 0 ? null : new LRUCache({ ...BOUNDS, ttl: detectCacheMs });
  }

  /**
   * Detects faces for a caller, when it is its tenant's turn.
   *
   * @param tenant lookups are only shared within a tenant
   * @throws AkoolCallError, GatewayError RATE_LIMITED
   */
  async find(tenant: string, request: DetectFacesRequest): Promise<readonly DetectedFrame[]> {
    return this.#look(tenant, request, () =>
      this.#turns.take(tenant, () => this.#akool.detectFaces(request)),
    );
  }

  /**
   * Returns the largest face of a picture, for a job that has a slot; null if there is none.
   *
   * @throws AkoolCallError
   */
  async largestFace(tenant: string, url: string): Promise<DetectedFace | null> {
    const request = { url, singleFace: false };
    const frames = await this.#look(tenant, request, () =>
      this.#akool.detectFaces(request, { forJob: true }),
    );
    const [largest] = frames.flatMap((frame) => frame.faces).sort((a, b) => areaOf(b) - areaOf(a));
    return largest ?? null;
  }

  /** @param ask called if nothing is cached yet */
  #look(
    tenant: string,
    request: DetectFacesRequest,
    ask: () => Promise<readonly DetectedFrame[]>,
  ): Promise<readonly DetectedFrame[]> {
    const key = keyOf(tenant, request);
    const kept = this.#kept?.get(key);
    if (kept !== undefined) return Promise.resolve(JSON.parse(kept) as readonly DetectedFrame[]);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const call = ask()
      .then((frames) => {
        this.#kept?.set(key, JSON.stringify(frames));
        return frames;
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, call);
    return call;
  }
}

/**
 * Returns null if Akool gives neither. Page "Face Swap Pro": `opts` is `crop_landmarks`; if that is missing,
 * `landmarks_str` has the same form.
 */
export function optsOf(face: DetectedFace): string | null {
  return face.cropLandmarks ?? face.landmarksStr;
}

function areaOf({ region }: DetectedFace): number {
  return region.width * region.height;
}

/** The key is a digest, because pictures in base64 are long. */
function keyOf(tenant: string, { url, image, numFrames, singleFace }: DetectFacesRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, url ?? null, numFrames ?? null, singleFace]))
    .update(image ?? '')
    .digest('base64url');
}
