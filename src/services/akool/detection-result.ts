/** The result of a face detection: its frames, or an AkoolCallError. */
import type { DetectedFrame } from './akool-client.js';
import { callError, readable } from './answer-errors.js';
import { readJson } from './answers.js';
import { AkoolCallError } from './call-error.js';
import { AKOOL_CODES } from './codes.js';
import { readDetection } from './detection.js';
import type { Exchange } from './exchange.js';
import { cleanProviderText } from './provider-text.js';
import { verdictOf } from './verdict.js';

/** Frames, faces and landmarks of one detection. A video of 100 frames with 20 faces each has 14,100. */
const MAX_PLACES = 20_000;

/**
 * Returns the frames of a face detection.
 *
 * According to its documentation, the input is at fault on HTTP 400 and the server on HTTP 500, both with
 * `error_code` 1. But "Failed to process media", its example of the latter, is about the media.
 *
 * @throws AkoolCallError
 */
export function framesOf(exchange: Exchange, secrets: readonly string[], baseUrl: string): DetectedFrame[] {
  const answer = exchange.kind === 'answered' ? readDetection(readJson(exchange.body), baseUrl) : null;
  if (exchange.kind !== 'answered' || answer === null || exchange.status === 429) {
    const verdict = verdictOf(exchange);
    throw verdict.kind === 'success'
      ? new AkoolCallError('UNREADABLE', "Akool's answer is not a face detection result.")
      : callError(verdict, secrets);
  }
  const { status } = exchange;
  const details = { httpStatus: status, providerCode: answer.errorCode };
  if (answer.errorCode === 0 && status < 400) {
    const frames = readable(answer.frames, 'faces');
    if (placesIn(frames) <= MAX_PLACES) return frames;
    throw new AkoolCallError('REFUSED', 'This contains too many faces: request fewer frames.', details);
  }
  // A code from Akool's table is more specific than `error_code`: key, credit, too many calls.
  const verdict = verdictOf(exchange);
  const code = 'code' in verdict ? verdict.code : null;
  if (verdict.kind !== 'success' && code !== null && AKOOL_CODES.has(code)) throw callError(verdict, secrets);
  const said = cleanProviderText(answer.errorMsg, secrets);
  const quote = said === '' ? '' : ` Akool said: “${said}”`;
  throw status >= 500 && !/process media/i.test(said)
    ? new AkoolCallError('UNREACHABLE', `Face detection failed at Akool (HTTP ${status}).${quote}`, details)
    : new AkoolCallError('REFUSED', `Akool could not detect faces in this.${quote}`, details);
}

function placesIn(frames: readonly DetectedFrame[]): number {
  const faces = frames.flatMap((frame) => frame.faces);
  return faces.reduce((count, { landmarks }) => count + landmarks.length, frames.length + faces.length);
}
