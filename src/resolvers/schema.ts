/** The executable schema, built from the decorated classes. */
import 'reflect-metadata';
import type { GraphQLSchema } from 'graphql';
import { buildSchema, type PubSub } from 'type-graphql';
import { FaceSwapJobType } from '../schema/face-swap-job.type.js';
import { FaceSwapPlusJobType } from '../schema/face-swap-plus-job.type.js';
import { checkInput } from '../schema/rules.js';
import { AkoolResolver } from './akool.resolver.js';
import { FaceSwapResolver } from './face-swap.resolver.js';
import { JobResolver } from './job.resolver.js';

export function createSchema(): Promise<GraphQLSchema> {
  return buildSchema({
    resolvers: [AkoolResolver, FaceSwapResolver, JobResolver],
    orphanedTypes: [FaceSwapJobType, FaceSwapPlusJobType],
    pubSub: noTopics,
    validateFn: async (value, type) => {
      // Input types are the arguments named `input`; scalars are checked where they are used.
      if (isInputClass(type) && typeof value === 'object' && value !== null) await checkInput(value, 'input');
    },
  });
}

/** type-graphql wants one as soon as there are subscriptions, but each of ours brings its own `subscribe`. */
const noTopics: PubSub = {
  publish: () => {
    throw new Error('Jobs are published by JobBus');
  },
  subscribe: () => {
    throw new Error('Jobs are followed by JobService.watch');
  },
};

function isInputClass(type: unknown): boolean {
  return typeof type === 'function' && type.name.endsWith('Input') && type.name !== 'JobFilterInput';
}
