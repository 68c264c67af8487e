/**
 * Finding faces, for callers who ask and for jobs whose `opts` are to be filled in.
 *
 * Lookups of the same thing at the same time share one call to Akool, and what was found is kept for a short
 * time: a front end shows the faces, then submits, and should not pay for looking twice.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AkoolClient, DetectedFace, DetectedFrame, DetectFacesRequest } from '../akool/akool-client.js';
import { LookupTurns } from './lookup-turns.js';

export interface FaceDetectionSettings {
  /** How long what was found is kept, in milliseconds; 0 keeps nothing, but still shares calls under way. */
  readonly detectCacheMs: number;
}

/** Answers; most are a few KB. */
const MOST_KEPT = 500;
/** Bytes, or characters, of all of them as JSON. */
const MOST_KEPT_BYTES = 16 * 1024 * 1024;
/** A video of 100 frames with 20 faces each is some 800 KB. One that is larger is looked at again. */
const LARGEST_KEPT_BYTES = 1024 * 1024;
const BOUNDS = {
  max: MOST_KEPT,
  maxSize: MOST_KEPT_BYTES,
  maxEntrySize: LARGEST_KEPT_BYTES,
  sizeCalculation: ({ length }: string) => length,
};

export class FaceDetection {
  readonly #akool: Pick<AkoolClient, 'detectFaces'>;
  /** As JSON: a fifth of what the objects take, and its length says how much that is. */
  readonly #kept: LRUCache<string, string> | null;
  readonly #underWay = new Map<string, Promise<readonly DetectedFrame[]>>();
  readonly #turns = new LookupTurns();

  constructor(akool: Pick<AkoolClient, 'detectFaces'>, { detectCacheMs }: FaceDetectionSettings) {
    this.#akool = akool;
    this.#kept = detectCacheMs === 0 ? null : new LRUCache({ ...BOUNDS, ttl: detectCacheMs });
  }

  /**
   * For a caller, in its tenant's turn.
   *
   * @param tenant lookups are shared within a tenant only
   * @throws AkoolCallError, GatewayError RATE_LIMITED
   */
  async find(tenant: string, request: DetectFacesRequest): Promise<readonly DetectedFrame[]> {
    return this.#look(tenant, request, () =>
      this.#turns.take(tenant, () => this.#akool.detectFaces(request)),
    );
  }

  /**
   * The largest face of a picture, for a job that has a slot; null when it shows none.
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

  /** @param ask called where nothing is known yet */
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

/** Null where Akool gives neither. Page "Face Swap Pro": `opts` is `crop_landmarks`; `landmarks_str` has the same form where that is missing. */
export function optsOf(face: DetectedFace): string | null {
  return face.cropLandmarks ?? face.landmarksStr;
}

function areaOf({ region }: DetectedFace): number {
  return region.width * region.height;
}

/** Pictures in base64 are long: the key is a digest. */
function keyOf(tenant: string, { url, image, numFrames, singleFace }: DetectFacesRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, url ?? null, numFrames ?? null, singleFace]))
    .update(image ?? '')
    .digest('base64url');
}
