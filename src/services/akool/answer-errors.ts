/** Converts an unexpected answer to an AkoolCallError, for all calls except submits. */
import type { Envelope } from './answers.js';
import { AkoolCallError } from './call-error.js';
import { jobErrorFor, jobErrorForStatus } from './codes.js';
import { type Verdict, whySilent } from './verdict.js';

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

/** Returns the error for any answer but a success. */
export function callError(
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
      return new AkoolCallError('RATE_LIMITED', 'Akool is not accepting more requests at the moment.', {
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
