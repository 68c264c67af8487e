/**
 * One way from a request to an operation that runs, for HTTP, WebSocket and event streams: the caller is within their
 * rates, the document may run, it is known which of its operations is meant, and there is room for it.
 */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
} from 'graphql';
import type { CallerContext } from '../resolvers/context.js';
import type { Caller } from '../services/auth/caller.js';
import { AnswerBudget } from '../services/limits/answer-budget.js';
import { atOnce } from '../services/limits/event-turns.js';
import type { HeldBytes } from '../services/limits/held-bytes.js';
import { noTurn, QueryTurns } from '../services/limits/query-turns.js';
import type { ReportUnexpected } from './client-errors.js';
import { type DocumentRequest, Documents, type DocumentsOptions } from './documents.js';
import { DocumentsInUse } from './documents-in-use.js';
import { declaredOf, Operation, type Run } from './operation.js';
import { type QueryLimits, tooManyValues } from './query-limits.js';
import type { RateKind, RateLimits } from './rate-limits.js';
import { Subscriptions } from './subscriptions.js';

export interface EngineOptions extends DocumentsOptions {
  readonly rates: RateLimits;
  /** Subscriptions of all callers at once. */
  readonly maxSubscriptions: number;
  /** The bytes of all callers' answers. */
  readonly answers: HeldBytes;
  readonly reportUnexpected: ReportUnexpected;
}

export interface AskedOperation extends DocumentRequest {
  readonly operationName?: string | null | undefined;
  readonly variables?: unknown;
}

/** An operation that may be executed. */
export interface AdmittedOperation {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

export interface RefusedOperation {
  /** At least one. */
  readonly errors: readonly GraphQLError[];
}

export type Admission = AdmittedOperation | RefusedOperation;

export class Engine {
  readonly #schema: GraphQLSchema;
  readonly #documents: Documents;
  readonly #inUse = new DocumentsInUse();
  readonly #subscriptions: Subscriptions;
  readonly #turns = new QueryTurns();
  readonly #limits: QueryLimits;
  readonly #rates: RateLimits;
  readonly #answers: HeldBytes;
  readonly #reportUnexpected: ReportUnexpected;

  constructor({ rates, maxSubscriptions, answers, reportUnexpected, ...options }: EngineOptions) {
    this.#schema = options.schema;
    this.#documents = new Documents(options);
    this.#subscriptions = new Subscriptions(maxSubscriptions, this.#inUse);
    this.#limits = options.limits;
    this.#rates = rates;
    this.#answers = answers;
    this.#reportUnexpected = reportUnexpected;
  }

  /** Whether a request has to name, or hold, a document that is trusted. */
  get onlyTrusted(): boolean {
    return this.#documents.onlyTrusted;
  }

  /**
   * The operation that a request means, or what is wrong with the request. Each counts against the caller's rates,
   * one that is refused like the smallest; and before a text that is not known yet is looked at.
   *
   * @throws GatewayError FORBIDDEN, RATE_LIMITED
   */
  async admit(caller: Caller, request: AskedOperation): Promise<Admission> {
    const text = this.#documents.textOf(request);
    const known = this.#documents.known(text) ?? this.#inUse.find(text);
    const counted = known === undefined ? kindOf(text) : null;
    if (counted !== null) await this.#rates.take(caller, counted, 1);
    const admission = this.#find(known, text, request);
    if ('errors' in admission) {
      if (counted === null) await this.#rates.take(caller, 'queries', 1);
      return admission;
    }
    const { document, operation } = admission;
    const kind = operation.operation === OperationTypeNode.MUTATION ? 'mutations' : 'queries';
    // Each field is an operation: aliases and fragments are no way round.
    const points = rootFields(operation.selectionSet, document) - (counted === kind ? 1 : 0);
    const taken = points > 0 ? this.#rates.take(caller, kind, points) : undefined;
    if (taken !== undefined) await taken;
    return admission;
  }

  /**
   * The operation, under way: a dear query once it is its turn. Whoever calls this ends it.
   *
   * @param request of which the operation was admitted
   * @param onceLeft takes what is to be called when the caller has left; at once where that is so
   * @throws GatewayError RATE_LIMITED when the caller holds too many subscriptions, uses too many documents, or has
   *   too many queries that wait for their turn
   */
  async begin(
    context: CallerContext,
    admitted: AdmittedOperation,
    { operationName, variables }: AskedOperation,
    onceLeft: (leave: () => void) => void,
  ): Promise<Operation> {
    const { caller } = context;
    const { operation } = admitted;
    const run = await this.#run(caller, admitted, onceLeft);
    const accepted = operation.operation === OperationTypeNode.MUTATION ? new Map<string, string>() : null;
    const answer = new AnswerBudget(this.#answers.open(caller), accepted);
    return new Operation({
      schema: this.#schema,
      document: run.document,
      operationName,
      variableValues: declaredOf(operation, variables),
      contextValue: { ...context, inTurn: run.inTurn, turn: run.turn, answer, accepted },
      type: operation.operation,
      reportUnexpected: this.#reportUnexpected,
      end: run.end,
    });
  }

  async #run(
    caller: Caller,
    { document, operation }: AdmittedOperation,
    onceLeft: (leave: () => void) => void,
  ): Promise<Run> {
    if (operation.operation === OperationTypeNode.SUBSCRIPTION) {
      return this.#subscriptions.begin(caller, document);
    }
    const use = this.#inUse.begin(caller, document);
    if (operation.operation === OperationTypeNode.MUTATION) return { turn: noTurn, inTurn: atOnce, ...use };
    const turn = this.#turns.open(caller, onceLeft);
    const end = (): void => {
      use.end();
      turn.end();
    };
    try {
      await turn.take(use.cost);
    } catch (error) {
      end();
      throw error;
    }
    return { document: use.document, inTurn: atOnce, turn, end };
  }

  /** @throws GatewayError FORBIDDEN */
  #find(known: DocumentNode | undefined, text: string, request: AskedOperation): Admission {
    const tooMany = tooManyValues(request.variables, this.#limits);
    if (tooMany !== null) return { errors: [tooMany] };
    const document = known ?? this.#documents.read(text);
    if (!('kind' in document)) return { errors: document };
    const operation = getOperationAST(document, request.operationName);
    return operation == null ? { errors: [noOperation(request.operationName)] } : { document, operation };
  }
}

/** What a text counts as that nobody has looked into. */
function kindOf(text: string): RateKind {
  return /^[\s,\uFEFF]*mutation\b/.test(text) ? 'mutations' : 'queries';
}

/** As graphql-js and Apollo Server say it. */
function noOperation(name: string | null | undefined): GraphQLError {
  const message =
    name == null
      ? 'Must provide operation name if query contains multiple operations.'
      : `Unknown operation named "${name}".`;
  return new GraphQLError(message, {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE', http: { status: 400 } },
  });
}

/** How many fields an operation begins with, those in fragments included. The document is valid: no circles. */
function rootFields({ selections }: SelectionSetNode, document: DocumentNode): number {
  let count = 0;
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      count += 1;
      continue;
    }
    const inside =
      selection.kind === Kind.INLINE_FRAGMENT
        ? selection
        : document.definitions.find(
            (one) => one.kind === Kind.FRAGMENT_DEFINITION && one.name.value === selection.name.value,
          );
    if (inside !== undefined && 'selectionSet' in inside) count += rootFields(inside.selectionSet, document);
  }
  return count;
}
