/**
 * From a request to a document that may run, the same for every protocol: the text that is meant, its limits, and
 * whether it fits the schema. Texts that come again are looked at once; one that is refused is not kept.
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
  /** Null: every document may run. */
  readonly trusted: TrustedDocuments | null;
  readonly introspection: boolean;
}

/** What a client sends, of whatever types it may be. The document is there as text, or by an id. */
export interface DocumentRequest {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
}

/** All that are kept together, in nodes of less than 200 bytes. A front end has some dozens, of some hundreds each. */
const MAX_KEPT_NODES = 100_000;
/** One of them: larger ones have their values written out, and don't come again. */
const MAX_DOCUMENT_NODES = 10_000;
/** Of the rules of GraphQL that one document breaks, so many are told. */
const MOST_ERRORS = 20;

export class Documents {
  readonly #options: DocumentsOptions;
  readonly #rules: readonly ValidationRule[];
  /** By their texts. */
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

  /** The text that a request means: its own, or that of the trusted document it names; empty when there is none. */
  textOf({ query, documentId, extensions }: DocumentRequest): string {
    // Some protocols want a text to be there, so an empty one is none.
    if (typeof query === 'string' && query !== '') return query;
    return this.#options.trusted?.find(idOf(documentId, extensions)) ?? '';
  }

  /** The document of a text that was found to be good before; undefined for any other text. */
  known(text: string): DocumentNode | undefined {
    return this.#kept.get(text);
  }

  /**
   * The document, or what is wrong with the text. What costs least is looked at first.
   *
   * @throws GatewayError FORBIDDEN when only trusted documents may run and this is none
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
      const errors = validate(schema, document, this.#rules, { maxErrors: MOST_ERRORS });
      return errors.length > 0
        ? errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED', !introspection))
        : document;
    } catch (error) {
      // The parser is recursive: what is nested deeper than the stack ends here.
      return [error instanceof GraphQLError ? withCode(error, 'GRAPHQL_PARSE_FAILED') : tooDeep(limits)];
    }
  }
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
  return new GraphQLError(hidesSchema ? withoutSuggestions(message) : message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    extensions: { code, http: { status: 400 } },
  });
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

/** Without what graphql-js ends a message with. From the first such words on: a document may hold them as well. */
function withoutSuggestions(message: string): string {
  const start = message.endsWith('?') ? message.indexOf('Did you mean ') : -1;
  return start === -1 ? message : message.slice(0, start).trimEnd();
}
