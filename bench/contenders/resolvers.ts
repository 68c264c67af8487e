/** The gateway's schema over jobs in memory, shared by all GraphQL servers in the comparison. */
import { readFileSync } from 'node:fs';
import { GraphQLScalarType } from 'graphql';
import type { SampleJob } from '../sample-jobs.js';
import type { SubmitInput } from './akool.js';
import type { JobMap } from './job-map.js';
import type { Settings } from './settings.js';

export interface Update {
  readonly jobUpdated: SampleJob;
}

/** One topic per job: with a single topic, every update would cost one call per follower. */
export function topicOf(id: string): string {
  return `JOB_UPDATED_${id}`;
}

/** The file that the gateway's own schema is checked against. */
export function readTypeDefs({ schemaFile }: Settings): string {
  return readFileSync(schemaFile, 'utf8');
}

export function resolversOf(
  jobs: JobMap,
  subscribe: (topic: string, context: unknown) => AsyncIterable<Update> | Promise<AsyncIterable<Update>>,
) {
  return {
    Query: {
      job: (_root: unknown, { id }: { id: string }) => jobs.find(id),
      jobs: (_root: unknown, { first }: { first?: number }) => jobs.page(first ?? 20),
    },
    Mutation: {
      submitFaceSwap: async (_root: unknown, { input }: { input: SubmitInput }) => ({
        job: await jobs.submit(input),
        deduplicated: false,
      }),
    },
    Subscription: {
      jobUpdated: {
        subscribe: (_root: unknown, { id }: { id: string }, context: unknown) =>
          subscribe(topicOf(id), context),
      },
    },
    // Nodes carry their own `__typename`: see `SampleJob`.
    DateTime: new GraphQLScalarType<number, string>({
      name: 'DateTime',
      serialize: (value) => new Date(Number(value)).toISOString(),
    }),
    URL: new GraphQLScalarType<string, string>({ name: 'URL', serialize: String }),
  };
}
