/**
 * Turns requests into running operations, the same way for HTTP, WebSocket and event streams: checks the caller's
 * rate limits, finds the document and the requested operation, and waits until there is room for it.
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
import { type DocumentRequest, Documents, type DocumentsOptions, shortened } from './documents.js';
import { DocumentsInUse } from './documents-in-use.js';
import { Operation, type Run } from './operation.js';
import { type QueryLimits, tooManyValues } from './query-limits.js';
import type { RateKind, RateLimits } from './rate-limits.js';
import { Subscriptions } from './subscriptions.js';
import { variablesOf } from './variables.js';

interface EngineOptions extends DocumentsOptions {
  readonly rates: RateLimits;
  /** The maximum number of subscriptions of all callers. */
  readonly maxSubscriptions: number;
  /** Counts the bytes of all answers. */
  readonly answers: HeldBytes;
  readonly reportUnexpected: ReportUnexpected;
}

export interface AskedOperation extends DocumentRequest {
  readonly operationName?: string | null | undefined;
  readonly variables?: unknown;
}

/** An operation that may be executed. */
interface AdmittedOperation {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

export interface RefusedOperation {
  /** At least one. */
  readonly errors: readonly GraphQLError[];
}

type Admission = AdmittedOperation | RefusedOperation;

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

  /** Whether only trusted documents may run. */
  get onlyTrusted(): boolean {
    return this.#documents.onlyTrusted;
  }

  /**
   * Returns the requested operation, or the request's errors. Each request counts against the caller's rate limits; a
   * refused one counts like the smallest operation, and an unknown text is counted before it is parsed.
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
    // Each root field counts, so that aliases and fragments can't bypass the rate limits.
    const points = rootFields(operation.selectionSet, document) - (counted === kind ? 1 : 0);
    const taken = points > 0 ? this.#rates.take(caller, kind, points) : undefined;
    if (taken !== undefined) await taken;
    return admission;
  }

  /**
   * Begins an operation; an expensive query waits for its turn first. The caller of this method must end the
   * operation.
   *
   * @param request the request that was admitted
   * @param onceLeft registers a function to call when the client leaves; calls it at once if it already has
   * @throws GatewayError RATE_LIMITED if the caller has too many subscriptions, documents in use, or waiting queries
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
      variableValues: variablesOf(this.#schema, operation, variables),
      // Spreading the caller's context would take several times as long.
      contextValue: {
        services: context.services,
        caller,
        reads: context.reads,
        inTurn: run.inTurn,
        turn: run.turn,
        answer,
        accepted,
      },
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

/** Returns the rate limit that an unknown text counts against. */
function kindOf(text: string): RateKind {
  return /^[\s,\uFEFF]*mutation\b/.test(text) ? 'mutations' : 'queries';
}

/** Uses the wording of graphql-js and Apollo Server. */
function noOperation(name: string | null | undefined): GraphQLError {
  const message =
    name == null
      ? 'Must provide operation name if query contains multiple operations.'
      : `Unknown operation named "${name}".`;
  return new GraphQLError(shortened(message), {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE', http: { status: 400 } },
  });
}

/** Counts the root fields, including those in fragments. The document is valid, so fragments have no cycles. */
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
