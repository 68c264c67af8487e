/**
 * A statement that is run all the time, built and compiled once for each database: building one costs several
 * times what running it does. Its parameters are given by name.
 */
import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { Tables } from './tables.js';

/** Stands for a value while the statement is built. */
class Parameter {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** The place of a value of this name and type. */
export type Place = <T>(name: string) => T;

const place: Place = <T>(name: string) => new Parameter(name) as T;

interface Compiled<Row> {
  readonly query: CompiledQuery<Row>;
  /** Of each parameter, in order: its name, or the value that is part of the statement. */
  readonly parameters: readonly unknown[];
}

export class Statement<Row> {
  readonly #build: (db: Kysely<Tables>, place: Place) => Compilable<Row>;
  /** By what a database and its transactions have in common. */
  readonly #compiled = new WeakMap<object, Compiled<Row>>();

  constructor(build: (db: Kysely<Tables>, place: Place) => Compilable<Row>) {
    this.#build = build;
  }

  /** @param values of all its parameters */
  run(db: Kysely<Tables>, values: Readonly<Record<string, unknown>>): Promise<QueryResult<Row>> {
    const { query, parameters } = this.#compile(db);
    return db.executeQuery({
      ...query,
      parameters: parameters.map((one) => (one instanceof Parameter ? values[one.name] : one)),
    });
  }

  /** The rows that it gives. */
  async rows(db: Kysely<Tables>, values: Readonly<Record<string, unknown>>): Promise<Row[]> {
    return (await this.run(db, values)).rows;
  }

  #compile(db: Kysely<Tables>): Compiled<Row> {
    const { adapter } = db.getExecutor();
    const known = this.#compiled.get(adapter);
    if (known !== undefined) return known;
    const query = this.#build(db, place).compile();
    const compiled = { query, parameters: query.parameters };
    this.#compiled.set(adapter, compiled);
    return compiled;
  }
}

/** The row of a statement that always gives one. */
export function only<Row>([row]: readonly Row[]): Row {
  if (row === undefined) throw new Error('a statement gave no row');
  return row;
}
