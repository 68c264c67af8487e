import type { FetcherParams } from '@graphiql/toolkit';
import type { ExecutionResult } from 'graphql-ws';
import { failure } from './failure.js';
import { delay, type GatewayPresence } from './gateway-presence.js';

export interface HttpOperation {
  readonly params: FetcherParams;
  readonly headers: Record<string, string> | undefined;
  readonly isMutation: boolean;
}

/** How GraphiQL asks for the schema. */
const INTROSPECTION = 'IntrospectionQuery';
const INTROSPECTION_RETRY_MS = 1000;

/**
 * Runs a query or mutation. Whatever goes wrong becomes an answer in plain words; only GraphiQL's question for the
 * schema, which nobody would ask again, waits for the gateway and is sent again.
 */
export async function runOverHttp(
  endpoint: URL,
  presence: GatewayPresence,
  operation: HttpOperation,
): Promise<ExecutionResult> {
  const request = requestFor(endpoint, operation);
  if (typeof request === 'string') return failure(request);

  const isIntrospection = operation.params.operationName === INTROSPECTION;
  const answer = await send(request);
  if (typeof answer !== 'string') {
    if (!isIntrospection) presence.answered();
    return answer;
  }
  const isBack = presence.answering();
  if (!isIntrospection) return failure(`${answer} ${operation.isMutation ? UNKNOWN_OUTCOME : RUN_AGAIN}`);
  await isBack;
  await delay(INTROSPECTION_RETRY_MS);
  return runOverHttp(endpoint, presence, operation);
}

const RUN_AGAIN = 'Run the operation again when the gateway is back.';
const UNKNOWN_OUTCOME =
  'Whether the gateway received this mutation is unknown. A submit with an idempotencyKey can be run again: nothing is paid twice. Without one, look first whether `jobs` shows a new job.';

/** Returns the reason if a browser cannot send it. */
function requestFor(endpoint: URL, { params, headers }: HttpOperation): Request | string {
  try {
    return new Request(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json;q=0.9',
        ...headers,
      },
      body: JSON.stringify(params),
    });
  } catch (error) {
    return `Not sent: the headers in Headers cannot be sent by a browser. ${error}`;
  }
}

/** Returns what happened instead if there is no GraphQL answer. */
async function send(request: Request): Promise<ExecutionResult | string> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(request);
    status = response.status;
    text = await response.text();
  } catch {
    // A browser does not say which of the two it was.
    return `No answer from ${request.url}: the gateway is not running, or the connection to it broke.`;
  }
  try {
    return JSON.parse(text);
  } catch {
    return `HTTP ${status} from ${request.url} instead of a GraphQL answer: it is not from the gateway, but from something in between, like a proxy.`;
  }
}
