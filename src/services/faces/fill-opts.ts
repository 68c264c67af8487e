/** Fills in the `opts` that a submit with `detectOpts: true` left out, before anything is sent or billed. */
import pLimit from 'p-limit';
import type { DetectedFace } from '../akool/akool-client.js';
import { AkoolCallError } from '../akool/call-error.js';
import { holdReasonOf } from '../akool/codes.js';
import { jobErrorOf } from '../akool/error-mapping.js';
import type { HoldReason } from '../jobs/account-hold.js';
import type { JobError } from '../jobs/job-error.js';
import type { FaceImage, FaceSwapRequest } from '../jobs/job-request.js';
import { type DetectionCache, optsOf } from './detection-cache.js';

type Filled =
  | { readonly kind: 'filled'; readonly request: FaceSwapRequest }
  /** Failed for good: a picture has no face, can't be examined, or its landmarks from Akool can't be sent. */
  | { readonly kind: 'failed'; readonly error: JobError }
  /** Akool refuses the account, whatever the pictures; nothing was sent. */
  | {
      readonly kind: 'account-refused';
      /** With the results so far. */
      readonly request: FaceSwapRequest;
      readonly reason: HoldReason;
      readonly error: JobError;
    }
  /** Akool was unavailable; nothing was sent, so it may be retried. */
  | {
      readonly kind: 'unavailable';
      /** With the results so far. */
      readonly request: FaceSwapRequest;
      readonly reason: string;
      readonly retryAfterMs: number | null;
      /** Akool is reachable, so the pictures may be the cause. */
      readonly maybePictures: boolean;
    };

/** Concurrent lookups per job. */
const PARALLEL = 4;

/** Whether the request can't be sent without face detection. */
export function needsOpts(request: FaceSwapRequest): boolean {
  return request.detectOpts && [...request.sourceImage, ...request.targetImage].some(lacksOpts);
}

/**
 * Looks each URL up once, however often it appears in the request. Never rejects because of Akool or the
 * pictures.
 *
 * @param signal ends it early with `unavailable`; lookups in progress continue, and are cached for the next
 *   attempt
 */
export async function fillOpts(
  tenant: string,
  request: FaceSwapRequest,
  faces: Pick<DetectionCache, 'largestFace'>,
  signal: AbortSignal,
): Promise<Filled> {
  const looked = new Map<string, Look>();
  const away = await lookAt(
    missingAddresses(request),
    looked,
    (url) => faces.largestFace(tenant, url),
    signal,
  );

  const noFace = placesWhere(request, looked, (look) => look.kind === 'no-face');
  if (noFace.length > 0) return { kind: 'failed', error: noFaceFound(noFace) };
  const filled = withFound(request, looked);
  for (const [url, look] of looked) {
    if (look.kind !== 'refused') continue;
    const error = jobErrorOf(look.error);
    const reason = holdReasonOf(error.code);
    if (reason !== null) return { kind: 'account-refused', request: filled, reason, error };
    const places = placesWhere(request, looked, (other) => other === looked.get(url));
    return { kind: 'failed', error: inPlaces(error, places) };
  }
  const noOpts = placesWhere(request, looked, (look) => look.kind === 'no-opts');
  const isRequired = request.sourceImage.length > 1 || request.targetImage.length > 1;
  if (noOpts.length > 0 && isRequired) return { kind: 'failed', error: noOptsFound(noOpts) };
  // Anything still missing was already looked up, and must not be looked up again.
  if (away === null)
    return { kind: 'filled', request: noOpts.length > 0 ? { ...filled, detectOpts: false } : filled };
  return { kind: 'unavailable', request: filled, ...whyAway(away) };
}

/** The outcome of looking up one URL. */
type Look =
  | { readonly kind: 'found'; readonly opts: string }
  | { readonly kind: 'no-face' }
  /** A face without landmarks that could be sent as `opts`. */
  | { readonly kind: 'no-opts' }
  | { readonly kind: 'refused'; readonly error: AkoolCallError };

/** Why some URLs could not be looked up. */
type Away = AkoolCallError | 'stopped';

/** Fills `looked`; returns null if every URL was looked up. */
async function lookAt(
  urls: readonly string[],
  looked: Map<string, Look>,
  largestFace: (url: string) => Promise<DetectedFace | null>,
  signal: AbortSignal,
): Promise<Away | null> {
  const limit = pLimit(PARALLEL);
  let away: Away | null = null;
  const look = async (url: string): Promise<void> => {
    if (away !== null) return;
    try {
      const face = await largestFace(url);
      const opts = face === null ? null : optsOf(face);
      if (opts !== null) looked.set(url, { kind: 'found', opts });
      else looked.set(url, { kind: face === null ? 'no-face' : 'no-opts' });
    } catch (error) {
      if (!(error instanceof AkoolCallError)) throw error;
      if (error.code === 'REFUSED') looked.set(url, { kind: 'refused', error });
      else away ??= error;
    }
  };
  let onAbort = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    onAbort = () => {
      away ??= 'stopped';
      resolve();
    };
  });
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([Promise.all(urls.map((url) => limit(look, url))), stopped]);
    return away;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function missingAddresses({ sourceImage, targetImage }: FaceSwapRequest): readonly string[] {
  return [...new Set([...sourceImage, ...targetImage].filter(lacksOpts).map(({ path }) => path))];
}

/** The images with the given outcome, like `targetImage.2`. */
function placesWhere(
  request: FaceSwapRequest,
  looked: ReadonlyMap<string, Look>,
  is: (look: Look) => boolean,
): readonly string[] {
  return (['sourceImage', 'targetImage'] as const).flatMap((side) =>
    request[side].flatMap((image, i) => {
      const look = lacksOpts(image) ? looked.get(image.path) : undefined;
      return look !== undefined && is(look) ? [`${side}.${i}`] : [];
    }),
  );
}

function withFound(request: FaceSwapRequest, looked: ReadonlyMap<string, Look>): FaceSwapRequest {
  const fill = (image: FaceImage): FaceImage => {
    const look = lacksOpts(image) ? looked.get(image.path) : undefined;
    return look?.kind === 'found' ? { ...image, opts: look.opts } : image;
  };
  return {
    ...request,
    sourceImage: request.sourceImage.map(fill),
    targetImage: request.targetImage.map(fill),
  };
}

function lacksOpts({ opts }: FaceImage): boolean {
  return opts === null;
}

function noFaceFound(places: readonly string[]): JobError {
  return {
    code: 'NO_FACE_FOUND',
    message: `No face was found in ${places.join(', ')}: use pictures with a clear face. Nothing was sent or billed.`,
    providerCode: null,
    retryable: false,
  };
}

function noOptsFound(places: readonly string[]): JobError {
  return {
    code: 'PROVIDER_ERROR',
    message:
      `Akool found a face in ${places.join(', ')}, but gave no usable landmarks for it, which several images ` +
      'need: pass opts yourself, or use other pictures. Nothing was sent or billed.',
    providerCode: null,
    retryable: false,
  };
}

function inPlaces(error: JobError, places: readonly string[]): JobError {
  return {
    ...error,
    message: `Face detection failed for ${places.join(', ')}: ${error.message} Nothing was sent or billed.`,
  };
}

function whyAway(away: Away): { reason: string; retryAfterMs: number | null; maybePictures: boolean } {
  if (away === 'stopped')
    return { reason: 'faces were not found in time', retryAfterMs: null, maybePictures: true };
  const isAnswered = away.httpStatus !== null || away.code === 'TIMEOUT' || away.code === 'UNREADABLE';
  return {
    reason: `faces could not be detected: ${away.message}`,
    retryAfterMs: away.retryAfterMs,
    maybePictures: isAnswered && away.code !== 'RATE_LIMITED',
  };
}
