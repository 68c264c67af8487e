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
  readonly message?: string | undefined;
  readonly extensions?: {
    readonly code?: string;
    readonly fieldErrors?: readonly FieldError[];
    readonly retryAfterSeconds?: number;
    readonly outcome?: string;
  };
}

/** A refused request, or a refused upload. */
interface Refused {
  readonly errors?: readonly [ClientError];
  readonly code?: string;
  readonly message?: string;
}

const PATIENCE_MS = 30_000;
/** A submit is answered after ten seconds, and a detection after thirty. */
const ATTEMPT_MS = 45_000;
/** How often a function is asked for another token in one request. */
const MAX_TOKENS = 3;
const UNANSWERED = 'UNANSWERED';
export const UNAUTHENTICATED = 'UNAUTHENTICATED';
/** The last two are of uploads. */
const PASSING = [
  ...[UNANSWERED, 'RATE_LIMITED', 'STORE_UNAVAILABLE', 'AUTHENTICATION_UNAVAILABLE'],
  ...['STORAGE_UNAVAILABLE', 'IN_PROGRESS'],
];
const PASSING_STATUS = [408, 425, 429];

/** Whether the same request would be refused again, a little later and with another token. */
export function isFinal({ token }: Pick<Gateway, 'token'>, { code }: RequestRefused): boolean {
  return !PASSING.includes(code) && !(code === UNAUTHENTICATED && typeof token === 'function');
}

/** @param status of an answer that may not be the gateway's */
export function refusalOf(
  { message, extensions }: ClientError,
  status = 400,
  retryAfterHeader: string | null = null,
): RequestRefused {
  const isPassingStatus = status >= 500 || PASSING_STATUS.includes(status);
  const {
    code = isPassingStatus ? UNANSWERED : `HTTP_${status}`,
    fieldErrors,
    // The header may also be a date.
    retryAfterSeconds: retryAfter = Number(retryAfterHeader) || null,
    outcome,
  } = extensions ?? {};
  // An outcome that nobody knows is like no answer.
  return new RequestRefused(outcome ? UNANSWERED : code, message ?? code, { fieldErrors, retryAfter });
}

/** Reads a body of the gateway. @throws RequestRefused unless it is an answer */
export function answerOf<Answer extends object>(
  isAnswer: (answer: Partial<Answer>) => unknown,
  { status }: Pick<Response, 'status'>,
  text: string,
  retryAfter: string | null,
): Answer {
  let answer: Answer & Refused = Object();
  try {
    answer = JSON.parse(text);
  } catch {}
  if (isAnswer(answer)) return answer;
  const { errors: [error] = [{ message: answer.message, extensions: answer }] } = answer;
  throw refusalOf(error, status, retryAfter);
}

/** Not earlier than the gateway says. */
export function waitMsOf({ retryAfter }: RequestRefused, failures: number): number {
  return (retryAfter ?? 0) * 1000 + backoffMs(failures);
}

/** Calls `attempt` until it does not fail in a passing way. */
export async function repeat<Answer>(
  gateway: Gateway,
  { signal, patienceMs = PATIENCE_MS }: RequestOptions,
  attempt: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const { alarm, closed } = gateway;
  const ending = signal ? AbortSignal.any([signal, closed]) : closed;
  const until = Date.now() + patienceMs;
  for (let attempts = 1; ; attempts++) {
    let refused: RequestRefused;
    try {
      return await attempt(ending);
    } catch (error) {
      ending.throwIfAborted();
      refused =
        error instanceof RequestRefused
          ? error
          : new RequestRefused(UNANSWERED, 'No answer.', { cause: error });
    }
    const waitMs = waitMsOf(refused, attempts - 1);
    const isEnough = refused.code === UNAUTHENTICATED && attempts >= MAX_TOKENS;
    if (isEnough || isFinal(gateway, refused) || Date.now() + waitMs > until) throw refused;
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
        ...(await authorizationOf(gateway)),
      },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
    });
    const { data } = answerOf<{ data: { answer: Answer }; errors?: unknown }>(
      // What was stored is told even if some of it could not be read.
      ({ data, errors }) => data && (data.answer !== null || !errors),
      response,
      await response.text(),
      response.headers.get('retry-after'),
    );
    return data.answer;
  };
  return (query, variables, options = {}) => {
    const body = JSON.stringify({ query, variables });
    return repeat(gateway, options, (signal) => post(body, signal));
  };
}
