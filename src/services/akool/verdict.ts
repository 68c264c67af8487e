/**
 * What an exchange with Akool means: "what came back, exactly".
 *
 * The body's `code` decides before the HTTP status, because Akool answers most refusals with 200; the status
 * decides where there is no such body. Where neither is certain, the verdict says so: a submit is then never
 * sent again.
 */

import { type Envelope, readEnvelope, readJson } from './answers.js';
import { AKOOL_CODES, RATE_LIMIT_CODE, SUCCESS_CODE } from './codes.js';
import type { Exchange, Failure } from './exchange.js';
import { retryAfterMs } from './retry-after.js';

export type Verdict =
  /** Code 1000. `data` is whatever came with it. */
  | { readonly kind: 'success'; readonly status: number; readonly envelope: Envelope }
  /** Said no, for good: by its code, or (null) by the HTTP status alone. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly code: number | null;
      readonly msg: string | null;
    }
  /** Code 1005 or HTTP 429: not accepted, later perhaps. */
  | { readonly kind: 'rate-limited'; readonly code: number | null; readonly retryAfterMs: number | null }
  /** An answer that does not say what became of the request. */
  | { readonly kind: 'unclear'; readonly status: number; readonly retryAfterMs: number | null }
  /** No answer. `sent` false: no byte of the request left, nor will. */
  | Silence;

export interface Silence {
  readonly kind: 'silent';
  readonly sent: boolean;
  readonly failure: Failure;
  readonly cause: unknown;
}

export function verdictOf(exchange: Exchange): Verdict {
  if (exchange.kind !== 'answered') {
    const { kind, failure, cause } = exchange;
    return { kind: 'silent', sent: kind !== 'not-sent', failure, cause };
  }
  const { status } = exchange;
  const wait = retryAfterMs(exchange.headers['retry-after'], Date.now());
  const envelope = readEnvelope(readJson(exchange.body));
  if (envelope !== null) {
    const { code, msg } = envelope;
    if (code === SUCCESS_CODE) return { kind: 'success', status, envelope };
    if (code === RATE_LIMIT_CODE) return { kind: 'rate-limited', code, retryAfterMs: wait };
    if (AKOOL_CODES.has(code)) return { kind: 'refused', status, code, msg };
    if (status === 429) return { kind: 'rate-limited', code, retryAfterMs: wait };
    // Servers in between put `code` into their error pages too, so on a 5xx only a number of Akool's is a no.
    if (status < 500 || isNumberOfAkool(code)) return { kind: 'refused', status, code, msg };
  }
  if (status === 429) return { kind: 'rate-limited', code: null, retryAfterMs: wait };
  // 408: the server stopped waiting for the request, which may have been all there (RFC 9110, 15.5.9).
  if (status >= 400 && status < 500 && status !== 408)
    return { kind: 'refused', status, code: null, msg: null };
  return { kind: 'unclear', status, retryAfterMs: wait };
}

/** Why no answer came, as the middle of a sentence, like `the connection failed (ECONNREFUSED)`. */
export function whySilent({ failure, cause }: Silence): string {
  // The error's code alone: unlike its message, it cannot hold anything of ours.
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? `${WHY[failure]} (${code})` : WHY[failure];
}

const WHY: Readonly<Record<Failure, string>> = {
  timeout: 'no answer in time',
  stopped: 'the call was stopped',
  connection: 'the connection failed',
  unreadable: "Akool's answer could not be read",
};

/** Akool's codes are 1000 and a few hundred above. */
function isNumberOfAkool(code: number): boolean {
  return code > SUCCESS_CODE && code < 2000;
}
