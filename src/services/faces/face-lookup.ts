/** `detectFaces` as a caller sees it: the input checked before it costs anything, and errors that say what to do. */
import { setImmediate } from 'node:timers/promises';
import { GatewayError, InputError } from '../../errors.js';
import { toUri } from '../../http-url.js';
import type { DetectedFrame, DetectFacesRequest } from '../akool/akool-client.js';
import { toClientFault } from '../akool/provider-fault.js';
import { mediaTypeOf } from '../archive/media-type.js';
import { HeldBytes } from '../held-bytes.js';
import type { FaceDetection } from './face-detection.js';

/** Decoded. */
const MOST_IMAGE_BYTES = 5 * 1024 * 1024;
/** Of all pictures that are being looked at or wait for it, in base64, whether or not their callers still wait. */
const MOST_IMAGES_BYTES = 64 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 2;
/** What base64 is decoded into. */
const PIECE_BYTES = 48 * 1024;
const PIECE_DIGITS = (PIECE_BYTES * 4) / 3;

export class FaceLookup {
  readonly #faces: FaceDetection;
  readonly #images = new HeldBytes(MOST_IMAGES_BYTES);
  /** The last picture's turn. */
  #turn: Promise<void> = Promise.resolve();

  constructor(faces: FaceDetection) {
    this.#faces = faces;
  }

  /** @throws InputError, GatewayError PROVIDER_UNAVAILABLE or RATE_LIMITED */
  async detect(tenant: string, request: DetectFacesRequest): Promise<readonly DetectedFrame[]> {
    const held = this.#images.open({ tenant, onlyJob: null });
    if (!held.add(request.image?.length ?? 0)) throw tooLarge();
    try {
      if (request.image != null) await this.#nextTurn();
      await checkMedia(request);
      if (request.image != null) await this.#nextTurn();
      return await this.#faces.find(tenant, onWire(request));
    } catch (error) {
      throw toClientFault(error, request.url == null ? 'input.image' : 'input.url');
    } finally {
      held.release();
    }
  }

  /** One step of one picture in each turn of the event loop, others' requests between: 5 MB take longer than many of them. */
  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => setImmediate());
    return this.#turn;
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
  if (!isBase64(base64)) throw refuse('must be base64, bare or as a data URI');
  const type = await mediaTypeOf(Buffer.from(base64.slice(0, 8192), 'base64'));
  if (type === null || !type.contentType.startsWith('image/'))
    throw refuse('must be a picture, like PNG or JPEG');
}

/** Decoding tells it in a twentieth of the time that a pattern takes; piece by piece, it leaves nothing behind. */
function isBase64(text: string): boolean {
  const end = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  if (end === 0 || end % 4 === 1 || text.length % 4 === 1) return false;
  // Decoding takes these two for the last digits, and leaves out everything else that is none.
  if (text.includes('-') || text.includes('_')) return false;
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  for (let start = 0; start < end; start += PIECE_DIGITS) {
    const digits = text.slice(start, Math.min(start + PIECE_DIGITS, end));
    if (piece.write(digits, 'base64') !== Math.floor((digits.length * 3) / 4)) return false;
  }
  return true;
}

/** Only what Akool is asked for, so that the same question is known again however it was put. */
function onWire({ url, image, numFrames, singleFace }: DetectFacesRequest): DetectFacesRequest {
  return { ...(url == null ? { image } : { url: toUri(url) }), numFrames, singleFace };
}

function tooLarge(): GatewayError {
  return new GatewayError(
    'RATE_LIMITED',
    `Too many large pictures wait to be looked at; try again in ${RETRY_AFTER_SECONDS} s, or give their urls.`,
    { extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS } },
  );
}
