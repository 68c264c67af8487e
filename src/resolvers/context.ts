/** What resolvers are given with each operation. */
import type { GraphQLResolveInfo } from 'graphql';
import type { Logger } from 'pino';
import type { MediaUrl } from '../schema/job-node.js';
import type { Account } from '../services/account.js';
import type { AnswerBudget } from '../services/answer-budget.js';
import type { Caller } from '../services/auth/caller.js';
import type { FollowTokens } from '../services/auth/follow-tokens.js';
import type { InTurn } from '../services/event-turns.js';
import type { FaceLookup } from '../services/faces/face-lookup.js';
import type { Eraser } from '../services/jobs/eraser.js';
import type { JobUpdate } from '../services/jobs/job.js';
import type { JobRequest } from '../services/jobs/job-request.js';
import type { JobService } from '../services/jobs/job-service.js';
import type { SharedReads } from '../services/jobs/shared-reads.js';
import type { Submission } from '../services/jobs/submission.js';
import type { WaitingReasons } from '../services/jobs/waiting-reasons.js';
import type { Cursors } from './cursors.js';

export interface Services {
  readonly jobs: JobService;
  readonly submission: Submission;
  readonly waiting: WaitingReasons;
  readonly faces: FaceLookup;
  readonly account: Account;
  readonly eraser: Pick<Eraser, 'delete'>;
  readonly followTokens: FollowTokens;
  readonly cursors: Cursors;
  readonly mediaUrl: MediaUrl;
  readonly log: Pick<Logger, 'warn'>;
}

/** Jobs that a mutation has stored or changed, by the response name of the field that did. */
export type AcceptedJobs = Map<string, string>;

/** Kept with each socket, so it is small. */
export interface GatewayContext {
  readonly services: Services;
  readonly caller: Caller;
  /** The places of waiting jobs in the queue. */
  readonly positions: SharedReads<number>;
  /** What jobs were submitted with. */
  readonly requests: SharedReads<JobRequest>;
  /** The stored changes of jobs. */
  readonly histories: SharedReads<readonly JobUpdate[]>;
  /** When each event of this operation is given. */
  readonly inTurn: InTurn;
  /** Of this operation, or of the present event of its subscription. */
  readonly answer: AnswerBudget;
  /** Of this operation; null where no mutation runs. */
  readonly accepted: AcceptedJobs | null;
}

/** From here on nothing in the answer may hide the job. */
export function accept(
  { accepted }: Pick<GatewayContext, 'accepted'>,
  { path }: Pick<GraphQLResolveInfo, 'path'>,
  jobId: string,
): void {
  accepted?.set(String(path.key), jobId);
}
