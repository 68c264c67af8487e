/** Notes the queries of a store that are run, so that their plans can be asked for. */
import type { KyselyPlugin, RootOperationNode } from 'kysely';

export class QueryRecorder implements KyselyPlugin {
  /** Those that were run, in order. */
  readonly queries: RootOperationNode[] = [];
  readonly #built = new WeakMap<object, RootOperationNode>();

  transformQuery({ queryId, node }: Parameters<KyselyPlugin['transformQuery']>[0]): RootOperationNode {
    this.#built.set(queryId, node);
    return node;
  }

  /** Parts of a query are built as well, but run with the whole alone. */
  async transformResult({ queryId, result }: Parameters<KyselyPlugin['transformResult']>[0]) {
    const node = this.#built.get(queryId);
    if (node !== undefined) this.queries.push(node);
    return result;
  }
}
