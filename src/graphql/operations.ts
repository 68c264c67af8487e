/**
 * What stands between a request and its execution, the same for HTTP, WebSocket and event streams: the
 * document is one that may run, within its limits, valid, and the caller within theirs.
 */

import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  type SelectionSetNode,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { GatewayError } from '../errors.js';
import type { Caller } from '../services/auth/caller.js';
import {
  brokenLimit,
  isOverLimit,
  type QueryLimits,
  tooDeep,
  tooLong,
  tooManyValues,
} from './query-limits.js';
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

/** What a client sends, of whatever types it may be. The document is there as text, or by an id. */
export interface DocumentRequest {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
  readonly variables?: unknown;
}

/** Documents, by text. A front end has some dozens. */
const MOST_KEPT = 1000;
const MOST_KEPT_CHARACTERS = 10_000_000;
/** Longer ones have their values written out, and don't come again. */
const LONGEST_KEPT_CHARACTERS = 100_000;
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
    // Some protocols want a text to be there, so an empty one is none.
    const own = typeof query === 'string' && query !== '' ? query : null;
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
   * Refuses what may not run, before anything is done for it. What is merely not valid passes: whoever executes
   * says so.
   *
   * @throws GatewayError FORBIDDEN; GraphQLError for what is over a limit or is not GraphQL
   */
  check(request: DocumentRequest): void {
    const text = this.textOf(request);
    const tooMany = tooManyValues(request.variables, this.#options.limits);
    if (tooMany !== null) throw tooMany;
    if (text === null) return;
    const prepared = this.prepare(text);
    const broken = 'kind' in prepared ? undefined : prepared.find((e) => isOverLimit(e) || isNotGraphql(e));
    if (broken !== undefined) throw broken;
  }

  /**
   * The document that a request means, ready to be executed, or what is wrong with the request.
   *
   * @throws GatewayError FORBIDDEN, RATE_LIMITED
   */
  async admitted(
    caller: Caller,
    request: DocumentRequest & { readonly operationName?: string | null | undefined },
  ): Promise<DocumentNode | readonly GraphQLError[]> {
    const text = this.textOf(request) ?? '';
    const tooMany = tooManyValues(request.variables, this.#options.limits);
    if (tooMany !== null) return [tooMany];
    const document = this.prepare(text);
    if (!('kind' in document)) return document;
    const operation = getOperationAST(document, request.operationName);
    if (operation == null) return [noOperation(request.operationName)];
    const counted = this.admit(caller, document, operation);
    if (counted !== undefined) await counted;
    return document;
  }

  /** The parsed and valid document, or what is wrong with it. Each text is looked at once. */
  prepare(text: string): DocumentNode | readonly GraphQLError[] {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    const result = this.#prepare(text);
    if (text.length <= LONGEST_KEPT_CHARACTERS) this.#prepared.set(text, result);
    return result;
  }

  #prepare(text: string): DocumentNode | readonly GraphQLError[] {
    const { schema, limits, introspection } = this.#options;
    const long = tooLong(text, limits);
    if (long !== null) return [long];
    try {
      const document = parse(text, { maxTokens: limits.tokens });
      const broken = brokenLimit(document, limits);
      if (broken !== null) return [broken];
      const errors = validate(schema, document, this.#rules, { maxErrors: MOST_ERRORS });
      return errors.length > 0
        ? errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED', !introspection))
        : document;
    } catch (error) {
      // The parser is recursive: what is nested deeper than the stack ends here.
      return [error instanceof GraphQLError ? withCode(error, 'GRAPHQL_PARSE_FAILED') : tooDeep(limits)];
    }
  }

  /**
   * Counts an operation; undefined where nothing is counted.
   *
   * @throws GatewayError RATE_LIMITED
   */
  admit(
    caller: Caller,
    document: DocumentNode,
    operation: OperationDefinitionNode,
  ): Promise<void> | undefined {
    const kind = operation.operation === OperationTypeNode.MUTATION ? 'mutations' : 'queries';
    // Each field is an operation: aliases and fragments are no way round.
    return this.#options.rates.take(caller, kind, rootFields(operation.selectionSet, document));
  }
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

export function isMutation(document: DocumentNode, operationName: string | null | undefined): boolean {
  return getOperationAST(document, operationName)?.operation === OperationTypeNode.MUTATION;
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

/**
 * With the code that Apollo Server gives, so that it is the same over sockets.
 *
 * @param hidesSchema suggestions would tell what introspection may not
 */
function withCode(
  error: GraphQLError,
  code: 'GRAPHQL_PARSE_FAILED' | 'GRAPHQL_VALIDATION_FAILED',
  hidesSchema = false,
): GraphQLError {
  const { message, nodes, source, positions } = error;
  return new GraphQLError(hidesSchema ? message.replace(/ ?Did you mean [\s\S]*\?$/, '') : message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    extensions: { code, http: { status: 400 } },
  });
}

function isNotGraphql({ extensions }: GraphQLError): boolean {
  return extensions['code'] === 'GRAPHQL_PARSE_FAILED';
}

/** The id that names a document: `documentId`, or the hash that Apollo's clients send. */
function idOf(documentId: unknown, extensions: unknown): string {
  if (typeof documentId === 'string') return documentId;
  const hash = memberOf(memberOf(extensions, 'persistedQuery'), 'sha256Hash');
  return typeof hash === 'string' ? hash : '';
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
