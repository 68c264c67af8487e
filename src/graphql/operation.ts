/** A running operation: executes it, formats its answer, and releases what it holds when it ends. */
import {
  type DocumentNode,
  type ExecutionArgs,
  execute,
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  OperationTypeNode,
  subscribe,
} from 'graphql';
import type { GatewayError } from '../errors.js';
import type { GatewayContext } from '../resolvers/context.js';
import type { InTurn } from '../services/limits/event-turns.js';
import type { Turn } from '../services/limits/query-turns.js';
import { eventWithinBudget, type Result, withinBudget } from './answer-size.js';
import type { ReportUnexpected } from './client-errors.js';
import { outageOf, shownErrors } from './outcome.js';
import type { Variables } from './variables.js';

/** What an operation holds while it runs. */
export interface Run {
  /** The document to execute. */
  readonly document: DocumentNode;
  readonly inTurn: InTurn;
  /** Consulted before something large is read for the operation or one of its events. */
  readonly turn: Turn;
  /** Releases all of it. Safe to call twice. */
  readonly end: () => void;
}

/** The answer for the client. */
export interface Answer {
  /**
   * Set if the whole operation is refused because the database could not answer, and nothing was accepted. Each
   * protocol reports it in its own way.
   */
  readonly outage: GatewayError | null;
  readonly errors?: readonly GraphQLFormattedError[];
  /** Undefined if the request was wrong and nothing was executed. */
  readonly data?: Result['data'];
}

export class Operation implements ExecutionArgs {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variableValues: Variables | null | undefined;
  readonly contextValue: GatewayContext;
  /** Set explicitly, because graphql-ws would otherwise add one. */
  readonly rootValue = undefined;
  readonly type: OperationTypeNode;
  readonly #reportUnexpected: ReportUnexpected;
  readonly #end: () => void;

  constructor(
    parts: Pick<
      Operation,
      'schema' | 'document' | 'operationName' | 'variableValues' | 'contextValue' | 'type'
    > & { readonly reportUnexpected: ReportUnexpected; readonly end: () => void },
  ) {
    this.schema = parts.schema;
    this.document = parts.document;
    this.operationName = parts.operationName;
    this.variableValues = parts.variableValues;
    this.contextValue = parts.contextValue;
    this.type = parts.type;
    this.#reportUnexpected = parts.reportUnexpected;
    this.#end = parts.end;
  }

  get isMutation(): boolean {
    return this.type === OperationTypeNode.MUTATION;
  }

  get isSubscription(): boolean {
    return this.type === OperationTypeNode.SUBSCRIPTION;
  }

  /** Executes a query or mutation. */
  async execute(): Promise<Result> {
    return execute(this);
  }

  /** Returns the events of a subscription, or an error result. */
  subscribe(): ReturnType<typeof subscribe> {
    return subscribe(this);
  }

  /** Returns the result, or an error instead if it is too large. Lets the next expensive query begin. */
  limited(result: Result): Result {
    const limited = withinBudget(result, this.contextValue.answer);
    this.contextValue.turn.end();
    return limited;
  }

  /** Formats the answer of a query or mutation. */
  answerTo(result: Result): Answer {
    return this.tell(this.limited(result));
  }

  /** @throws GatewayError RATE_LIMITED if there is no room for this event; the follower has to reconnect */
  answerToEvent(result: Result): Answer {
    return this.tell(eventWithinBudget(result, this, this.contextValue.answer));
  }

  /** Formats the answer, whatever its size. */
  tell({ errors, data }: Result): Answer {
    if (errors === undefined) return { outage: null, data };
    const shown = shownErrors({ errors, data }, this.contextValue.accepted, this.#reportUnexpected);
    return { outage: this.outageIn(errors), errors: shown, data };
  }

  outageIn(errors: readonly GraphQLError[]): GatewayError | null {
    return outageOf(errors, this.contextValue.accepted);
  }

  /** Call it when the answer has been read, or will not be: the operation may still run. Safe to call twice. */
  leave(): void {
    this.contextValue.answer.end();
  }

  /** Call it when the operation no longer runs; its answer may still be unread. Safe to call twice. */
  end(): void {
    this.#end();
  }
}
