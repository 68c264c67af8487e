/** The executable schema, built from the decorated classes. */
import 'reflect-metadata';
import { type GraphQLSchema, isInterfaceType } from 'graphql';
import { type AuthChecker, buildSchema, type PubSub } from 'type-graphql';
import { GatewayError } from '../errors.js';
import { DetectFacesInput } from '../schema/face-detection.type.js';
import { SubmitFaceSwapInput } from '../schema/face-swap.input.js';
import { FaceSwapJobType } from '../schema/face-swap-job.type.js';
import { SubmitFaceSwapPlusInput } from '../schema/face-swap-plus.input.js';
import { FaceSwapPlusJobType } from '../schema/face-swap-plus-job.type.js';
import { type JobNode, toJobNode } from '../schema/job-node.js';
import { checkInput } from '../schema/rules.js';
import type { Job } from '../services/jobs/job.js';
import { AccountResolver } from './account.resolver.js';
import { AkoolResolver } from './akool.resolver.js';
import type { GatewayContext } from './context.js';
import { FaceSwapResolver } from './face-swap.resolver.js';
import { FollowTokenResolver } from './follow-token.resolver.js';
import { JobResolver } from './job.resolver.js';

export async function createSchema(): Promise<GraphQLSchema> {
  const schema = await buildSchema({
    resolvers: [AccountResolver, AkoolResolver, FaceSwapResolver, FollowTokenResolver, JobResolver],
    orphanedTypes: [FaceSwapJobType, FaceSwapPlusJobType],
    pubSub: noTopics,
    authChecker: isAllowed,
    validateFn: async (value, type) => {
      if (INPUTS.has(type) && typeof value === 'object' && value !== null) await checkInput(value, 'input');
    },
  });
  const job = schema.getType('Job');
  if (!isInterfaceType(job)) throw new Error('the schema has the interface Job');
  // Here because type-graphql makes of every such function one that is awaited, and those can't be compiled.
  job.resolveType = ({ __typename }: JobNode) => __typename;
  // The same goes for arguments, event by event, and events need none: they are jobs, which followers see as nodes.
  for (const field of Object.values(schema.getSubscriptionType()?.getFields() ?? {})) {
    field.resolve = (job: Job, _args: unknown, { services }: GatewayContext) =>
      toJobNode(job, services.mediaUrl);
  }
  return schema;
}

/** The arguments named `input`, whose rules are on their classes; scalars are checked where they are used. */
const INPUTS: ReadonlySet<unknown> = new Set([
  DetectFacesInput,
  SubmitFaceSwapInput,
  SubmitFaceSwapPlusInput,
]);

/** `@Authorized()` is for what a follow token may not do. */
const isAllowed: AuthChecker<GatewayContext> = ({ context }) => {
  if (context.caller.onlyJob === null) return true;
  throw new GatewayError('FORBIDDEN', 'A follow token can read and follow its one job, and nothing else.');
};

/** type-graphql wants one as soon as there are subscriptions, but each of ours brings its own `subscribe`. */
const noTopics: PubSub = {
  publish: () => {
    throw new Error('Jobs are published by JobBus');
  },
  subscribe: () => {
    throw new Error('Jobs are followed by JobService.watch');
  },
};
