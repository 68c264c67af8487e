/**
 * Interprets an exchange with Akool.
 *
 * The body's `code` takes precedence over the HTTP status, because Akool answers most refusals with 200; the
 * status decides if there is no such body. If neither is conclusive, the verdict says so, and a submit is
 * then never sent again.
 */

import { ProxyError } from '../../outgoing.js';
import { type Envelope, readEnvelope, readJson } from './answers.js';
import { AKOOL_CODES, RATE_LIMIT_CODE, SUCCESS_CODE } from './codes.js';
import type { Exchange, Silence } from './exchange.js';
import { retryAfterMs } from './retry-after.js';

export type Verdict =
  /** Code 1000, with any `data`. */
  | { readonly kind: 'success'; readonly status: number; readonly envelope: Envelope }
  /** Refused for good, by its code or (null) only by the HTTP status. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly code: number | null;
      readonly msg: string | null;
    }
  /** Code 1005 or HTTP 429: not accepted, but may be later. */
  | { readonly kind: 'rate-limited'; readonly code: number | null; readonly retryAfterMs: number | null }
  /** The answer does not say what happened to the request. */
  | { readonly kind: 'unclear'; readonly status: number; readonly retryAfterMs: number | null }
  /** No answer. `sent` is false if no byte of the request was sent or will be. */
  | ({ readonly kind: 'silent'; readonly sent: boolean } & Silence);

export function verdictOf(exchange: Exchange): Verdict {
  if (exchange.kind !== 'answered') {
    const { kind, failure, cause, host } = exchange;
    return { kind: 'silent', sent: kind !== 'not-sent', failure, cause, host };
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
    // Servers in between may put a `code` into their error pages too, so on a 5xx only Akool's own codes
    // count as refusals.
    if (status < 500 || isNumberOfAkool(code)) return { kind: 'refused', status, code, msg };
  }
  if (status === 429) return { kind: 'rate-limited', code: null, retryAfterMs: wait };
  // 408: the server stopped waiting for the request, but may have received all of it (RFC 9110, 15.5.9).
  if (status >= 400 && status < 500 && status !== 408)
    return { kind: 'refused', status, code: null, msg: null };
  return { kind: 'unclear', status, retryAfterMs: wait };
}

/** Why there was no answer, as a clause like `openapi.akool.com can't be reached (ECONNREFUSED)`. */
export function whySilent(silence: Extract<Verdict, { kind: 'silent' }>): string {
  const { cause } = silence;
  if (cause instanceof ProxyError) return `${clauseOf(silence)}: ${cause.message}`;
  // Use only the error's code: unlike its message, it cannot contain secrets.
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  return typeof code === 'string' && /^\w{1,64}$/.test(code)
    ? `${clauseOf(silence)} (${code})`
    : clauseOf(silence);
}

function clauseOf({ sent, failure, host }: Silence & { readonly sent: boolean }): string {
  switch (failure) {
    case 'timeout':
      return sent ? `no answer from ${host} in time` : `no connection to ${host} in time`;
    case 'stopped':
      return 'the call was stopped';
    case 'connection':
      return sent ? `the connection to ${host} broke` : `${host} can't be reached`;
    case 'unreadable':
      return `the answer of ${host} could not be read`;
  }
}

/** Akool's codes start at 1000 and span a few hundred. */
function isNumberOfAkool(code: number): boolean {
  return code > SUCCESS_CODE && code < 2000;
}
