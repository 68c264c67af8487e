/**
 * Implements `detectFaces` for callers: checks the input before it costs anything, and returns errors that explain what
 * to do.
 */
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { GatewayError, InputError } from '../../errors.js';
import { toUri } from '../../http-url.js';
import type { DetectedFrame, DetectFacesRequest } from '../akool/akool-client.js';
import { toClientFault } from '../akool/error-mapping.js';
import { HeldBytes } from '../limits/held-bytes.js';
import { IMAGE_FAULTS, readPicture } from './base64-picture.js';
import type { DetectionCache } from './detection-cache.js';

/** Total size in base64 of all pictures being examined or waiting, even if their callers have gone. */
const MAX_HELD_IMAGE_BYTES = 64 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 2;

export class FaceDetector {
  readonly #faces: DetectionCache;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #images = new HeldBytes(MAX_HELD_IMAGE_BYTES);
  /** The last picture's turn. */
  #turn: Promise<void> = Promise.resolve();

  constructor(faces: DetectionCache, log: Pick<Logger, 'warn'>) {
    this.#faces = faces;
    this.#log = log;
  }

  /** @throws InputError, GatewayError PROVIDER_UNAVAILABLE or RATE_LIMITED */
  async detect(tenant: string, request: DetectFacesRequest): Promise<readonly DetectedFrame[]> {
    const held = this.#images.open({ tenant, onlyJob: null });
    if (!held.add(request.image?.length ?? 0)) throw tooLarge();
    try {
      if (request.image != null) await this.#nextTurn();
      const asked = await onWire(request);
      if (request.image != null) await this.#nextTurn();
      return await this.#faces.find(tenant, asked);
    } catch (error) {
      const fault = toClientFault(error, request.url == null ? 'input.image' : 'input.url');
      // The client is told only that the operator or time has to help.
      if (fault !== error && !(fault instanceof InputError)) {
        this.#log.warn({ err: error }, 'faces could not be detected');
      }
      throw fault;
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

/** Keeps only what is sent to Akool, so that equivalent requests have the same key. @throws InputError */
async function onWire({
  url,
  image,
  numFrames,
  singleFace,
}: DetectFacesRequest): Promise<DetectFacesRequest> {
  if ((url == null) === (image == null)) {
    throw new InputError([
      { path: 'input', code: 'MEDIA_REQUIRED', message: 'give either url or image, not both' },
    ]);
  }
  if (image == null) return { url: toUri(url ?? ''), numFrames, singleFace };
  const picture = await readPicture(image);
  if ('base64' in picture) return { image: picture.base64, numFrames, singleFace };
  const message = IMAGE_FAULTS[picture.fault];
  throw new InputError([{ path: 'input.image', code: 'IMAGE_INVALID', message }]);
}

function tooLarge(): GatewayError {
  return new GatewayError(
    'RATE_LIMITED',
    `Too many large pictures are waiting; try again in ${RETRY_AFTER_SECONDS} s, or pass their URLs.`,
    { extensions: { retryAfterSeconds: RETRY_AFTER_SECONDS } },
  );
}
