/**
 * Implements `detectFaces` for callers: checks the input before it costs anything, and returns errors that explain what
 * to do.
 */
import { setImmediate } from 'node:timers/promises';
import { GatewayError, InputError } from '../../errors.js';
import { toUri } from '../../http-url.js';
import type { DetectedFrame, DetectFacesRequest } from '../akool/akool-client.js';
import { toClientFault } from '../akool/error-mapping.js';
import { HeldBytes } from '../limits/held-bytes.js';
import { mediaTypeOf } from '../media/media-type.js';
import type { DetectionCache } from './detection-cache.js';

/** Size after decoding. */
const MAX_IMAGE_BYTES = 5 * 1024 * 1024;
/** Total size in base64 of all pictures being examined or waiting, even if their callers have gone. */
const MAX_HELD_IMAGE_BYTES = 64 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 2;
/** Base64 is decoded in pieces of this size. */
const PIECE_BYTES = 48 * 1024;
const PIECE_DIGITS = (PIECE_BYTES * 4) / 3;

export class FaceDetector {
  readonly #faces: DetectionCache;
  readonly #images = new HeldBytes(MAX_HELD_IMAGE_BYTES);
  /** The last picture's turn. */
  #turn: Promise<void> = Promise.resolve();

  constructor(faces: DetectionCache) {
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

  /**
   * Processes one piece of one picture per turn of the event loop, so that other requests run in between: 5
   * MB take longer than many of them.
   */
  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => setImmediate());
    return this.#turn;
  }
}

async function checkMedia({ url, image }: DetectFacesRequest): Promise<void> {
  if ((url == null) === (image == null)) {
    throw new InputError([
      { path: 'input', code: 'MEDIA_REQUIRED', message: 'give either url or image, not both' },
    ]);
  }
  if (image == null) return;
  const refuse = (message: string) =>
    new InputError([{ path: 'input.image', code: 'IMAGE_INVALID', message }]);
  const base64 = image.replace(/^data:image\/[\w.+-]+;base64,/, '');
  if (base64.length > (MAX_IMAGE_BYTES * 4) / 3 + 4)
    throw refuse('must be at most 5 MB; use url for larger pictures');
  if (!isBase64(base64)) throw refuse('must be base64, plain or as a data URI');
  const type = await mediaTypeOf(Buffer.from(base64.slice(0, 8192), 'base64'));
  if (type === null || !type.contentType.startsWith('image/'))
    throw refuse('must be a picture, like PNG or JPEG');
}

/**
 * Decoding takes a twentieth of the time of a regular expression, and decoding in pieces leaves no large
 * buffers behind.
 */
function isBase64(text: string): boolean {
  const end = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  if (end === 0 || end % 4 === 1 || text.length % 4 === 1) return false;
  // The decoder accepts these two as the last digits (base64url), and skips all other invalid characters.
  if (text.includes('-') || text.includes('_')) return false;
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  for (let start = 0; start < end; start += PIECE_DIGITS) {
    const digits = text.slice(start, Math.min(start + PIECE_DIGITS, end));
    if (piece.write(digits, 'base64') !== Math.floor((digits.length * 3) / 4)) return false;
  }
  return true;
}

/** Keeps only what is sent to Akool, so that equivalent requests have the same key. */
function onWire({ url, image, numFrames, singleFace }: DetectFacesRequest): DetectFacesRequest {
  return { ...(url == null ? { image } : { url: toUri(url) }), numFrames, singleFace };
}

function tooLarge(): GatewayError {
  return new GatewayError(
    'RATE_LIMITED',
    `Too many large pictures are waiting; try again in ${RETRY_AFTER_SECONDS} s, or pass their URLs.`,
    { extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS } },
  );
}
