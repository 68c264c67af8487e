/**
 * Turns a request into a document that may run, the same way for every protocol: finds its text, checks the limits,
 * and validates it against the schema. Accepted documents are cached; refused ones are not.
 */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { GatewayError } from '../errors.js';
import { nodesOf } from './document-nodes.js';
import { DocumentSource } from './document-source.js';
import { brokenLimit, type QueryLimits, tooDeep, tooLong } from './query-limits.js';
import type { TrustedDocuments } from './trusted-documents.js';

export interface DocumentsOptions {
  readonly schema: GraphQLSchema;
  readonly limits: QueryLimits;
  /** Null if every document may run. */
  readonly trusted: TrustedDocuments | null;
  readonly introspection: boolean;
}

/** What a client sends, unchecked. The document is given as text or by an id. */
export interface DocumentRequest {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
}

/** The size of the cache, in nodes of less than 200 bytes. A front end has dozens of documents with hundreds each. */
const MAX_KEPT_NODES = 100_000;
/** Larger documents contain their values as literals, so they do not recur. */
const MAX_DOCUMENT_NODES = 10_000;
/** Limit for each error message of a document, in UTF-16 units. */
const MAX_MESSAGE_CHARACTERS = 1000;
/** The maximum number of validation errors reported per document. */
const MAX_ERRORS = 20;

export class Documents {
  readonly #options: DocumentsOptions;
  readonly #rules: readonly ValidationRule[];
  /** By text. */
  readonly #kept: LRUCache<string, DocumentNode>;

  constructor(options: DocumentsOptions) {
    this.#options = options;
    this.#rules = options.introspection
      ? specifiedRules
      : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    this.#kept = new LRUCache({
      maxSize: MAX_KEPT_NODES,
      maxEntrySize: MAX_DOCUMENT_NODES,
      sizeCalculation: nodesOf,
    });
  }

  /** Whether only trusted documents may run. */
  get onlyTrusted(): boolean {
    return this.#options.trusted !== null;
  }

  /** Returns the request's own text, or that of the trusted document it names; empty if there is none. */
  textOf({ query, documentId, extensions }: DocumentRequest): string {
    // Some protocols require a text, so an empty one counts as none.
    if (typeof query === 'string' && query !== '') return query;
    return this.#options.trusted?.find(idOf(documentId, extensions)) ?? '';
  }

  /** Returns the document of a text that was accepted before; otherwise undefined. */
  known(text: string): DocumentNode | undefined {
    return this.#kept.get(text);
  }

  /**
   * Returns the document, or the errors in the text. The cheapest checks come first.
   *
   * @throws GatewayError FORBIDDEN if only trusted documents may run and this is not one
   */
  read(text: string): DocumentNode | readonly GraphQLError[] {
    const { trusted, limits } = this.#options;
    const long = tooLong(text, limits);
    if (long !== null) return [long];
    if (trusted !== null && !trusted.includes(text)) {
      throw new GatewayError('FORBIDDEN', 'Only the documents that this gateway trusts may run.');
    }
    const document = this.#parse(text);
    if ('kind' in document) this.#kept.set(text, document);
    return document;
  }

  #parse(text: string): DocumentNode | readonly GraphQLError[] {
    const { schema, limits, introspection } = this.#options;
    try {
      const source = new DocumentSource(text);
      const document = parse(source, { maxTokens: limits.tokens });
      source.close();
      const broken = brokenLimit(document, limits);
      if (broken !== null) return [broken];
      const errors = validate(schema, document, this.#rules, { maxErrors: MAX_ERRORS });
      return errors.length > 0
        ? errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED', !introspection))
        : document;
    } catch (error) {
      // The parser is recursive: a document nested deeper than the stack ends here.
      return [error instanceof GraphQLError ? withCode(error, 'GRAPHQL_PARSE_FAILED') : tooDeep(limits)];
    }
  }
}

/**
 * Adds the code that Apollo Server would set, so that it is the same over sockets.
 *
 * @param hidesSchema removes suggestions, because they reveal what introspection may not
 */
function withCode(
  error: GraphQLError,
  code: 'GRAPHQL_PARSE_FAILED' | 'GRAPHQL_VALIDATION_FAILED',
  hidesSchema = false,
): GraphQLError {
  const { message, nodes, source, positions } = error;
  return new GraphQLError(shortened(hidesSchema ? withoutSuggestions(message) : message), {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    extensions: { code, http: { status: 400 } },
  });
}

/** Messages quote names of the document, which may be as long as the document. */
export function shortened(message: string): string {
  return message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)} …` : message;
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

/** Removes the suggestion at the end. Cuts at the first match, because the document may contain these words too. */
function withoutSuggestions(message: string): string {
  const start = message.endsWith('?') ? message.indexOf('Did you mean ') : -1;
  return start === -1 ? message : message.slice(0, start).trimEnd();
}
