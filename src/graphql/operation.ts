/** An operation under way: how it is executed, what its client is told, and what is given back when it is over. */
import {
  type DocumentNode,
  type ExecutionArgs,
  execute,
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  type OperationDefinitionNode,
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

export type Variables = Readonly<Record<string, unknown>>;

/** What an operation has while it runs. */
export interface Run {
  /** What to execute. */
  readonly document: DocumentNode;
  readonly inTurn: InTurn;
  /** What is asked before what is large is read for it, or for one of its events. */
  readonly turn: Turn;
  /** To be called when it is over, as often as one likes. */
  readonly end: () => void;
}

/** What the client is told. */
export interface Answer {
  /**
   * Why the operation is refused as a whole: the database could not answer, and nothing was accepted. How that is
   * said is up to the protocol.
   */
  readonly outage: GatewayError | null;
  readonly errors?: readonly GraphQLFormattedError[];
  /** Undefined: the request was wrong, and nothing was executed. */
  readonly data?: Result['data'];
}

export class Operation implements ExecutionArgs {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variableValues: Variables | null | undefined;
  readonly contextValue: GatewayContext;
  /** There is none. graphql-ws would look for one elsewhere if it were left out. */
  readonly rootValue = undefined;
  readonly type: OperationTypeNode;
  readonly #reportUnexpected: ReportUnexpected;
  readonly #end: () => void;

  constructor(parts: {
    readonly schema: GraphQLSchema;
    readonly document: DocumentNode;
    readonly operationName: string | null | undefined;
    readonly variableValues: Variables | null | undefined;
    readonly contextValue: GatewayContext;
    readonly type: OperationTypeNode;
    readonly reportUnexpected: ReportUnexpected;
    readonly end: () => void;
  }) {
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

  /** Of a query or a mutation. */
  async execute(): Promise<Result> {
    return execute(this);
  }

  /** The events of a subscription; or why there are none. */
  subscribe(): ReturnType<typeof subscribe> {
    return subscribe(this);
  }

  /** The result, or an error in its place when it is too large. From here on the next dear query may begin. */
  limited(result: Result): Result {
    const limited = withinBudget(result, this.contextValue.answer);
    this.contextValue.turn.end();
    return limited;
  }

  answerTo(result: Result): Answer {
    return this.#tell(this.limited(result));
  }

  /** @throws GatewayError RATE_LIMITED: there is no room for this event, and its follower is to come again */
  answerToEvent(result: Result): Answer {
    return this.#tell(eventWithinBudget(result, this.contextValue.answer));
  }

  outageIn(errors: readonly GraphQLError[]): GatewayError | null {
    return outageOf(errors, this.contextValue.accepted);
  }

  /** It is over, and its answer is read, or will not be. Safe to call twice. */
  end(): void {
    this.contextValue.answer.end();
    this.#end();
  }

  #tell({ errors, data }: Result): Answer {
    if (errors === undefined) return { outage: null, data };
    const shown = shownErrors({ errors, data }, this.contextValue.accepted, this.#reportUnexpected);
    return { outage: this.outageIn(errors), errors: shown, data };
  }
}

/** The variables that the operation declares: others would be kept with them for as long as it runs. */
export function declaredOf(
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: unknown,
): Variables | null | undefined {
  if (variables == null) return variables;
  const names = new Set(variableDefinitions.map(({ variable }) => variable.name.value));
  return Object.fromEntries(Object.entries(variables).filter(([name]) => names.has(name)));
}
