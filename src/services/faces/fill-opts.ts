/** Filling in the `opts` that a submit with `detectOpts: true` left open, before anything is sent or billed. */
import pLimit from 'p-limit';
import { AkoolCallError } from '../akool/call-error.js';
import type { JobError } from '../jobs/job-error.js';
import type { FaceImage, FaceSwapRequest } from '../jobs/job-request.js';
import type { FaceDetection } from './face-detection.js';

export type Filled =
  | { readonly kind: 'filled'; readonly request: FaceSwapRequest }
  /** For good: a picture shows no face, or can't be looked at. */
  | { readonly kind: 'failed'; readonly error: JobError }
  /** Akool could not be asked; nothing was sent, so it may be tried again. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly retryAfterMs: number | null };

/** Lookups at once for one job. */
const PARALLEL = 4;

/** Whether the request can't be sent as it is. */
export function needsOpts(request: FaceSwapRequest): boolean {
  return request.detectOpts && [...request.sourceImage, ...request.targetImage].some(lacksOpts);
}

/** Never rejects for a reason that lies with Akool or the pictures. */
export async function fillOpts(
  tenant: string,
  request: FaceSwapRequest,
  faces: FaceDetection,
): Promise<Filled> {
  const limit = pLimit(PARALLEL);
  const fill = (side: string, images: readonly FaceImage[]): Promise<readonly (FaceImage | NoFace)[]> =>
    Promise.all(
      images.map((image, i) =>
        limit(async () => {
          if (!lacksOpts(image)) return image;
          const opts = await faces.findOpts(tenant, image.path);
          return opts === null ? { noFaceAt: `${side}.${i}` } : { ...image, opts };
        }),
      ),
    );
  try {
    const [sourceImage, targetImage] = await Promise.all([
      fill('sourceImage', request.sourceImage),
      fill('targetImage', request.targetImage),
    ]);
    const without = [...sourceImage, ...targetImage].filter(isNoFace).map(({ noFaceAt }) => noFaceAt);
    if (without.length > 0) return { kind: 'failed', error: noFaceFound(without) };
    return {
      kind: 'filled',
      request: {
        ...request,
        sourceImage: sourceImage.filter(isImage),
        targetImage: targetImage.filter(isImage),
      },
    };
  } catch (error) {
    limit.clearQueue();
    if (!(error instanceof AkoolCallError)) throw error;
    if (error.code === 'REFUSED') return { kind: 'failed', error: mediaRefused(error) };
    return {
      kind: 'unavailable',
      reason: `faces could not be detected: ${error.code}`,
      retryAfterMs: error.retryAfterMs,
    };
  }
}

interface NoFace {
  /** Which image, like `targetImage.2`. */
  readonly noFaceAt: string;
}

function isNoFace(image: FaceImage | NoFace): image is NoFace {
  return 'noFaceAt' in image;
}

function isImage(image: FaceImage | NoFace): image is FaceImage {
  return !isNoFace(image);
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

function mediaRefused(error: AkoolCallError): JobError {
  return {
    code: 'CONTENT_NOT_FOUND',
    message: `Face detection could not look at a picture: ${error.message}. Nothing was sent or billed.`,
    providerCode: error.providerCode,
    retryable: false,
  };
}
