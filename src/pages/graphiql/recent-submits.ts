import { formatResult } from '@graphiql/toolkit';
import type { ExecutionResult } from 'graphql-ws';
import type { SubmittedJob } from './submitted-jobs.js';

/** More answers than anyone keeps open in tabs. */
const MAX_ANSWERS = 100;

/**
 * The jobs in recent answers. GraphiQL keeps of an answer only its text; which document it belongs to is known only when
 * it arrives, because the document may be edited afterwards.
 */
export class RecentSubmits {
  readonly #jobs = new Map<string, readonly SubmittedJob[]>();

  add(answer: ExecutionResult, jobs: readonly SubmittedJob[]): void {
    if (jobs.length === 0) return;
    this.#jobs.set(formatResult(answer), jobs);
    if (this.#jobs.size <= MAX_ANSWERS) return;
    for (const oldest of this.#jobs.keys()) {
      this.#jobs.delete(oldest);
      break;
    }
  }

  /** @param text of an answer, as GraphiQL shows it */
  in(text: string | null | undefined): readonly SubmittedJob[] {
    return this.#jobs.get(text ?? '') ?? [];
  }
}
