import { RequestRefused } from '@face-swap-gateway/client';
import { TEXTS } from './texts.js';

/** What to tell the user of an error. */
export function errorText(error: unknown): string {
  const { errors } = TEXTS;
  if (!(error instanceof RequestRefused)) return errors.unknown;
  if (isUploadGone(error)) return errors.uploadGone;
  switch (error.code) {
    case 'UNANSWERED':
      return errors.unanswered;
    case 'RATE_LIMITED':
      return errors.rateLimited(error.retryAfter ?? 60);
    default:
      return error.fieldErrors[0]?.message ?? error.message;
  }
}

/** What to tell the user of a swap that was not accepted. */
export function refusalText(error: unknown): string {
  return codeOf(error) === 'UNANSWERED' ? TEXTS.errors.submitUnanswered : errorText(error);
}

/** Null if the gateway did not say. */
export function codeOf(error: unknown): string | null {
  return error instanceof RequestRefused ? error.code : null;
}

/** Whether a submit was refused because an upload that it names was erased. */
export function isUploadGone(error: unknown): boolean {
  return error instanceof RequestRefused && error.fieldErrors.some(({ code }) => code === 'UPLOAD_UNKNOWN');
}
