/** Calls to S3: each ends in a bounded time, and its failure is told without what nobody should read. */

/** A call to S3 that failed. The message names the call and S3's own code for what is wrong. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  /** Of S3 or of the system, like `AccessDenied` or `ECONNREFUSED`; `TimeoutError` when no answer came in time. */
  readonly code: string;
  /** Null: there was no answer. */
  readonly status: number | null;
  /** Where the bucket is, if S3 said so. */
  readonly region: string | null;

  constructor(operation: string, code: string, status: number | null, region: string | null = null) {
    super(`${operation} failed: ${code}${status === null ? '' : `, HTTP ${status}`}`);
    this.code = code;
    this.status = status;
    this.region = region;
  }
}

/** The longest that a call may take up to its answer, tries and waits between them included, in milliseconds. */
export const ANSWER_MS = 10_000;
/** The same, for a call that carries a part or puts parts together. */
export const TRANSFER_MS = 60_000;

/**
 * Ends `call` after `ms`, or when `signal` is aborted. The time is up to the answer: a body that comes after it
 * may take longer, but is still ended by `signal`.
 *
 * @throws S3Error, and the reason of `signal`
 */
export async function bounded<T>(
  operation: string,
  ms: number,
  signal: AbortSignal | undefined,
  call: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ms);
  try {
    const abortSignal = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
    return await call({ abortSignal });
  } catch (error) {
    signal?.throwIfAborted();
    throw late.signal.aborted ? new S3Error(operation, 'TimeoutError', null) : told(operation, error);
  } finally {
    clearTimeout(timer);
  }
}

/** What is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof S3Error && error.status === 404 && error.code !== 'NoSuchBucket';
}

/** What this store does not do for anybody. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof S3Error && (UNSUPPORTED.test(error.code) || [405, 501].includes(error.status ?? 0));
}

const UNSUPPORTED = /^(NotImplemented|MethodNotAllowed|NotSupported|UnsupportedOperation|InvalidAction)$/;

/**
 * Anew, and without the cause: the client's errors carry what S3 answered, which repeats the key's id, the
 * signed request and the object's name, and whoever knows that name may fetch it.
 */
function told(operation: string, error: unknown): S3Error {
  const { name, code, Region, $metadata, $response } = error as {
    readonly name?: unknown;
    readonly code?: unknown;
    readonly Region?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  };
  // Of S3 the name is the code; of the system, which calls all its errors alike, it is not.
  const known = [code, name].find((text) => typeof text === 'string' && /^\w{1,64}$/.test(text));
  const region = String(Region ?? $response?.headers?.['x-amz-bucket-region'] ?? '');
  return new S3Error(
    operation,
    String(known ?? 'unknown'),
    $metadata?.httpStatusCode ?? null,
    /^[a-z0-9-]{1,32}$/.test(region) ? region : null,
  );
}
