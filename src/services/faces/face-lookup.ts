/** `detectFaces` as a caller sees it: the input checked before it costs anything, and errors that say what to do. */
import { InputError } from '../../errors.js';
import { toUri } from '../../http-url.js';
import type { DetectedFrame, DetectFacesRequest } from '../akool/akool-client.js';
import { toClientFault } from '../akool/provider-fault.js';
import { mediaTypeOf } from '../archive/media-type.js';
import type { FaceDetection } from './face-detection.js';

/** Decoded. */
const MOST_IMAGE_BYTES = 5 * 1024 * 1024;

export class FaceLookup {
  readonly #faces: FaceDetection;

  constructor(faces: FaceDetection) {
    this.#faces = faces;
  }

  /** @throws InputError, GatewayError PROVIDER_UNAVAILABLE */
  async detect(tenant: string, request: DetectFacesRequest): Promise<readonly DetectedFrame[]> {
    await checkMedia(request);
    try {
      return await this.#faces.find(tenant, onWire(request));
    } catch (error) {
      throw toClientFault(error, request.url == null ? 'input.image' : 'input.url');
    }
  }
}

async function checkMedia({ url, image }: DetectFacesRequest): Promise<void> {
  if ((url == null) === (image == null)) {
    throw new InputError([
      { path: 'input', code: 'MEDIA_REQUIRED', message: 'give either url or image, and not both' },
    ]);
  }
  if (image == null) return;
  const refuse = (message: string) =>
    new InputError([{ path: 'input.image', code: 'IMAGE_INVALID', message }]);
  const base64 = image.replace(/^data:image\/[\w.+-]+;base64,/, '');
  if (base64.length > (MOST_IMAGE_BYTES * 4) / 3 + 4)
    throw refuse('must be at most 5 MB; give a url for more');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 === 1)
    throw refuse('must be base64, bare or as a data URI');
  const type = await mediaTypeOf(Buffer.from(base64.slice(0, 8192), 'base64'));
  if (type === null || !type.contentType.startsWith('image/'))
    throw refuse('must be a picture, like PNG or JPEG');
}

/** Only what Akool is asked for, so that the same question is known again however it was put. */
function onWire({ url, image, numFrames, singleFace }: DetectFacesRequest): DetectFacesRequest {
  return { ...(url == null ? { image } : { url: toUri(url) }), numFrames, singleFace };
}
