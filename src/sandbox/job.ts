/** What the sandbox stores about an accepted submit: the job, which changes, and the bill, which does not. */
import type { Trigger } from './faults.js';
import type { SwapKind } from './swap-request.js';

/** 1 in queue, 2 processing, 3 success, 4 failed: Akool's `faceswap_status`. */
export type JobStatus = 1 | 2 | 3 | 4;

export interface SandboxJob {
  readonly id: string;
  readonly jobId: string;
  readonly kind: SwapKind;
  readonly media: 'image' | 'video';
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** '' if none was requested. */
  readonly webhookUrl: string;
  /** Milliseconds since 1970, like all times here. */
  readonly acceptedAt: number;
  /** When processing begins. */
  readonly startsAt: number;
  /** When it ends; null for a job that stalls. */
  readonly endsAt: number | null;
  /** How it will end. */
  readonly outcome: 3 | 4;
  /** Why it fails: Akool's undocumented `alg_msg`; '' for none. */
  readonly reason: string;
  /** The URL to report for its result; null: the real one. */
  readonly oddAddress: string | null;
  /** Faults requested by its URLs. */
  readonly triggers: readonly Trigger[];
  status: JobStatus;
  updatedAt: number;
  /** Statuses whose callback has been neither delivered nor abandoned. */
  owed: JobStatus[];
}

export interface Bill {
  readonly at: number;
  readonly providerId: string;
  readonly kind: SwapKind;
  readonly request: Readonly<Record<string, unknown>>;
  readonly cost: number;
}

export function isFinished(job: SandboxJob): boolean {
  return job.status === 3 || job.status === 4;
}
