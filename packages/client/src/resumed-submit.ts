/** A submit of an earlier page that was not answered. */
import type { JobHandle } from './job-handle.js';

interface AnyResumedSubmit {
  /** Its idempotency key. */
  readonly key: string;
  readonly method: 'submit' | 'submitPlus';
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /**
   * Takes it out of `resumed`.
   *
   * @param stop whether to give up sending it, too; a job that was accepted goes on
   */
  readonly dismiss: (stop?: boolean) => void;
}

/** It was sent again with its key, so that it is paid once. */
export interface SentAgain extends AnyResumedSubmit {
  readonly outcome: 'sent-again';
  readonly job: JobHandle;
}

/** A file was still on its way, so nothing was submitted: ask for the files again. */
export interface Interrupted extends AnyResumedSubmit {
  readonly outcome: 'interrupted';
}

export type ResumedSubmit = SentAgain | Interrupted;
