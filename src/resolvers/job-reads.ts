/** Lookups of fields for each job, batched over all jobs of an operation. */
import type { JobUpdate } from '../services/jobs/job.js';
import type { JobRequest } from '../services/jobs/job-request.js';
import type { JobService } from '../services/jobs/job-service.js';
import { SharedReads } from '../services/jobs/shared-reads.js';

/** The maximum number of jobs whose requests are read at once for an operation. */
const MAX_REQUESTS_READ = 25;
/** The same for metadata, which is at most 4 KiB each, and for histories, which are smaller: those of a usual page. */
const MAX_SMALL_READ = 50;

/** For one operation, or all of one socket. Most operations look up nothing, so readers are created when needed. */
export class JobReads {
  readonly #jobs: JobService;
  #positions: SharedReads<number> | null = null;
  #requests: SharedReads<JobRequest> | null = null;
  #metadata: SharedReads<object> | null = null;
  #histories: SharedReads<readonly JobUpdate[]> | null = null;

  constructor(jobs: JobService) {
    this.#jobs = jobs;
  }

  /** Returns the queue position; null if the job is not waiting. */
  position(id: string): Promise<number | null> {
    this.#positions ??= new SharedReads((ids) => this.#jobs.queuePositions(ids));
    return this.#positions.of(id);
  }

  /** Returns the request; null if the job is gone. */
  request(id: string): Promise<JobRequest | null> {
    this.#requests ??= new SharedReads((ids) => this.#jobs.requests(ids), MAX_REQUESTS_READ);
    return this.#requests.of(id);
  }

  /** Returns the metadata; null if the job has none, or is gone. */
  metadata(id: string): Promise<object | null> {
    this.#metadata ??= new SharedReads((ids) => this.#jobs.metadata(ids), MAX_SMALL_READ);
    return this.#metadata.of(id);
  }

  /** Returns the stored changes, oldest first; null if the job is gone. */
  history(id: string): Promise<readonly JobUpdate[] | null> {
    this.#histories ??= new SharedReads((ids) => this.#jobs.histories(ids), MAX_SMALL_READ);
    return this.#histories.of(id);
  }
}
