/** GraphQL over HTTP, repeated until it is answered. */
import { type Alarm, backoffMs } from './alarm.js';
import { type FieldError, RequestRefused } from './errors.js';
import type { FaceSwapOptions } from './face-swap.js';

/** What every part of a client needs to reach its gateway. */
export interface Gateway extends Pick<FaceSwapOptions, 'token' | 'webSocket'> {
  readonly address: () => URL;
  readonly fetch: typeof globalThis.fetch;
  readonly alarm: Alarm;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long an unanswered request is repeated. */
  readonly patienceMs?: number;
}

/** Returns the operation's `answer`. @throws RequestRefused, or the signal's reason */
export type Request = <Answer>(query: string, variables: object, options?: RequestOptions) => Promise<Answer>;

/** An entry of a GraphQL answer's `errors`. */
export interface ClientError {
  readonly message: string;
  readonly extensions?: {
    readonly code?: string;
    readonly fieldErrors?: readonly FieldError[];
    readonly retryAfterSeconds?: number;
    readonly outcome?: string;
  };
}

const PATIENCE_MS = 30_000;
/** A submit is answered after ten seconds, and a detection after thirty. */
const ATTEMPT_MS = 45_000;
/** How often a function is asked for another token in one request. */
const MAX_TOKENS = 3;
const UNANSWERED = 'UNANSWERED';
export const UNAUTHENTICATED = 'UNAUTHENTICATED';
const PASSING = [UNANSWERED, 'RATE_LIMITED', 'STORE_UNAVAILABLE', 'AUTHENTICATION_UNAVAILABLE'];
const PASSING_STATUS = [408, 425, 429];

/** Whether the same request may succeed a little later. */
export function isPassing(refused: unknown): boolean {
  return refused instanceof RequestRefused && PASSING.includes(refused.code);
}

export function refusalOf([error]: readonly ClientError[]): RequestRefused {
  const {
    code = 'BAD_REQUEST',
    fieldErrors,
    retryAfterSeconds: retryAfter,
    outcome,
  } = error?.extensions ?? {};
  // An outcome that nobody knows is like no answer.
  return new RequestRefused(outcome === undefined ? code : UNANSWERED, error?.message ?? code, {
    fieldErrors,
    retryAfter,
  });
}

/** For what is not answered in the gateway's own words. */
export function refusalOfStatus(
  response: Response | XMLHttpRequest,
  retryAfter: string | null,
): RequestRefused {
  const { status } = response;
  const isPassing = status >= 500 || PASSING_STATUS.includes(status);
  return new RequestRefused(
    isPassing ? UNANSWERED : `HTTP_${status}`,
    `Answered with ${status}, and not by the gateway.`,
    {
      retryAfter: Number(retryAfter) || undefined,
    },
  );
}

/**
 * Calls `attempt` until it does not fail in a passing way.
 *
 * @param isWorth tells of other refusals whether to try again
 */
export async function repeat<Answer>(
  { alarm, closed }: Gateway,
  { signal, patienceMs = PATIENCE_MS }: RequestOptions,
  attempt: (signal: AbortSignal) => Promise<Answer>,
  isWorth: (refused: RequestRefused, attempts: number) => boolean = () => false,
): Promise<Answer> {
  const ending = signal ? AbortSignal.any([signal, closed]) : closed;
  const until = Date.now() + patienceMs;
  for (let attempts = 1; ; attempts++) {
    ending.throwIfAborted();
    let refused: RequestRefused;
    try {
      return await attempt(ending);
    } catch (error) {
      ending.throwIfAborted();
      refused =
        error instanceof RequestRefused
          ? error
          : new RequestRefused(UNANSWERED, 'The gateway did not answer.', { cause: error });
    }
    const { retryAfter } = refused;
    const waitMs =
      retryAfter === null ? backoffMs(attempts - 1) : retryAfter * 1000 * (1 + Math.random() / 10);
    if (!(isPassing(refused) || isWorth(refused, attempts)) || Date.now() + waitMs > until) throw refused;
    await alarm.sleep(waitMs, ending);
  }
}

export async function authorizationOf({
  token,
}: Pick<Gateway, 'token'>): Promise<{ authorization?: string }> {
  const value = typeof token === 'function' ? await token() : token;
  return value ? { authorization: `Bearer ${value}` } : {};
}

export function createRequest(gateway: Gateway): Request {
  const post = async <Answer>(body: string, signal: AbortSignal): Promise<Answer> => {
    const response = await gateway.fetch(gateway.address(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        ...(await authorizationOf(gateway)),
      },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
    });
    const text = await response.text();
    let answer: { data?: { answer: Answer } | null; errors?: readonly ClientError[] } = {};
    try {
      answer = JSON.parse(text);
    } catch {}
    const { data, errors } = answer;
    // What was stored is told even if some of it could not be read.
    if (data && (data.answer !== null || !errors)) return data.answer;
    throw errors ? refusalOf(errors) : refusalOfStatus(response, response.headers.get('retry-after'));
  };
  return (query, variables, options = {}) =>
    repeat(
      gateway,
      options,
      (signal) => post(JSON.stringify({ query, variables }), signal),
      ({ code }, attempts) =>
        code === UNAUTHENTICATED && typeof gateway.token === 'function' && attempts < MAX_TOKENS,
    );
}
