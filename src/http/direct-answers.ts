/**
 * The ordinary request, answered without Apollo Server: JSON posted, a document that is valid, JSON wanted.
 *
 * Apollo Server answers everything else, and would give this one the same answer at several times the cost.
 * Whatever is unusual, or goes wrong before the operation runs, is therefore left to it.
 */
import type { FastifyRequest } from 'fastify';
import { execute, type GraphQLSchema, OperationTypeNode } from 'graphql';
import { withinBudget } from '../graphql/answer-size.js';
import type { ReportUnexpected } from '../graphql/client-errors.js';
import type { AdmittedOperation } from '../graphql/operations.js';
import { outageOf, shownErrors } from '../graphql/outcome.js';
import type { GatewayContext } from '../resolvers/context.js';
import { headersOf, statusOf } from './http-errors.js';
import type { OperationRequest } from './operation-request.js';

export interface DirectAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: string;
}

export interface DirectAnswersOptions {
  readonly schema: GraphQLSchema;
  readonly reportUnexpected: ReportUnexpected;
}

const MOST_ACCEPTS = 100;

export class DirectAnswers {
  readonly #options: DirectAnswersOptions;
  /** The content type that Apollo Server chose, by what a client accepts. */
  readonly #contentTypes = new Map<string, string>();

  constructor(options: DirectAnswersOptions) {
    this.#options = options;
  }

  /**
   * Null for what Apollo Server is to answer; nothing has been executed then.
   */
  async answer(
    request: FastifyRequest,
    meant: OperationRequest,
    { document, operation }: AdmittedOperation,
    contextValue: GatewayContext,
  ): Promise<DirectAnswer | null> {
    const contentType = this.#contentTypes.get(request.headers.accept ?? '');
    if (contentType === undefined || request.method !== 'POST' || !isOrdinary(meant)) return null;
    if (operation.operation === OperationTypeNode.SUBSCRIPTION) return null;
    const { variables: variableValues = null, operationName = null } = meant;
    const { schema } = this.#options;
    const { accepted, answer: budget } = contextValue;
    const result = await execute({ schema, document, operationName, variableValues, contextValue });
    const { errors, data } = withinBudget(result, budget);
    if (data === undefined) return null;
    const outage = outageOf(errors, accepted);
    const answer = {
      errors: errors && shownErrors({ errors, data }, accepted, this.#options.reportUnexpected),
      ...(outage === null && { data }),
    };
    return {
      status: outage === null ? 200 : statusOf(outage),
      headers: outage === null ? {} : headersOf(outage),
      contentType,
      body: `${JSON.stringify(answer)}\n`,
    };
  }

  /** Takes over what Apollo Server chose for a request like this one. */
  learn({ headers }: FastifyRequest, contentType: string | undefined): void {
    if (contentType === undefined) return;
    const [oldest] = this.#contentTypes.keys();
    if (this.#contentTypes.size >= MOST_ACCEPTS && oldest !== undefined) this.#contentTypes.delete(oldest);
    this.#contentTypes.set(headers.accept ?? '', contentType);
  }
}

/** With nothing that Apollo Server would have to make sense of. */
function isOrdinary(meant: OperationRequest): meant is OrdinaryRequest {
  const { query, operationName = null, variables = null, documentId, extensions } = meant;
  return (
    typeof query === 'string' &&
    query !== '' &&
    (operationName === null || typeof operationName === 'string') &&
    typeof variables === 'object' &&
    !Array.isArray(variables) &&
    documentId === undefined &&
    extensions === undefined
  );
}

interface OrdinaryRequest {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: Readonly<Record<string, unknown>> | null;
}
