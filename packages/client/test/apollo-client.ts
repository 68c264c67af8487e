/** An Apollo Client set up as the package says, and documents to try it with. */
import {
  ApolloClient,
  ApolloLink,
  gql,
  HttpLink,
  InMemoryCache,
  type TypedDocumentNode,
} from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import {
  JOB_FIELDS,
  possibleTypes,
  refuseOlderJobs,
  type SocketOptions,
  socketOptions,
  typePolicies,
} from '../src/apollo/index.js';
import type { Job } from '../src/index.js';

export interface TestClient {
  readonly client: ApolloClient;
  stop(): Promise<void>;
}

export interface TestClientOptions extends Partial<SocketOptions> {
  readonly fetch?: typeof globalThis.fetch;
}

export function startApollo(url: string, { fetch, ...options }: TestClientOptions = {}): TestClient {
  const address = new URL('/graphql', url).href;
  const socket = createClient(socketOptions({ url: address, webSocket: WebSocket, ...options }));
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes, typePolicies }),
    link: ApolloLink.from([
      refuseOlderJobs(),
      ApolloLink.split(
        ({ operationType }) => operationType === 'subscription',
        new GraphQLWsLink(socket),
        new HttpLink({ uri: address, ...(fetch && { fetch }) }),
      ),
    ]),
  });
  return {
    client,
    stop: async () => {
      client.stop();
      await socket.dispose();
    },
  };
}

export const JOB: TypedDocumentNode<{ job: Job | null }, { id: string }> = gql`
  query Job($id: ID!) {
    job(id: $id) {
      ...GatewayJob
    }
  }
  ${JOB_FIELDS}
`;

export const JOB_UPDATED: TypedDocumentNode<{ jobUpdated: Job }, { id: string }> = gql`
  subscription JobUpdated($id: ID!) {
    jobUpdated(id: $id) {
      ...GatewayJob
    }
  }
  ${JOB_FIELDS}
`;

/** Follows a job; `states` grows until it has ended. */
export function follow({ client }: TestClient, id: string) {
  const states: Job[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    client.subscribe({ query: JOB_UPDATED, variables: { id } }).subscribe({
      next: ({ data, error }) => {
        if (error) reject(error);
        if (data) states.push(data.jobUpdated);
      },
      complete: resolve,
    });
  });
  return { states, ended };
}

/** The job in the cache: what every component that selects these fields has on screen. */
export function shown({ client }: TestClient, id: string): Job | null {
  return client.cache.readFragment({ id: `FaceSwapJob:${id}`, fragment: JOB_FIELDS });
}
