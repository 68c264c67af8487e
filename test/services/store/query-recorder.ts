/** Records the queries that a store runs, so that their plans can be examined. */
import type { KyselyPlugin, RootOperationNode } from 'kysely';

export class QueryRecorder implements KyselyPlugin {
  /** Executed queries, in order. */
  readonly queries: RootOperationNode[] = [];
  readonly #built = new WeakMap<object, RootOperationNode>();

  transformQuery({ queryId, node }: Parameters<KyselyPlugin['transformQuery']>[0]): RootOperationNode {
    this.#built.set(queryId, node);
    return node;
  }

  /** Subqueries are built as well, but executed only as part of the whole. */
  async transformResult({ queryId, result }: Parameters<KyselyPlugin['transformResult']>[0]) {
    const node = this.#built.get(queryId);
    if (node !== undefined) this.queries.push(node);
    return result;
  }
}
