/** The way of one file from a caller's connection to the disk: counted and hashed as it arrives. */
import type { Readable } from 'node:stream';
import type { Clock } from '../../clock.js';
import { writeNewFile } from '../media/new-file.js';
import { Measure, ResultContentError } from '../media/result-stream.js';
import { Pace } from './pace.js';
import { UploadRefusal } from './upload-refusal.js';

/** The connection broke, so there is nobody to answer. */
export class SenderLeftError extends Error {
  override readonly name = 'SenderLeftError';
}

interface ArrivalOptions {
  /** How many bytes were announced. */
  readonly byteSize: number;
  /** The largest file of its kind that the gateway takes, in bytes. */
  readonly maxBytes: number;
  readonly clock: Pick<Clock, 'steady'>;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 1000;
/** Of any size, in addition to those of a few hundred bytes. Each one takes time, which others wait for. */
const MAX_SMALL_PIECES = 16_384;
/** Half of the smallest usual packet. */
const SMALL_PIECE_BYTES = 256;

/**
 * Writes the body to a new file at `path`. Leaves the body paused if it is refused; never ends it.
 *
 * @returns the hash of the bytes, in lower-case hex
 * @throws UploadRefusal, SenderLeftError, the system's error, or the reason of `signal`
 */
export async function arrive(body: Readable, path: string, options: ArrivalOptions): Promise<string> {
  const { byteSize, maxBytes, clock, signal } = options;
  const measure = new Measure(byteSize, byteSize);
  const pace = new Pace(clock.steady());
  let pieces = 0;
  const count = (): void => {
    pieces += 1;
    if (pieces <= MAX_SMALL_PIECES + measure.byteSize / SMALL_PIECE_BYTES) return;
    measure.destroy(new UploadRefusal('TOO_LARGE', 'The file arrives in too many small pieces.'));
  };
  const left = (): void => void measure.destroy(new SenderLeftError());
  const looks = setInterval(() => {
    const fault = pace.fault(clock.steady(), measure.byteSize);
    if (fault !== null) measure.destroy(mismatch(`${fault}; ${measure.byteSize} of ${byteSize} bytes came`));
  }, LOOK_EVERY_MS);
  try {
    const written = writeNewFile(path, measure, { signal });
    // A pipeline would end the connection with the body.
    body.on('data', count).once('error', left).pipe(measure);
    if (body.destroyed) left();
    await written;
    return measure.sha256();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ResultContentError)) throw error;
    const announced = `${byteSize} bytes were announced`;
    if (error.code === 'INCOMPLETE') throw mismatch(`${announced}, and ${measure.byteSize} came`);
    throw byteSize < maxBytes ? mismatch(`${announced}, and more came`) : tooLarge(maxBytes);
  } finally {
    clearInterval(looks);
    body.off('data', count).off('error', left).unpipe(measure);
    body.pause();
  }
}

export function mismatch(what: string): UploadRefusal {
  return new UploadRefusal('LENGTH_MISMATCH', `${what}.`);
}

export function tooLarge(maxBytes: number): UploadRefusal {
  return new UploadRefusal('TOO_LARGE', `The file must have at most ${maxBytes} bytes.`);
}
