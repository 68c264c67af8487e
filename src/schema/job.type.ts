/** The interface `Job` and what hangs on it. */
import { Field, ID, Int, InterfaceType, ObjectType } from 'type-graphql';
import type { JobStatus, JobUpdateSource } from '../services/jobs/job.js';
import type { JobErrorCode } from '../services/jobs/job-error.js';
import { JobErrorCodeEnum, JobStatusEnum, JobUpdateSourceEnum } from './enums.js';
import type { JobNode } from './job-node.js';
import { DateTimeScalar, UrlScalar } from './scalars.js';

@ObjectType('JobUpdate', {
  simpleResolvers: true,
  description: 'One stored change of a job: a line of its `history`.',
})
export class JobUpdateType {
  @Field(() => Int, { description: 'The version that this change made.' })
  version: number;

  @Field(() => JobStatusEnum, { description: 'The status after the change.' })
  status: JobStatus;

  @Field(() => DateTimeScalar, { description: 'When the gateway stored it.' })
  at: number;

  @Field(() => JobUpdateSourceEnum, { description: 'Who or what brought it about.' })
  source: JobUpdateSource;

  @Field(() => String, { nullable: true, description: 'A word on why, where there is one.' })
  note: string | null;
}

@ObjectType('JobResult', { simpleResolvers: true, description: 'A finished picture or video.' })
export class JobResultType {
  @Field(() => UrlScalar, {
    description: "Where to get it. Lasts: the gateway's own copy once there is one, Akool's until then.",
  })
  url: string;

  @Field(() => UrlScalar, { description: "Akool's own address of it." })
  providerUrl: string;

  @Field(() => DateTimeScalar, {
    description: '7 days after Akool made it, `providerUrl` is dead. Never later than the truth.',
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

  @Field(() => String, { description: 'For the person who submitted: what happened and what to do.' })
  message: string;

  @Field(() => Int, { nullable: true, description: "Akool's own code, where it gave one." })
  providerCode: number | null;

  @Field(() => Boolean, { description: 'Whether submitting the same input again, unchanged, may succeed.' })
  retryable: boolean;
}

@InterfaceType('Job', {
  description: 'An accepted submit and its life.',
  resolveType: ({ __typename }: JobNode) => __typename,
})
export abstract class JobType {
  @Field(() => ID)
  id: string;

  @Field(() => JobStatusEnum)
  status: JobStatus;

  @Field(() => Int, {
    description:
      'Starts at 1 and grows by one with every stored change. Drop what is older than what you have.',
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
