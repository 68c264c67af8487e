import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { type DocumentNode, getOperationAST, Kind, parse } from 'graphql';
import type { GatewayPresence } from './gateway-presence.js';
import { runOverHttp } from './http-operation.js';
import type { RecentSubmits } from './recent-submits.js';
import { subscribeOverSocket } from './socket-subscription.js';
import { submittedJobs } from './submitted-jobs.js';

/** Queries and mutations go over HTTP, subscriptions over graphql-ws sockets at the same address. */
export function createGatewayFetcher(
  endpoint: URL,
  presence: GatewayPresence,
  submits: RecentSubmits,
): Fetcher {
  return async (given, options) => {
    const document = parsed(given);
    const params = document ? withKnownName(given, document) : given;
    const operation = document && getOperationAST(document, params.operationName);
    const headers = options?.headers;
    if (operation?.operation === 'subscription') {
      return subscribeOverSocket(endpoint, presence, { params, authorization: authorizationIn(headers) });
    }
    const isMutation = operation?.operation === 'mutation';
    const answer = await runOverHttp(endpoint, presence, { params, headers, isMutation });
    if (document && operation) submits.add(answer, submittedJobs(document, operation, answer));
    return answer;
  };
}

function authorizationIn(headers: Record<string, unknown> | undefined): string | undefined {
  const entry = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization');
  return typeof entry?.[1] === 'string' ? entry[1] : undefined;
}

/**
 * GraphiQL's own list of operations lags behind the editor, so a document that is run right after typing could be sent
 * with the name of an earlier operation. Removes such a name.
 */
function withKnownName(params: FetcherParams, document: DocumentNode): FetcherParams {
  const { operationName, ...rest } = params;
  const isThere = document.definitions.some(
    (one) => one.kind === Kind.OPERATION_DEFINITION && one.name?.value === operationName,
  );
  return operationName && !isThere ? rest : params;
}

/** Returns undefined for a syntax error; the query is then sent over HTTP, and the server explains the error. */
function parsed({ query }: FetcherParams): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}
