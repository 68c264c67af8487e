/**
 * Akool's business codes: one table that says what each means for a job, and what the person can do.
 *
 * Source: "code" in the answers of Akool's Face Swap API, listed at docs.akool.com under "Response Code
 * Description". HTTP status is 200 for most refusals, so the code is what tells.
 */
import type { HoldReason } from '../jobs/account-hold.js';
import type { JobError, JobErrorCode } from '../jobs/job-error.js';
import { cleanProviderText } from './provider-text.js';

export interface AkoolCode {
  readonly code: JobErrorCode;
  /** One sentence or two for the person who submitted: what happened, what to do. */
  readonly advice: string;
  /** Whether the same input, sent again unchanged, may succeed. */
  readonly retryable: boolean;
}

/** The code of an answer that is no refusal. */
export const SUCCESS_CODE = 1000;
/** "Too frequent": over the plan's rate or number of generations at a time. Never accepted, may be sent again. */
export const RATE_LIMIT_CODE = 1005;
/** Token wrong or out of date, token missing: a new token helps, where the way in is by token. */
export const TOKEN_CODES: readonly number[] = [1101, 1102];
/** The resource does not exist, or was operated on already: what a delete finds when it was done before. */
export const GONE_CODES: readonly number[] = [1008, 1011, 1014];
/** What a question about several results may be answered with for the sake of one that is gone, or has an odd `_id`. */
export const NO_RESULT_CODES: readonly number[] = [1003, ...GONE_CODES];

const account = (advice: string): AkoolCode => ({ code: 'ACCOUNT_PROBLEM', advice, retryable: false });
const notAllowed = (advice: string): AkoolCode => ({ code: 'NOT_ALLOWED', advice, retryable: false });
const failed = (advice: string): AkoolCode => ({ code: 'GENERATION_FAILED', advice, retryable: false });
const media = (advice: string): AkoolCode => ({ code: 'MEDIA_UNSUPPORTED', advice, retryable: false });
const NO_CREDIT: AkoolCode = {
  code: 'INSUFFICIENT_CREDIT',
  advice: 'The Akool account has not enough credit for this job: top it up, then submit again.',
  retryable: false,
};
const NOT_FOUND: AkoolCode = {
  code: 'CONTENT_NOT_FOUND',
  advice: 'Akool could not find what the request names: check that every address opens without signing in.',
  retryable: false,
};
/** The gateway's own way in does not work, whatever the request was. */
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
      advice: 'Akool found a parameter wrong or empty: check the addresses and the opts of every image.',
      retryable: false,
    },
  ],
  [1004, account('The Akool account has to be verified before it may do this: verify it at akool.com.')],
  [
    RATE_LIMIT_CODE,
    {
      code: 'RATE_LIMITED',
      advice: 'Akool is taking no more requests at the moment: submit again a little later.',
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
  [1010, notAllowed('Akool cannot operate on this content: choose another.')],
  [1011, notAllowed('Akool has done this operation already: it cannot be done twice.')],
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
  [1103, account("The Akool account's plan is not paid or has run out: renew it, then submit again.")],
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
 * What a refusal with this error says of the account; null where it is about the job. The account's refusals are no
 * word on the job at hand: it may be sent once they have passed.
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
 * The job error for a refusal by Akool.
 *
 * @param providerCode Akool's `code`; null when it gave none
 * @param providerMsg Akool's `msg`, quoted after our own advice once cleaned
 * @param secrets what must not be quoted from it
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
 * The job error for a refusal that the HTTP status alone tells about (Akool's gateway, a proxy), or whose
 * `code` nobody has documented.
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

/** The job error for a job that Akool took and ended with its status 4, for which it gives no code. */
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
