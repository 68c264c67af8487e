/**
 * The jobs that every contender has. Each is derived from its number, so that the gateway's rows (see
 * `seed.ts`) and the other contenders' objects have the same content and give the same responses.
 */

/** A job as resolvers return it; times are milliseconds since 1970. */
export interface SampleJob {
  readonly __typename: 'FaceSwapJob';
  readonly id: string;
  readonly status: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
  readonly providerId: string;
  readonly providerJobId: string;
  readonly callbackToken: string;
  readonly queuePosition: null;
  readonly history: readonly [];
  readonly result: {
    readonly url: string;
    readonly providerUrl: string;
    readonly providerUrlExpiresAt: number;
    readonly archived: boolean;
    readonly contentType: null;
    readonly byteSize: null;
    readonly sha256: null;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly sourceImage: readonly { readonly path: string; readonly opts: string | null }[];
  readonly targetImage: readonly { readonly path: string; readonly opts: string | null }[];
  readonly modelName: 'AKOOL_FACESWAP_IMAGE_HQ';
  readonly faceEnhance: boolean;
  readonly singleFaceMode: boolean;
}

/** Number of the first open job. Low enough for its product with `SPREAD` to be exact. */
export const FIRST_OPEN = 2_000_000;
export const EPOCH_MS = Date.UTC(2025, 0, 1);
export const BETWEEN_JOBS_MS = 1000;
export const LASTED_MS = 20_000;
export const PROVIDER_KEEPS_MS = 7 * 86_400_000;
/** Spreads numbers over 32 bits, so that ids are unordered like those of version 4, which older jobs have. */
export const SPREAD = 2_654_435_761;

export function jobId(n: number): string {
  return `${hex((n * SPREAD) % 2 ** 32, 8)}-${hex(n % 65_536, 4)}-4000-8000-${hex(n, 12)}`;
}

export function providerId(n: number): string {
  return hex(n, 24);
}

export function callbackToken(n: number): string {
  return `${hex((n * SPREAD) % 2 ** 32, 8)}${hex(n, 24)}`;
}

export function resultUrl(n: number): string {
  return `https://results.example.com/${providerId(n)}.png`;
}

export function finishedJob(n: number): SampleJob {
  const createdAt = EPOCH_MS + n * BETWEEN_JOBS_MS;
  return {
    ...common(n),
    status: 'COMPLETED',
    version: 5,
    createdAt,
    updatedAt: createdAt + LASTED_MS,
    finishedAt: createdAt + LASTED_MS,
    result: {
      url: resultUrl(n),
      providerUrl: resultUrl(n),
      providerUrlExpiresAt: createdAt + PROVIDER_KEEPS_MS,
      archived: false,
      contentType: null,
      byteSize: null,
      sha256: null,
    },
  };
}

/** Submitted, without any callback yet. Older than the finished jobs, so that pages do not show it. */
export function openJob(nth: number): SampleJob {
  const n = FIRST_OPEN + nth;
  const createdAt = EPOCH_MS - LASTED_MS;
  return {
    ...common(n),
    status: 'UNCONFIRMED',
    version: 3,
    createdAt,
    updatedAt: createdAt,
    finishedAt: null,
    result: null,
  };
}

function common(n: number) {
  return {
    __typename: 'FaceSwapJob',
    id: jobId(n),
    providerId: providerId(n),
    providerJobId: `job-${n}`,
    callbackToken: callbackToken(n),
    queuePosition: null,
    history: [],
    error: null,
    sourceImage: [{ path: `https://pictures.example.com/new-faces/${n}.jpg`, opts: null }],
    targetImage: [{ path: `https://pictures.example.com/originals/${n}.jpg`, opts: null }],
    modelName: 'AKOOL_FACESWAP_IMAGE_HQ',
    faceEnhance: true,
    singleFaceMode: false,
  } as const;
}

function hex(n: number, length: number): string {
  return n.toString(16).padStart(length, '0');
}
