/** Reads, follows, cancels and deletes jobs of every kind. */
import type { GraphQLResolveInfo } from 'graphql';
import {
  Arg,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Info,
  Int,
  Mutation,
  Query,
  Resolver,
  Root,
  Subscription,
} from 'type-graphql';
import { jobNotFound } from '../errors.js';
import { WaitingReasonEnum } from '../schema/enums.js';
import { JobType, JobUpdateType } from '../schema/job.type.js';
import { JobConnectionType, JobFilterInput, toJobFilter } from '../schema/job-connection.type.js';
import { type JobNode, toJobNode } from '../schema/job-node.js';
import { JobsChangeType, toJobsChange } from '../schema/jobs-change.type.js';
import { JsonObjectScalar } from '../schema/scalars.js';
import { mayRead } from '../services/auth/caller.js';
import type { Job, JobUpdate } from '../services/jobs/job.js';
import { birthOf } from '../services/jobs/new-job.js';
import type { JobsNews, Since } from '../services/jobs/tenant-changes.js';
import type { WaitingReason } from '../services/jobs/waiting-reason.js';
import { accept, type GatewayContext } from './context.js';
import type { Cursors } from './cursors.js';
import { metadataOf } from './metadata-of.js';
import { toConnection, toPageRequest } from './pages.js';
import type { OrPromise } from './request-of.js';

@Resolver(() => JobType)
export class JobResolver {
  @Query(() => JobType, {
    nullable: true,
    description: 'One of your jobs; null if there is none with this id.',
  })
  async job(
    @Arg('id', () => ID) id: string,
    @Ctx() { services: { jobs, mediaUrl }, caller }: GatewayContext,
  ): Promise<JobNode | null> {
    const job = mayRead(caller, id) ? await jobs.find(caller.tenant, id) : null;
    return job === null ? null : toJobNode(job, mediaUrl);
  }

  @Authorized()
  @Query(() => JobConnectionType, {
    description:
      'Your jobs, newest first, 1 to 100 per page (default 20). Pass `first` and `after`, or `last` and `before`.',
  })
  async jobs(
    @Arg('first', () => Int, { nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('last', () => Int, { nullable: true }) last: number | null,
    @Arg('before', () => String, { nullable: true }) before: string | null,
    @Arg('filter', () => JobFilterInput, { nullable: true }) filter: JobFilterInput | null,
    @Ctx() { services: { jobs, cursors, mediaUrl }, caller }: GatewayContext,
  ): Promise<JobConnectionType> {
    const page = toPageRequest({ first, after, last, before }, cursors);
    const found = await jobs.list(caller.tenant, toJobFilter(filter), page);
    return toConnection(found.jobs, found, cursors, (job) => toJobNode(job, mediaUrl));
  }

  @Authorized()
  @Mutation(() => JobType, { description: 'Cancels a job; only possible while it is WAITING.' })
  async cancelJob(
    @Arg('id', () => ID) id: string,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<JobNode> {
    const { services, caller } = context;
    const job = await services.jobs.cancel(caller.tenant, id);
    accept(context, info, id);
    return toJobNode(job, services.mediaUrl);
  }

  @Authorized()
  @Mutation(() => ID, {
    description:
      "Deletes a finished job: its record, our copy of the result, and Akool's. You can no longer see it at once; the rest is erased right after. Cannot be undone.",
  })
  async deleteJob(
    @Arg('id', () => ID) id: string,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<string> {
    await context.services.eraser.delete(context.caller.tenant, id);
    accept(context, info, id);
    return id;
  }

  @Subscription(() => JobType, {
    description:
      'Follows one job: sends its current state, then each newer version, and completes when the job is finished. ' +
      'With `afterVersion` it sends only newer versions, to resume after a lost connection. ' +
      'With `untilArchived` it completes once our copy of the result is stored, so that the last event has the permanent `url`, or once the first attempt to copy it has failed.',
    subscribe: ({ args, context }: SubscribeData<JobUpdatedArgs>) => {
      const { services, caller } = context;
      const { id, afterVersion, untilArchived } = args;
      if (!mayRead(caller, id)) throw jobNotFound();
      return services.jobs.watch(caller.tenant, id, {
        afterVersion: afterVersion ?? 0,
        untilArchived,
        inTurn: context.inTurn,
      });
    },
  })
  // Called with the event and the context only: see `resolveEventsDirectly`.
  jobUpdated(
    @Root() job: Job,
    @Ctx() { services: { mediaUrl } }: GatewayContext,
    @Arg('id', () => ID) _id?: string,
    @Arg('afterVersion', () => Int, { nullable: true }) _afterVersion?: number | null,
    @Arg('untilArchived', () => Boolean, { defaultValue: false }) _untilArchived?: boolean,
  ): JobNode {
    return toJobNode(job, mediaUrl);
  }

  @Authorized()
  @Subscription(() => JobType, {
    description: 'Follows all changes of your jobs from now on.',
    deprecationReason: 'Use jobsChanged, which misses nothing and tells of deletions.',
    subscribe: ({ context }: SubscribeData<unknown>) =>
      context.services.jobs.watchAll(context.caller.tenant, context.inTurn),
  })
  jobsUpdated(@Root() job: Job, @Ctx() { services: { mediaUrl } }: GatewayContext): JobNode {
    return toJobNode(job, mediaUrl);
  }

  @Authorized()
  @Subscription(() => JobsChangeType, {
    description:
      'Follows your jobs without a gap. With the `cursor` of an earlier event as `after`: the present state of each job that changed since, and each deletion, then CURRENT, then what changes. Without: CURRENT at once. ' +
      'RESYNC comes instead if there were more than 1,000 changes, or the cursor is older than 24 hours. Never ends.',
    subscribe: ({ args, context }: SubscribeData<{ readonly after?: string | null }>) => {
      const { services, caller, inTurn } = context;
      const { after } = args;
      return services.jobs.watchChanges(caller.tenant, sinceOf(after, services.changeCursors), inTurn);
    },
  })
  jobsChanged(
    @Root() news: JobsNews,
    @Ctx() { services: { changeCursors, mediaUrl } }: GatewayContext,
    @Arg('after', () => String, { nullable: true }) _after?: string | null,
  ): JobsChangeType {
    const { number, at } = news.cursor;
    return toJobsChange(news, changeCursors.seal({ createdAt: at, sequence: number }), mediaUrl);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: "The caller's own name for it, as submitted; null for a follow token.",
  })
  reference(@Root() { job }: JobNode, @Ctx() { caller }: GatewayContext): string | null {
    return caller.onlyJob === null ? job.reference : null;
  }

  @FieldResolver(() => JsonObjectScalar, {
    nullable: true,
    description: 'What the caller noted of it, as submitted; null for a follow token. Read when selected.',
  })
  metadata(@Root() node: JobNode, @Ctx() context: GatewayContext): OrPromise<object | null> {
    return metadataOf(node, context);
  }

  @FieldResolver(() => Int, {
    nullable: true,
    description: '1 is the next to be sent; null unless WAITING. Counted when selected.',
  })
  queuePosition(@Root() node: JobNode, @Ctx() { reads }: GatewayContext): OrPromise<number | null> {
    if (node.status !== 'WAITING') return null;
    return node.toldPosition ?? reads.position(node.id);
  }

  @FieldResolver(() => WaitingReasonEnum, {
    nullable: true,
    description: 'Why it is not being sent; null unless WAITING. Looked up when selected.',
  })
  waitingReason(
    @Root() node: JobNode,
    @Ctx() { services: { waiting } }: GatewayContext,
  ): Promise<WaitingReason | null> {
    return waiting.of(node.job);
  }

  @FieldResolver(() => [JobUpdateType], { description: 'Every stored change, oldest first.' })
  async history(
    @Root() { job }: JobNode,
    @Ctx() { services: { log }, reads, accepted }: GatewayContext,
  ): Promise<readonly JobUpdate[]> {
    try {
      const updates = (await reads.history(job.id)) ?? [];
      // Omit changes newer than the state that is shown.
      return updates.filter(({ version }) => version <= job.version);
    } catch (error) {
      // The list is non-null, so an error would remove the stored job from the answer.
      if (![...(accepted?.values() ?? [])].includes(job.id)) throw error;
      log.warn(
        { err: error, job: job.id },
        'the history of a stored job could not be read; only its first entry was returned',
      );
      return [birthOf(job)];
    }
  }
}

interface JobUpdatedArgs {
  readonly id: string;
  readonly afterVersion?: number | null;
  readonly untilArchived: boolean;
}

/** Where to continue from a cursor of `jobsChanged`. */
function sinceOf(after: string | null | undefined, cursors: Cursors): Since {
  if (after == null) return 'now';
  const place = cursors.open(after);
  return place === null ? 'unknown' : { number: place.sequence, at: place.createdAt };
}

interface SubscribeData<Args> {
  readonly args: Args;
  readonly context: GatewayContext;
}
