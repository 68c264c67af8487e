/** What resolvers are given with each operation. */
import type { MediaUrl } from '../schema/job-node.js';
import type { Account } from '../services/account.js';
import type { Caller } from '../services/auth/caller.js';
import type { FollowTokens } from '../services/auth/follow-tokens.js';
import type { FaceLookup } from '../services/faces/face-lookup.js';
import type { Eraser } from '../services/jobs/eraser.js';
import type { JobService } from '../services/jobs/job-service.js';
import type { Submission } from '../services/jobs/submission.js';
import type { Cursors } from './cursors.js';

export interface Services {
  readonly jobs: JobService;
  readonly submission: Submission;
  readonly faces: FaceLookup;
  readonly account: Account;
  readonly eraser: Pick<Eraser, 'delete'>;
  readonly followTokens: FollowTokens;
  readonly cursors: Cursors;
  readonly mediaUrl: MediaUrl;
}

/** Kept with each socket, so it is small. */
export interface GatewayContext {
  readonly services: Services;
  readonly caller: Caller;
}
