/** News of a tenant's jobs. */
import { Field, ID, ObjectType } from 'type-graphql';
import type { Job } from '../services/jobs/job.js';
import type { JobsNews } from '../services/jobs/tenant-changes.js';
import { JobsChangeKindEnum } from './enums.js';
import { JobType } from './job.type.js';
import { type JobNode, type MediaUrl, toJobNode } from './job-node.js';

@ObjectType('JobsChange', {
  simpleResolvers: true,
  description:
    'News of your jobs. A state may come twice, but never an older one after a newer one of the same job.',
})
export class JobsChangeType {
  @Field(() => JobsChangeKindEnum)
  kind: JobsNews['kind'];

  @Field(() => String, { description: 'Pass it as `after` to continue from here.' })
  cursor: string;

  @Field(() => JobType, { nullable: true, description: 'With CHANGED and MOVED.' })
  job: JobNode | null;

  @Field(() => ID, { nullable: true, description: 'With DELETED: the id of the job that is gone.' })
  deletedId: string | null;
}

export function toJobsChange(news: JobsNews, cursor: string, mediaUrl: MediaUrl): JobsChangeType {
  return {
    kind: news.kind,
    cursor,
    job: 'job' in news ? toldNode(news, mediaUrl) : null,
    deletedId: 'id' in news ? news.id : null,
  };
}

function toldNode(news: JobsNews & { readonly job: Job }, mediaUrl: MediaUrl): JobNode {
  const node = toJobNode(news.job, mediaUrl);
  if (news.kind === 'MOVED') node.toldPosition = news.position;
  return node;
}
