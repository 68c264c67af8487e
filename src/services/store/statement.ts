/**
 * A frequently used statement, built and compiled once per database, because building costs several times as much as
 * running.
 */
import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { Tables } from './tables.js';

/** Stands for the value of this name while the statement is built. */
class Placeholder {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

export class Statement<Values extends object, Row> {
  readonly #build: (db: Kysely<Tables>, values: Values) => Compilable<Row>;
  /** Keyed by the adapter, which a database shares with its transactions. */
  readonly #compiled = new WeakMap<object, CompiledQuery<Row>>();

  /** @param build gets placeholders instead of the values, and must not inspect them */
  constructor(build: (db: Kysely<Tables>, values: Values) => Compilable<Row>) {
    this.#build = build;
  }

  run(db: Kysely<Tables>, values: Values): Promise<QueryResult<Row>> {
    const query = this.#compile(db);
    return db.executeQuery({
      ...query,
      parameters: query.parameters.map((one) =>
        one instanceof Placeholder ? Reflect.get(values, one.name) : one,
      ),
    });
  }

  /** Returns the rows. */
  async rows(db: Kysely<Tables>, values: Values): Promise<Row[]> {
    return (await this.run(db, values)).rows;
  }

  #compile(db: Kysely<Tables>): CompiledQuery<Row> {
    const { adapter } = db.getExecutor();
    const known = this.#compiled.get(adapter);
    if (known !== undefined) return known;
    const placeholders = new Proxy({} as Values, { get: (_, name) => new Placeholder(name) });
    const query = this.#build(db, placeholders).compile();
    this.#compiled.set(adapter, query);
    return query;
  }
}

/** Returns the row of a statement that always returns one. */
export function only<Row>([row]: readonly Row[]): Row {
  if (row === undefined) throw new Error('a statement returned no row');
  return row;
}
