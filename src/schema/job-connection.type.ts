/** Pages of jobs, following the Relay Cursor Connections Specification. */
import { Field, InputType, ObjectType } from 'type-graphql';
import type { JobStatus } from '../services/jobs/job.js';
import type { JobFilter } from '../services/jobs/job-store.js';
import { JobStatusEnum } from './enums.js';
import { JobType } from './job.type.js';
import { DateTimeScalar } from './scalars.js';

@ObjectType('PageInfo', { simpleResolvers: true })
class PageInfoType {
  @Field(() => Boolean, { description: 'Whether there are jobs older than the last one on this page.' })
  hasNextPage: boolean;

  @Field(() => Boolean, { description: 'Whether there are jobs newer than the first one on this page.' })
  hasPreviousPage: boolean;

  @Field(() => String, { nullable: true })
  startCursor: string | null;

  @Field(() => String, { nullable: true })
  endCursor: string | null;
}

@ObjectType('JobEdge', { simpleResolvers: true })
class JobEdgeType {
  @Field(() => String)
  cursor: string;

  @Field(() => JobType)
  node: JobType;
}

@ObjectType('JobConnection', { simpleResolvers: true, description: 'A page of jobs, newest first.' })
export class JobConnectionType {
  @Field(() => [JobEdgeType])
  edges: JobEdgeType[];

  @Field(() => PageInfoType)
  pageInfo: PageInfoType;
}

@InputType('JobFilter')
export class JobFilterInput {
  @Field(() => [JobStatusEnum], {
    nullable: true,
    description: 'Only jobs in one of these states; an empty list matches no job.',
  })
  status?: JobStatus[] | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Only jobs created after this.' })
  createdAfter?: number | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Only jobs created before this.' })
  createdBefore?: number | null;
}

export function toJobFilter(input: JobFilterInput | null): JobFilter {
  return {
    ...(input?.status != null && { status: input.status }),
    ...(input?.createdAfter != null && { createdAfter: input.createdAfter }),
    ...(input?.createdBefore != null && { createdBefore: input.createdBefore }),
  };
}
