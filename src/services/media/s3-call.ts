/** Calls to S3, with a timeout and with errors that contain no secrets. */

/** A failed call to S3. The message names the call and S3's own error code. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  /**
   * From S3 or the system, like `AccessDenied` or `ECONNREFUSED`; `TimeoutError` if there was no answer in
   * time.
   */
  readonly code: string;
  /** Null: no answer. */
  readonly status: number | null;
  /** The bucket's region, if S3 gave it. */
  readonly region: string | null;

  constructor(operation: string, code: string, status: number | null, region: string | null = null) {
    super(`${operation} failed: ${code}${status === null ? '' : `, HTTP ${status}`}`);
    this.code = code;
    this.status = status;
    this.region = region;
  }
}

/** Timeout of a call until its answer, including retries and pauses, in milliseconds. */
export const ANSWER_MS = 10_000;
/** The same for a call that uploads a part or completes an upload. */
export const TRANSFER_MS = 60_000;

/**
 * Ends `call` after `ms`, or when `signal` is aborted. The timeout applies until the answer; its body may
 * take longer, but `signal` still ends it.
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

/** Whether the object or upload does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof S3Error && error.status === 404 && error.code !== 'NoSuchBucket';
}

/** Whether the store does not support the operation at all. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof S3Error && (UNSUPPORTED.test(error.code) || [405, 501].includes(error.status ?? 0));
}

const UNSUPPORTED = /^(NotImplemented|MethodNotAllowed|NotSupported|UnsupportedOperation|InvalidAction)$/;

/**
 * Creates a new error without the cause: the client's errors contain S3's answer, which repeats the key's id,
 * the signed request and the object's name, and anyone who knows that name may download it.
 */
function told(operation: string, error: unknown): S3Error {
  const { name, code, Region, $metadata, $response } = error as {
    readonly name?: unknown;
    readonly code?: unknown;
    readonly Region?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  };
  // S3's errors have the code as their name; all system errors have the same name, but a code.
  const known = [code, name].find((text) => typeof text === 'string' && /^\w{1,64}$/.test(text));
  const region = String(Region ?? $response?.headers?.['x-amz-bucket-region'] ?? '');
  return new S3Error(
    operation,
    String(known ?? 'unknown'),
    $metadata?.httpStatusCode ?? null,
    /^[a-z0-9-]{1,32}$/.test(region) ? region : null,
  );
}
