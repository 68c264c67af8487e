/** GraphQL over HTTP, repeated until it is answered. */
import { type Alarm, backoffMs } from './alarm.js';
import { type FieldError, RequestRefused } from './errors.js';
import type { FaceSwapOptions } from './face-swap.js';

/** What every part of a client needs to reach its gateway. */
export interface Gateway extends Pick<FaceSwapOptions, 'token' | 'webSocket'> {
  /** @throws TypeError if it is relative, and there is no page */
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
  /** Instead, until when: in milliseconds since 1970, read after each attempt. */
  readonly until?: number;
  /** An earlier page may have sent it, and the session of this one may still be loading. */
  readonly isResumed?: boolean | undefined;
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
export const UNANSWERED = 'UNANSWERED';
export const UNAUTHENTICATED = 'UNAUTHENTICATED';
/** STORAGE_UNAVAILABLE and IN_PROGRESS are of uploads. */
/** The last ones are ARCHIVE_, AUTHENTICATION_, STORAGE_ and STORE_UNAVAILABLE; UPLOADS_UNAVAILABLE stays so. */
const PASSING = /^(UNANSWERED|RATE_LIMITED|IN_PROGRESS|(A|STO)\w+_UNAVAILABLE)$/;
/** The first is that of an XMLHttpRequest without an answer. */
const PASSING_STATUS = /^(0|408|425|429|5..)$/;

/** Whether the same request would be refused again, a little later and with another token. */
export function isFinal({ token }: Pick<Gateway, 'token'>, { code }: RequestRefused): boolean {
  return !PASSING.test(code) && !(code === UNAUTHENTICATED && typeof token === 'function');
}

/** @param status of an answer that may not be the gateway's */
export function refusalOf(
  { message, extensions }: ClientError,
  status = 400,
  retryAfterHeader: string | null = null,
): RequestRefused {
  const {
    code = PASSING_STATUS.test(`${status}`) ? UNANSWERED : `HTTP_${status}`,
    fieldErrors,
    // The header may also be a date.
    retryAfterSeconds: retryAfter = Number(retryAfterHeader) || null,
    outcome,
  } = extensions ?? {};
  // An outcome that nobody knows is like no answer.
  return new RequestRefused(outcome ? UNANSWERED : code, message ?? code, { fieldErrors, retryAfter });
}

/** Reads what the gateway has sent. @throws RequestRefused unless it is an answer */
export async function answerOf<Answer extends object>(
  isAnswer: (answer: Partial<Answer>) => unknown,
  response: Pick<Response, 'status' | 'text'> & { readonly headers: Pick<Headers, 'get'> },
): Promise<Answer> {
  const text = await response.text();
  let answer: Answer & Refused = Object();
  try {
    answer = JSON.parse(text);
  } catch {}
  if (isAnswer(answer)) return answer;
  const { errors: [error] = [{ message: answer.message, extensions: answer }] } = answer;
  throw refusalOf(error, response.status, response.headers.get('retry-after'));
}

/** Calls `attempt` until it does not fail in a passing way. */
export async function repeat<Answer>(
  gateway: Gateway,
  options: RequestOptions,
  attempt: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const { alarm, closed } = gateway;
  const { signal = closed, patienceMs = PATIENCE_MS, isResumed } = options;
  const ending = AbortSignal.any([signal, closed]);
  const begunAt = Date.now();
  /** Whether nobody knows what became of an earlier attempt. */
  let isUnsure = isResumed;
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt(ending);
    } catch (error) {
      ending.throwIfAborted();
      // Throws if it is no address: that is not repeated.
      const { origin } = gateway.address();
      const refusal = error instanceof RequestRefused ? error : null;
      const code = refusal?.code ?? UNANSWERED;
      // Whoever is not the gateway, or a gateway that does not know the caller, can't tell what became of it.
      const refused =
        (!(isUnsure && /^(HTTP_|UNAUTH)/.test(code)) && refusal) ||
        new RequestRefused(UNANSWERED, `No answer from ${origin}`, { cause: error });
      const { retryAfter } = refused;
      const waitMs = backoffMs(attempts - 1);
      const isEnough = code === UNAUTHENTICATED && attempts >= MAX_TOKENS && !isResumed;
      const { until = begunAt + patienceMs } = options;
      if (isEnough || isFinal(gateway, refused) || Date.now() + waitMs + (retryAfter ?? 0) * 1000 > until)
        throw refused;
      isUnsure ||= code === UNANSWERED;
      await alarm.sleep(waitMs, ending, retryAfter);
    }
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
    const { data } = await answerOf<{ data: { answer: Answer }; errors?: unknown }>(
      // What was stored is told even if some of it could not be read.
      ({ data, errors }) => data && (data.answer !== null || !errors),
      response,
    );
    return data.answer;
  };
  return (query, variables, options = {}) => {
    const body = JSON.stringify({ query, variables });
    return repeat(gateway, options, (signal) => post(body, signal));
  };
}
