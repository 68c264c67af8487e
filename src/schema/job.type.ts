/** The interface `Job` and the types it uses. */
import { Field, Int, InterfaceType, ObjectType } from 'type-graphql';
import type { JobStatus, JobUpdateSource } from '../services/jobs/job.js';
import type { ErrorAudience, JobErrorCode } from '../services/jobs/job-error.js';
import { ErrorAudienceEnum, JobErrorCodeEnum, JobStatusEnum, JobUpdateSourceEnum } from './enums.js';
import type { JobNode } from './job-node.js';
import { NodeType } from './node.type.js';
import { DateTimeScalar, UrlScalar } from './scalars.js';

@ObjectType('JobUpdate', {
  simpleResolvers: true,
  description: 'One stored change of a job: an entry of its `history`.',
})
export class JobUpdateType {
  @Field(() => Int, { description: 'The version that this change created.' })
  version: number;

  @Field(() => JobStatusEnum, { description: 'The status after the change.' })
  status: JobStatus;

  @Field(() => DateTimeScalar, { description: 'When the gateway stored it.' })
  at: number;

  @Field(() => JobUpdateSourceEnum, { description: 'Who or what made it.' })
  source: JobUpdateSource;

  @Field(() => String, { nullable: true, description: 'The reason, if there is one.' })
  note: string | null;
}

@ObjectType('JobResult', { simpleResolvers: true, description: 'A finished picture or video.' })
export class JobResultType {
  @Field(() => UrlScalar, {
    description:
      "The URL of the result: the gateway's own permanent copy once there is one, Akool's until then.",
  })
  url: string;

  @Field(() => UrlScalar, { description: "Akool's own URL of the result." })
  providerUrl: string;

  @Field(() => DateTimeScalar, {
    description:
      'When `providerUrl` stops working, 7 days after Akool made the result. Never later than the actual time.',
  })
  providerUrlExpiresAt: number;

  @Field(() => Boolean, { description: 'Whether `url` is a copy that the gateway keeps.' })
  archived: boolean;

  @Field(() => String, { nullable: true, description: 'The media type of the copy.' })
  contentType: string | null;

  @Field(() => Int, { nullable: true, description: 'The size of the copy, in bytes.' })
  byteSize: number | null;

  @Field(() => String, { nullable: true, description: 'SHA-256 of the copy, in hex.' })
  sha256: string | null;
}

@ObjectType('JobError', { simpleResolvers: true, description: 'Why an accepted job failed.' })
class JobErrorType {
  @Field(() => JobErrorCodeEnum)
  code: JobErrorCode;

  @Field(() => String, { description: 'What happened and what to do, for the person who submitted the job.' })
  message: string;

  @Field(() => Int, { nullable: true, description: "Akool's own code, if it gave one." })
  providerCode: number | null;

  @Field(() => Boolean, { description: 'Whether submitting the same input again, unchanged, may succeed.' })
  retryable: boolean;

  @Field(() => ErrorAudienceEnum, { description: 'Who can do something about it.' })
  audience: ErrorAudience;

  @Field(() => String, {
    description:
      'A sentence for whoever uses your app: it names no provider, and nothing that only an operator can do.',
  })
  userMessage: string;
}

@InterfaceType('Job', {
  implements: NodeType,
  description: 'An accepted submit and its progress.',
  resolveType: ({ __typename }: JobNode) => __typename,
})
export abstract class JobType extends NodeType {
  @Field(() => JobStatusEnum)
  status: JobStatus;

  @Field(() => Int, {
    description:
      'Starts at 1 and grows by one with every stored change. Ignore updates older than the one you have.',
  })
  version: number;

  @Field(() => DateTimeScalar)
  createdAt: number;

  @Field(() => DateTimeScalar)
  updatedAt: number;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it became COMPLETED, FAILED or CANCELED.',
  })
  finishedAt: number | null;

  @Field(() => String, { nullable: true, description: "Akool's `_id`." })
  providerId: string | null;

  @Field(() => String, { nullable: true, description: "Akool's `job_id`." })
  providerJobId: string | null;

  @Field(() => JobResultType, { nullable: true, description: 'Only when COMPLETED.' })
  result: JobResultType | null;

  @Field(() => JobErrorType, { nullable: true, description: 'Only when FAILED.' })
  error: JobErrorType | null;
}
