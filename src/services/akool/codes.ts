/**
 * Akool's business codes: a table of what each one means for a job, and what the user can do.
 *
 * Source: "code" in the answers of Akool's Face Swap API, listed at docs.akool.com under "Response Code
 * Description". The HTTP status is 200 for most refusals, so only the code distinguishes them.
 */
import type { HoldReason } from '../jobs/account-hold.js';
import type { JobError, JobErrorCode } from '../jobs/job-error.js';
import { cleanProviderText } from './provider-text.js';

interface AkoolCode {
  readonly code: JobErrorCode;
  /** One or two sentences for the person who submitted: what happened, and what to do. */
  readonly advice: string;
  /** Whether the same input, sent again unchanged, may succeed. */
  readonly retryable: boolean;
}

/** The code of a success. */
export const SUCCESS_CODE = 1000;
/**
 * "Too frequent": over the plan's rate or its number of concurrent generations. Never accepted, may be sent
 * again.
 */
export const RATE_LIMIT_CODE = 1005;
/** Token wrong, expired or missing. With token authentication, a new token helps. */
export const TOKEN_CODES: readonly number[] = [1101, 1102];
/** The resource does not exist, or the operation was already done. A repeated delete gets one of these. */
export const GONE_CODES: readonly number[] = [1008, 1011, 1014];
/** Codes that a poll for several results may get because of a single one that is gone or has an odd `_id`. */
export const NO_RESULT_CODES: readonly number[] = [1003, ...GONE_CODES];

const account = (advice: string): AkoolCode => ({ code: 'ACCOUNT_PROBLEM', advice, retryable: false });
const notAllowed = (advice: string): AkoolCode => ({ code: 'NOT_ALLOWED', advice, retryable: false });
const failed = (advice: string): AkoolCode => ({ code: 'GENERATION_FAILED', advice, retryable: false });
const media = (advice: string): AkoolCode => ({ code: 'MEDIA_UNSUPPORTED', advice, retryable: false });
const NO_CREDIT: AkoolCode = {
  code: 'INSUFFICIENT_CREDIT',
  advice: 'The Akool account does not have enough credit for this job: top it up, then submit again.',
  retryable: false,
};
const NOT_FOUND: AkoolCode = {
  code: 'CONTENT_NOT_FOUND',
  advice: 'Akool could not find what the request names: check that every URL opens without signing in.',
  retryable: false,
};
/** The gateway's own credentials do not work, whatever the request was. */
export const BAD_CREDENTIALS: AkoolCode = {
  code: 'PROVIDER_AUTHENTICATION',
  advice:
    "Akool did not accept the gateway's credentials: the operator has to check the API key or client id and secret.",
  retryable: false,
};

/** Every refusal that Akool documents. */
export const AKOOL_CODES: ReadonlyMap<number, AkoolCode> = new Map<number, AkoolCode>([
  [
    1003,
    {
      code: 'INVALID_PARAMETERS',
      advice: 'Akool found a parameter invalid or empty: check the URL and the opts of every image.',
      retryable: false,
    },
  ],
  [1004, account('The Akool account must be verified before it may do this: verify it at akool.com.')],
  [
    RATE_LIMIT_CODE,
    {
      code: 'RATE_LIMITED',
      advice: 'Akool is not accepting more requests at the moment: submit again a little later.',
      retryable: true,
    },
  ],
  [1006, NO_CREDIT],
  [
    1007,
    {
      code: 'TOO_MANY_FACES',
      advice: 'A picture shows more than 8 faces: crop it, or choose one with fewer.',
      retryable: false,
    },
  ],
  [1008, NOT_FOUND],
  [1009, notAllowed('The Akool account may not do this: check its plan and permissions.')],
  [1010, notAllowed('Akool cannot operate on this content: choose different content.')],
  [1011, notAllowed('Akool has already done this operation: it cannot be done twice.')],
  [1014, NOT_FOUND],
  [1015, failed('Akool could not process the video: check that it plays and shows a clear face.')],
  [
    1016,
    failed(
      'Akool could not swap the faces: use pictures that show each face large, sharp and from the front.',
    ),
  ],
  [1101, BAD_CREDENTIALS],
  [1102, BAD_CREDENTIALS],
  [1103, account("The Akool account's plan is unpaid or has expired: renew it, then submit again.")],
  [1104, NO_CREDIT],
  [1108, failed('Akool could not process the image: check that it opens and shows a clear face.')],
  [1109, account('The Akool account does not exist: the operator has to check the credentials.')],
  [1200, account('The Akool account is blocked: the operator has to ask Akool why.')],
  [1204, media('The video is too long for Akool: shorten it.')],
  [1207, media('The video is too large for Akool: make it smaller.')],
  [1208, media('Akool cannot read the video: check that it plays, or convert it to MP4.')],
  [1209, media("Akool does not support the video's encoding: convert it to H.264 in MP4.")],
  [1210, media("Akool does not support the video's frame rate: convert it to 30 frames a second.")],
  [1213, account('The Akool account needs a subscription for this: take one out, then submit again.')],
  [1221, account('The Akool account needs a subscription for this: take one out, then submit again.')],
]);

/**
 * Returns which account hold a refusal with this error means; null if it is about the job. A refusal of the
 * account says nothing about the job, which may be sent once it has passed.
 */
export function holdReasonOf(code: JobErrorCode): HoldReason | null {
  switch (code) {
    case 'INSUFFICIENT_CREDIT':
      return 'NO_CREDIT';
    case 'ACCOUNT_PROBLEM':
    case 'PROVIDER_AUTHENTICATION':
      return 'ACCOUNT';
    default:
      return null;
  }
}

const OTHER: AkoolCode = {
  code: 'PROVIDER_ERROR',
  advice:
    'Akool refused the request: check the input, and submit again or ask the operator if it looks right.',
  retryable: false,
};

/**
 * Returns the job error for a refusal by Akool.
 *
 * @param providerCode Akool's `code`; null if it gave none
 * @param providerMsg Akool's `msg`, which is cleaned and quoted after our own advice
 * @param secrets texts to remove from it
 */
export function jobErrorFor(
  providerCode: number | null,
  providerMsg: string | null,
  secrets: readonly string[] = [],
): JobError {
  const known = (providerCode === null ? undefined : AKOOL_CODES.get(providerCode)) ?? OTHER;
  return jobError(known, providerCode, providerMsg, secrets);
}

/**
 * Returns the job error for a refusal known only by its HTTP status (from Akool's gateway or a proxy), or
 * whose `code` is undocumented.
 */
export function jobErrorForStatus(
  httpStatus: number,
  providerCode: number | null,
  providerMsg: string | null,
  secrets: readonly string[] = [],
): JobError {
  if (httpStatus === 401 || httpStatus === 403) {
    return jobError(BAD_CREDENTIALS, providerCode, providerMsg, secrets);
  }
  const advice = `${OTHER.advice} (HTTP ${httpStatus})`;
  return jobError({ ...OTHER, advice }, providerCode, providerMsg, secrets);
}

/** Returns the job error for a job that ended with Akool's status 4, which has no code. */
export function jobErrorForFailedResult(
  providerMsg: string | null,
  secrets: readonly string[] = [],
): JobError {
  const advice =
    'Akool could not make the swap: use pictures that show each face large, sharp and from the front.';
  return jobError(failed(advice), null, providerMsg, secrets);
}

function jobError(
  known: AkoolCode,
  providerCode: number | null,
  providerMsg: string | null,
  secrets: readonly string[],
): JobError {
  const quoted = cleanProviderText(providerMsg, secrets);
  const message = quoted === '' ? known.advice : `${known.advice} Akool said: “${quoted}”`;
  return { code: known.code, message, providerCode, retryable: known.retryable };
}
