/** Derives the outcome of a submit from the answer. Money depends on it: see `SubmitOutcome`. */
import type { SubmitOutcome } from './akool-client.js';
import { isObject, readJson, readSubmitted } from './answers.js';
import type { AkoolCallError } from './call-error.js';
import { AKOOL_CODES, BAD_CREDENTIALS, holdReasonOf, jobErrorFor, jobErrorForStatus } from './codes.js';
import type { Exchange } from './exchange.js';
import { type Verdict, verdictOf, whySilent } from './verdict.js';

/** @param secrets texts to remove from an error's message */
export function submitOutcome(exchange: Exchange, secrets: readonly string[]): SubmitOutcome {
  const outcome = outcomeOf(verdictOf(exchange), secrets);
  const submitted = submittedIn(exchange);
  if (submitted !== null && !isDocumentedRefusal(outcome)) return { kind: 'accepted', ...submitted };
  if (outcome.kind !== 'unknown' || exchange.kind !== 'no-answer' || exchange.late === null) return outcome;
  return { ...outcome, late: exchange.late.then((answered) => submitOutcome(answered, secrets)) };
}

/**
 * Returns the job's ids in an answer, whatever else it says: a job with an `_id` may have been accepted and
 * billed, so it must not be sent again, and polling shows the rest.
 */
function submittedIn(exchange: Exchange): { providerId: string; providerJobId: string | null } | null {
  const json = exchange.kind === 'answered' ? readJson(exchange.body) : null;
  return isObject(json) ? readSubmitted(json['data']) : null;
}

/** Whether it is refused for good with a documented code, which outweighs an `_id` in the same answer. */
function isDocumentedRefusal(outcome: SubmitOutcome): boolean {
  if (outcome.kind !== 'refused') return false;
  const { providerCode } = outcome.error;
  return providerCode !== null && AKOOL_CODES.has(providerCode);
}

function outcomeOf(verdict: Verdict, secrets: readonly string[]): SubmitOutcome {
  switch (verdict.kind) {
    case 'success':
      return { kind: 'unknown', reason: 'Akool accepted the job without giving its _id.' };
    case 'refused': {
      const error = refusal(verdict, secrets);
      const reason = holdReasonOf(error.code);
      return reason === null ? { kind: 'refused', error } : { kind: 'account-refused', reason, error };
    }
    case 'rate-limited':
      return {
        kind: 'not-accepted',
        reason: 'Akool is not accepting more requests at the moment.',
        retryAfterMs: verdict.retryAfterMs,
      };
    case 'unclear':
      return {
        kind: 'unknown',
        reason: `Akool's answer (HTTP ${verdict.status}) does not say whether it accepted the job.`,
      };
    case 'silent': {
      const reason = whySilent(verdict);
      return verdict.sent
        ? { kind: 'unknown', reason: `The job was sent, and then: ${reason}.` }
        : { kind: 'not-accepted', reason: `Not sent: ${reason}.`, retryAfterMs: null };
    }
  }
}

/** The outcome of a submit that was never sent, because there was no token. */
export function outcomeWithoutToken(error: AkoolCallError): SubmitOutcome {
  if (error.code === 'REFUSED') {
    // Whatever Akool's reason for giving no token, the user can only ask the operator.
    const { code, advice } = BAD_CREDENTIALS;
    return {
      kind: 'account-refused',
      reason: 'ACCOUNT',
      error: { code, message: advice, providerCode: error.providerCode, retryable: false },
    };
  }
  const reason = `Not sent, because there is no token: ${error.message}`;
  return { kind: 'not-accepted', reason, retryAfterMs: error.retryAfterMs };
}

function refusal(verdict: Extract<Verdict, { kind: 'refused' }>, secrets: readonly string[]) {
  const { status, code, msg } = verdict;
  return code !== null && (AKOOL_CODES.has(code) || status < 400)
    ? jobErrorFor(code, msg, secrets)
    : jobErrorForStatus(status, code, msg, secrets);
}
