/**
 * Runs operations, for every protocol. A document that comes again is compiled (graphql-jit) the third time
 * and runs several times faster from then on; one that comes once is not worth the compiling, and must not
 * let a client cause it. Compiled or not, answers and errors are those of graphql-js.
 */
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
} from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';

/** From this run on a document is compiled. */
const COMPILED_FROM = 3;
/** Characters; compiling takes its time, and what is longer has its values written out. */
const LONGEST_COMPILED = 20_000;

/** What is known of one operation of a document. */
interface Known {
  runs: number;
  /** Null: not yet, or it can't be. */
  compiled: CompiledQuery | null;
}

export class Executor {
  readonly schema: GraphQLSchema;
  /** By document, then by the operation's name. Documents are kept by whoever prepares them. */
  readonly #known = new WeakMap<DocumentNode, Map<string, Known>>();

  constructor(schema: GraphQLSchema) {
    this.schema = schema;
  }

  /** As graphql-js's `execute`; the document must be valid, and known by the same object when it comes again. */
  readonly execute = (args: ExecutionArgs): Promise<ExecutionResult> | ExecutionResult => {
    const compiled = this.#compiled(args.document, args.operationName ?? '');
    if (compiled === null) return execute(args);
    const result = compiled.query(args.rootValue, args.contextValue, args.variableValues ?? {});
    return 'then' in result ? result.then((one) => settle(one, args)) : settle(result, args);
  };

  /** As graphql-js's `subscribe`: each event runs the operation with itself as root. */
  readonly subscribe = async (
    args: ExecutionArgs,
  ): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult> => {
    const events = await createSourceEventStream(args);
    if (!(Symbol.asyncIterator in events)) return events;
    return new ResultStream(events[Symbol.asyncIterator](), (event) =>
      this.execute({ ...args, rootValue: event }),
    );
  };

  #compiled(document: DocumentNode, name: string): CompiledQuery | null {
    let operations = this.#known.get(document);
    if (operations === undefined) {
      operations = new Map();
      this.#known.set(document, operations);
    }
    const known = operations.get(name) ?? { runs: 0, compiled: null };
    operations.set(name, known);
    known.runs += 1;
    if (known.runs === COMPILED_FROM) known.compiled = this.#compile(document, name);
    return known.compiled;
  }

  #compile(document: DocumentNode, name: string): CompiledQuery | null {
    if ((document.loc?.end ?? 0) > LONGEST_COMPILED) return null;
    try {
      const compiled = compileQuery(this.schema, document, name, { disablingCapturingStackErrors: true });
      return isCompiledQuery(compiled) ? compiled : null;
    } catch {
      // What the compiler does not know of.
      return null;
    }
  }
}

/** What comes of each event. Thousands of these wait at a time: no frames of async functions, and few closures. */
class ResultStream implements AsyncIterableIterator<ExecutionResult> {
  readonly #events: AsyncIterator<unknown>;
  readonly #resultOf: (event: unknown) => ExecutionResult | Promise<ExecutionResult>;

  constructor(
    events: AsyncIterator<unknown>,
    resultOf: (event: unknown) => ExecutionResult | Promise<ExecutionResult>,
  ) {
    this.#events = events;
    this.#resultOf = resultOf;
  }

  next(): Promise<IteratorResult<ExecutionResult>> {
    return this.#events.next().then(this.#take);
  }

  readonly #take = async ({
    value,
    done = false,
  }: IteratorResult<unknown>): Promise<IteratorResult<ExecutionResult>> =>
    done ? { value: undefined, done } : { value: await this.#resultOf(value), done };

  async return(): Promise<IteratorResult<ExecutionResult>> {
    await this.#events.return?.();
    return { value: undefined, done: true };
  }

  async throw(reason: unknown): Promise<IteratorResult<ExecutionResult>> {
    await this.return();
    throw reason;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function settle(result: ExecutionResult, args: ExecutionArgs): Promise<ExecutionResult> | ExecutionResult {
  if (result.errors === undefined) return result;
  // Nothing has run: the variables do not fit. graphql-js says why in its own words.
  if (!('data' in result)) return execute(args);
  // In graphql-js's order: answers that must look the same do.
  return { errors: result.errors.map((error) => asOwn(error, args.document)), data: result.data ?? null };
}

/** The compiler has a class of its own for errors. */
function asOwn(error: GraphQLError, document: DocumentNode): GraphQLError {
  const source = document.loc?.source ?? null;
  const positions =
    source === null
      ? null
      : (error.locations?.map(({ line, column }) => {
          let offset = 0;
          for (let left = line - 1; left > 0; left--) offset = source.body.indexOf('\n', offset) + 1;
          return offset + column - 1;
        }) ?? null);
  return new GraphQLError(error.message, {
    source,
    positions,
    path: error.path ?? null,
    originalError: error.originalError ?? null,
  });
}
