/** The caller's jobs, newest first, kept up to date. */
import type { Job, JobStatus } from './job.js';
import type { Readable } from './readable.js';

export interface JobFilter {
  readonly status?: readonly JobStatus[] | undefined;
  /** ISO 8601. */
  readonly createdAfter?: string | undefined;
  readonly createdBefore?: string | undefined;
  readonly reference?: string | undefined;
}

export interface JobsInput {
  /** 1 to 100; default 20. */
  readonly first?: number | undefined;
  /** The `endCursor` of the page before. */
  readonly after?: string | null | undefined;
  readonly filter?: JobFilter | undefined;
}

export interface JobPage {
  readonly jobs: readonly Job[];
  readonly endCursor: string | null;
  readonly hasMore: boolean;
}

export interface JobListSnapshot {
  readonly jobs: readonly Job[];
  /** Whether the first page, or one more, is being read. */
  readonly loading: boolean;
  /** Whether there are older ones, for `loadMore`. */
  readonly hasMore: boolean;
  /** Why the list could not be read: `RequestRefused`. The jobs read before stay. */
  readonly error: unknown;
}

export interface FollowAllOptions {
  readonly filter?: JobFilter | undefined;
  /** 1 to 100; default 20. */
  readonly pageSize?: number | undefined;
}

/**
 * Live while somebody subscribes or iterates. Iterating gives each new snapshot, and ends only with the client: it throws
 * `RequestRefused` with the code `CLOSED` then.
 */
export interface JobList extends AsyncIterable<JobListSnapshot>, Readable<JobListSnapshot> {
  /** Reads the next page; does nothing while a page is being read, or if there is none. */
  readonly loadMore: () => Promise<void>;
}
