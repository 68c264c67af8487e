/** Pages of jobs, following the Relay Cursor Connections Specification. */
import { Field, InputType, ObjectType } from 'type-graphql';
import type { JobStatus } from '../services/jobs/job.js';
import type { JobFilter } from '../services/jobs/job-store.js';
import { JobStatusEnum } from './enums.js';
import { JobType } from './job.type.js';
import { PageInfoType } from './page-info.type.js';
import { DateTimeScalar } from './scalars.js';

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

  @Field(() => String, { nullable: true, description: 'Only jobs with exactly this reference.' })
  reference?: string | null;
}

export function toJobFilter(input: JobFilterInput | null): JobFilter {
  return {
    ...(input?.status != null && { status: input.status }),
    ...(input?.createdAfter != null && { createdAfter: input.createdAfter }),
    ...(input?.createdBefore != null && { createdBefore: input.createdBefore }),
    ...(input?.reference != null && { reference: input.reference }),
  };
}
