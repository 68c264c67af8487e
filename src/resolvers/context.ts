/** What resolvers are given with each operation. */
import type { JobService } from '../services/jobs/job-service.js';
import type { Submission } from '../services/jobs/submission.js';

/** Who asks. */
export interface Caller {
  readonly tenant: string;
}

export interface Services {
  readonly jobs: JobService;
  readonly submission: Submission;
}

export interface GatewayContext extends Services {
  readonly caller: Caller;
}
