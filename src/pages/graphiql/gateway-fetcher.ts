import { createGraphiQLFetcher, type Fetcher, type FetcherParams } from '@graphiql/toolkit';
import { type DocumentNode, getOperationAST, Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';

/**
 * Queries and mutations go over HTTP, subscriptions over a graphql-ws socket at the same address. The socket is
 * opened by the first subscription. It carries the Authorization header of the headers editor in
 * `connectionParams.authorization`; when that header changes, the next subscription opens a new socket.
 */
export function createGatewayFetcher(endpoint: URL): Fetcher {
  let connection = connect(endpoint, undefined);

  return (given, options) => {
    const document = parsed(given);
    const params = document ? withKnownName(given, document) : given;
    if (document && getOperationAST(document, params.operationName)?.operation === 'subscription') {
      const authorization = authorizationIn(options?.headers);
      if (authorization !== connection.authorization) {
        connection.close();
        connection = connect(endpoint, authorization);
      }
    }
    // GraphiQL's own documentAST lags 100 ms behind the editor.
    return connection.fetcher(params, { ...options, ...(document && { documentAST: document }) });
  };
}

function connect(endpoint: URL, authorization: string | undefined) {
  const address = new URL(endpoint);
  address.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = createClient({
    url: address.href,
    ...(authorization !== undefined && { connectionParams: { authorization } }),
  });
  const fetcher = createGraphiQLFetcher({
    url: endpoint.href,
    wsClient: socket,
    enableIncrementalDelivery: false,
  });
  return { authorization, fetcher, close: () => void socket.dispose() };
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
