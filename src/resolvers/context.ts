/** The context that resolvers receive with each operation. */
import type { GraphQLResolveInfo } from 'graphql';
import type { Logger } from 'pino';
import type { MediaUrl } from '../schema/job-node.js';
import type { Account } from '../services/account.js';
import type { Caller } from '../services/auth/caller.js';
import type { FollowTokens } from '../services/auth/follow-tokens.js';
import type { FaceDetector } from '../services/faces/face-detector.js';
import type { JobService } from '../services/jobs/job-service.js';
import type { AnswerBudget } from '../services/limits/answer-budget.js';
import type { InTurn } from '../services/limits/event-turns.js';
import type { Turn } from '../services/limits/query-turns.js';
import type { UploadService } from '../services/uploads/upload-service.js';
import type { Eraser } from '../services/workers/eraser.js';
import type { Submission } from '../services/workers/submission.js';
import type { UploadSweeper } from '../services/workers/upload-sweeper.js';
import type { WaitingReasons } from '../services/workers/waiting-reasons.js';
import type { Cursors } from './cursors.js';
import type { JobReads } from './job-reads.js';

export interface Services {
  readonly jobs: JobService;
  readonly submission: Submission;
  readonly waiting: WaitingReasons;
  readonly faces: FaceDetector;
  readonly account: Account;
  readonly eraser: Pick<Eraser, 'delete'>;
  readonly followTokens: FollowTokens;
  readonly uploads: UploadService;
  readonly uploadSweeper: Pick<UploadSweeper, 'delete'>;
  readonly cursors: Cursors;
  readonly uploadCursors: Cursors;
  readonly changeCursors: Cursors;
  readonly mediaUrl: MediaUrl;
  readonly log: Pick<Logger, 'warn'>;
}

/** The ids of jobs that mutation fields have stored or changed, by the field's response name. */
export type AcceptedJobs = Map<string, string>;

/** The context of one caller. Kept for each socket, so it must be small. */
export interface CallerContext {
  readonly services: Services;
  readonly caller: Caller;
  readonly reads: JobReads;
}

/** The context of one operation. */
export interface GatewayContext extends CallerContext {
  /** Decides when each event of this operation is sent. */
  readonly inTurn: InTurn;
  /** Makes this operation wait, if it is an expensive query, before something large is read for it. */
  readonly turn: Turn;
  /** The budget of this operation, or of the current event of its subscription. */
  readonly answer: AnswerBudget;
  /** The jobs that this operation has accepted; null if it is not a mutation. */
  readonly accepted: AcceptedJobs | null;
}

/** Records a stored job. From then on no error may remove it from the answer. */
export function accept(
  { accepted }: Pick<GatewayContext, 'accepted'>,
  { path }: Pick<GraphQLResolveInfo, 'path'>,
  jobId: string,
): void {
  accepted?.set(String(path.key), jobId);
}
