/** The result of a call other than a submit: its data, or an AkoolCallError. */
import type { DetectedFrame } from './akool-client.js';
import { type Envelope, readJson } from './answers.js';
import { AkoolCallError } from './call-error.js';
import { AKOOL_CODES, jobErrorFor, jobErrorForStatus } from './codes.js';
import { readDetection } from './detection.js';
import type { Exchange } from './exchange.js';
import { cleanProviderText } from './provider-text.js';
import { type Verdict, verdictOf, whySilent } from './verdict.js';

/**
 * Returns the envelope of a success.
 *
 * @param secrets texts to remove from an error's message
 *
 * @throws AkoolCallError
 */
export function envelopeOf(verdict: Verdict, secrets: readonly string[]): Envelope {
  if (verdict.kind === 'success') return verdict.envelope;
  throw callError(verdict, secrets);
}

/** Returns `value`, or throws UNREADABLE with the name of what is missing. */
export function readable<T>(value: T | null, what: string): T {
  if (value === null) throw new AkoolCallError('UNREADABLE', `Akool's answer holds no readable ${what}.`);
  return value;
}

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
      ? new AkoolCallError('UNREADABLE', "Akool's answer is not one of face detection.")
      : callError(verdict, secrets);
  }
  const { status } = exchange;
  const details = { httpStatus: status, providerCode: answer.errorCode };
  if (answer.errorCode === 0 && status < 400) {
    const frames = readable(answer.frames, 'faces');
    if (placesIn(frames) <= MAX_PLACES) return frames;
    throw new AkoolCallError('REFUSED', 'This shows too many faces: ask for fewer frames.', details);
  }
  // A code from Akool's table says more than `error_code`: key, credit, too many calls.
  const verdict = verdictOf(exchange);
  const code = 'code' in verdict ? verdict.code : null;
  if (verdict.kind !== 'success' && code !== null && AKOOL_CODES.has(code)) throw callError(verdict, secrets);
  const said = cleanProviderText(answer.errorMsg, secrets);
  const quote = said === '' ? '' : ` Akool said: “${said}”`;
  throw status >= 500 && !/process media/i.test(said)
    ? new AkoolCallError('UNREACHABLE', `Face detection failed at Akool (HTTP ${status}).${quote}`, details)
    : new AkoolCallError('REFUSED', `Akool could not look for faces in this.${quote}`, details);
}

function placesIn(frames: readonly DetectedFrame[]): number {
  const faces = frames.flatMap((frame) => frame.faces);
  return faces.reduce((count, { landmarks }) => count + landmarks.length, frames.length + faces.length);
}

function callError(
  verdict: Exclude<Verdict, { kind: 'success' }>,
  secrets: readonly string[],
): AkoolCallError {
  switch (verdict.kind) {
    case 'refused': {
      const { status, code, msg } = verdict;
      const error =
        code === null ? jobErrorForStatus(status, code, msg, secrets) : jobErrorFor(code, msg, secrets);
      return new AkoolCallError('REFUSED', error.message, { httpStatus: status, providerCode: code });
    }
    case 'rate-limited':
      return new AkoolCallError('RATE_LIMITED', 'Akool is taking no more requests at the moment.', {
        providerCode: verdict.code,
        retryAfterMs: verdict.retryAfterMs,
      });
    case 'unclear': {
      const { status, retryAfterMs } = verdict;
      return status >= 500 || status === 408
        ? new AkoolCallError('UNREACHABLE', `Akool is not able to answer (HTTP ${status}).`, {
            httpStatus: status,
            retryAfterMs,
          })
        : new AkoolCallError('UNREADABLE', `Akool's answer (HTTP ${status}) is not what it documents.`, {
            httpStatus: status,
          });
    }
    case 'silent': {
      const { sent, failure, cause } = verdict;
      const code =
        failure === 'unreadable' ? 'UNREADABLE' : failure === 'timeout' && sent ? 'TIMEOUT' : 'UNREACHABLE';
      // A parser's error quotes what it could not read, which may be a token.
      const details = failure === 'unreadable' ? {} : { cause };
      return new AkoolCallError(code, `Calling Akool: ${whySilent(verdict)}.`, details);
    }
  }
}
