/**
 * What stands between a request and its execution, the same for HTTP, WebSocket and event streams: the
 * document is one that may run, within its limits, valid, and the caller within theirs.
 */

import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { GatewayError } from '../errors.js';
import type { Caller } from '../services/auth/caller.js';
import { brokenLimit, isOverLimit, type QueryLimits } from './query-limits.js';
import type { RateLimits } from './rate-limits.js';
import type { TrustedDocuments } from './trusted-documents.js';

export interface OperationsOptions {
  readonly schema: GraphQLSchema;
  readonly limits: QueryLimits;
  readonly rates: RateLimits;
  /** Null: every document may run. */
  readonly trusted: TrustedDocuments | null;
  readonly introspection: boolean;
}

/** Ids of one document, as clients send them. */
export interface DocumentRequest {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Documents, by text. A front end has some dozens. */
const MOST_KEPT = 1000;
const MOST_KEPT_CHARACTERS = 10_000_000;
const MOST_ERRORS = 20;

export class Operations {
  readonly #options: OperationsOptions;
  readonly #rules: readonly ValidationRule[];
  readonly #prepared: LRUCache<string, DocumentNode | readonly GraphQLError[]>;

  constructor(options: OperationsOptions) {
    this.#options = options;
    this.#rules = options.introspection
      ? specifiedRules
      : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    this.#prepared = new LRUCache({
      max: MOST_KEPT,
      maxSize: MOST_KEPT_CHARACTERS,
      sizeCalculation: (_document, text) => text.length + 1,
    });
  }

  get maxTokens(): number {
    return this.#options.limits.tokens;
  }

  /** Of the rules of GraphQL that one document breaks, so many are told. */
  get maxErrors(): number {
    return MOST_ERRORS;
  }

  /** Whether only trusted documents may run. */
  get onlyTrusted(): boolean {
    return this.#options.trusted !== null;
  }

  /**
   * The text that a request means: its own, or that of the trusted document it names.
   *
   * @throws GatewayError FORBIDDEN when only trusted documents may run and this is none
   */
  textOf({ query, documentId, extensions }: DocumentRequest): string | null {
    const { trusted } = this.#options;
    const own = typeof query === 'string' ? query : null;
    if (trusted === null) return own;
    const text = own ?? this.namedText({ documentId, extensions });
    if (text === null || !trusted.includes(text)) {
      throw new GatewayError('FORBIDDEN', 'Only the documents that this gateway trusts may run.');
    }
    return text;
  }

  /** The text of the trusted document that a request names; null when it names none. */
  namedText({ documentId, extensions }: DocumentRequest): string | null {
    return this.#options.trusted?.find(idOf(documentId, extensions)) ?? null;
  }

  /**
   * Refuses what may not run, before anything is done for it. What is merely not valid passes.
   *
   * @throws GatewayError FORBIDDEN; GraphQLError GRAPHQL_VALIDATION_FAILED for what is over a limit
   */
  check(request: DocumentRequest): void {
    const text = this.textOf(request);
    if (text === null) return;
    const prepared = this.prepare(text);
    const broken = 'kind' in prepared ? undefined : prepared.find(isOverLimit);
    if (broken !== undefined) throw broken;
  }

  /** The parsed and valid document, or what is wrong with it. Each text is looked at once. */
  prepare(text: string): DocumentNode | readonly GraphQLError[] {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    const result = this.#prepare(text);
    this.#prepared.set(text, result);
    return result;
  }

  #prepare(text: string): DocumentNode | readonly GraphQLError[] {
    const { schema, limits } = this.#options;
    let document: DocumentNode;
    try {
      document = parse(text, { maxTokens: limits.tokens });
    } catch (error) {
      return [error instanceof GraphQLError ? error : new GraphQLError('The query cannot be read.')];
    }
    const broken = brokenLimit(document, limits);
    if (broken !== null) return [broken];
    const errors = validate(schema, document, this.#rules, { maxErrors: MOST_ERRORS });
    return errors.length > 0 ? errors : document;
  }

  /** @throws GatewayError RATE_LIMITED */
  async admit(
    caller: Caller,
    document: DocumentNode,
    operationName: string | null | undefined,
  ): Promise<void> {
    const operation = getOperationAST(document, operationName);
    // An operation that can't be told is refused by the execution itself.
    if (operation == null) return;
    const isMutation = operation.operation === OperationTypeNode.MUTATION;
    // Each field of a mutation is a mutation: aliases are no way round.
    const points = isMutation ? operation.selectionSet.selections.length : 1;
    await this.#options.rates.take(caller.tenant, isMutation ? 'mutations' : 'queries', points);
  }
}

function idOf(documentId: unknown, extensions: DocumentRequest['extensions']): string {
  if (typeof documentId === 'string') return documentId;
  const persisted = extensions?.['persistedQuery'];
  const hash =
    typeof persisted === 'object' && persisted !== null && 'sha256Hash' in persisted
      ? persisted.sha256Hash
      : '';
  return typeof hash === 'string' ? hash : '';
}
