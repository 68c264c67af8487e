/** One job, followed while somebody looks. */
import type { Job, JobResult } from './job.js';
import type { Readable } from './readable.js';

export interface JobSnapshot {
  /** Its newest state; null before the first one is known. */
  readonly job: Job | null;
  /**
   * Why it could not be submitted or followed: `RequestRefused`, with the code `NOT_FOUND` once it was deleted, or the
   * reason of an abort.
   */
  readonly error: unknown;
  /** Nothing more will come. */
  readonly done: boolean;
}

export interface ResultOptions {
  /**
   * Waits until the gateway keeps a copy, so that `url` lasts. If it can make none, or its first attempt failed, the
   * result comes with `archived: false`.
   */
  readonly archived?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FollowToken {
  readonly token: string;
  /** ISO 8601, UTC. */
  readonly expiresAt: string;
}

/**
 * Iterating gives the job's states, each with a higher `version` than the one before, and ends after the last one: when
 * the job has failed or was canceled, or its result is there and is not going to change. A slow reader gets the newest
 * state and misses some between. As many as you like may iterate, subscribe or wait for the result: the gateway is
 * asked once. An iteration throws `RequestRefused`, or the signal's reason.
 */
export interface JobHandle extends AsyncIterable<Job>, Readable<JobSnapshot> {
  /** Resolves when the job is accepted. Rejects with `RequestRefused`, or with the signal's reason. */
  readonly id: Promise<string>;
  /**
   * The result, as soon as there is one.
   *
   * @throws JobFailed if it failed or was canceled; RequestRefused if it could not be submitted or followed
   */
  result(options?: ResultOptions): Promise<JobResult>;
  /**
   * Takes the job back, at no cost.
   *
   * @throws RequestRefused CONFLICT unless it is WAITING
   */
  cancel(): Promise<Job>;
  /**
   * Deletes the finished job, its copy, and the provider's.
   *
   * @throws RequestRefused CONFLICT if it has not finished
   */
  delete(): Promise<void>;
  /** A token with which a browser can follow this job and nothing else. @param expiresInSeconds 1 to 604800 */
  followToken(expiresInSeconds?: number): Promise<FollowToken>;
}

export interface FollowOptions {
  /** A token for this job alone, in place of the client's own. */
  readonly followToken?: string | undefined;
  /** A state that you have already, for example from a server's rendering. */
  readonly initial?: Job | undefined;
  /** Ends following; the job goes on. */
  readonly signal?: AbortSignal | undefined;
}
