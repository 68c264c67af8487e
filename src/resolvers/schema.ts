/** Builds the executable schema from the decorated classes. */
import 'reflect-metadata';
import type { GraphQLSchema } from 'graphql';
import { type AuthChecker, buildSchema, type ClassType, type NonEmptyArray, type PubSub } from 'type-graphql';
import { GatewayError } from '../errors.js';
import { DetectFacesInput } from '../schema/face-detection.type.js';
import { SubmitFaceSwapInput } from '../schema/face-swap.input.js';
import { SubmitFaceSwapPlusInput } from '../schema/face-swap-plus.input.js';
import { checkInput } from '../schema/rules.js';
import { CreateUploadInput } from '../schema/upload.input.js';
import { AccountResolver } from './account.resolver.js';
import type { GatewayContext } from './context.js';
import { FaceDetectionResolver } from './face-detection.resolver.js';
import { FaceSwapResolver } from './face-swap.resolver.js';
import { FaceSwapJobResolver } from './face-swap-job.resolver.js';
import { FaceSwapPlusJobResolver } from './face-swap-plus-job.resolver.js';
import {
  FollowTokenResolver,
  SubmitFaceSwapPayloadResolver,
  SubmitFaceSwapPlusPayloadResolver,
} from './follow-token.resolver.js';
import { faultsOf, type Input } from './input-faults.js';
import { JobResolver } from './job.resolver.js';
import { JobResultResolver } from './job-result.resolver.js';
import { NodeResolver } from './node.resolver.js';
import { UploadResolver } from './upload.resolver.js';

/** The resolvers of the public schema. */
export const RESOLVERS = [
  AccountResolver,
  FaceDetectionResolver,
  FaceSwapResolver,
  FaceSwapJobResolver,
  FaceSwapPlusJobResolver,
  FollowTokenResolver,
  JobResolver,
  JobResultResolver,
  NodeResolver,
  SubmitFaceSwapPayloadResolver,
  SubmitFaceSwapPlusPayloadResolver,
  UploadResolver,
] as const;

export async function createSchema(resolvers: NonEmptyArray<ClassType>): Promise<GraphQLSchema> {
  const schema = await buildSchema({
    resolvers,
    pubSub: noTopics,
    authChecker: isAllowed,
    validateFn: async (value, type, { context }) => {
      if (!INPUTS.has(type) || typeof value !== 'object' || value === null) return;
      await checkInput(value, 'input', (isValid) =>
        faultsOf(value as Input, context as GatewayContext, isValid),
      );
    },
  });
  resolveEventsDirectly(schema);
  return schema;
}

/**
 * Calls the methods of subscriptions for each event without type-graphql, which would check arguments and permission
 * again, with promises: see docs/performance.md. Both were checked when the subscription began.
 */
function resolveEventsDirectly(schema: GraphQLSchema): void {
  const jobs = new JobResolver();
  const subscriptions = schema.getSubscriptionType()?.getFields() ?? {};
  for (const name of ['jobUpdated', 'jobsUpdated', 'jobsChanged'] as const) {
    const field = subscriptions[name];
    if (field !== undefined) field.resolve = (event, _args, context) => jobs[name](event, context);
  }
}

/** The classes of `input` arguments, which carry their own rules. Resolvers check scalar arguments themselves. */
const INPUTS: ReadonlySet<unknown> = new Set([
  CreateUploadInput,
  DetectFacesInput,
  SubmitFaceSwapInput,
  SubmitFaceSwapPlusInput,
]);

/** `@Authorized()` marks what a follow token may not do. */
const isAllowed: AuthChecker<GatewayContext> = ({ context }) => {
  if (context.caller.onlyJob === null) return true;
  throw new GatewayError('FORBIDDEN', 'A follow token can read and follow its one job, and nothing else.');
};

/** type-graphql requires a PubSub for subscriptions, but each of ours has its own `subscribe`. */
const noTopics: PubSub = {
  publish: () => {
    throw new Error('Jobs are published by JobBus');
  },
  subscribe: () => {
    throw new Error('Jobs are followed by JobService.watch');
  },
};
