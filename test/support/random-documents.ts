/** Random valid GraphQL documents with fragments, inline fragments, directives and variables. */
import * as fc from 'fast-check';
import {
  doTypesOverlap,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isUnionType,
} from 'graphql';

export interface RandomDocument {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export type RootField = 'job' | 'jobs' | 'jobUpdated';

/** Levels of selections below a root field. */
const MAX_DEPTH = 5;
const MAX_SELECTIONS = 4;
const MAX_FRAGMENTS = 6;
const BOOLEANS = ['a', 'b', 'c'] as const;

/** @param ids of the jobs that documents query */
export function randomDocuments(
  schema: GraphQLSchema,
  ids: readonly string[],
): fc.Arbitrary<RandomDocument & { readonly isSubscription: boolean }> {
  return fc
    .gen()
    .map((random) => new Writer(schema, ids, (most) => random(fc.nat, { max: most })).document());
}

class Writer {
  readonly #schema: GraphQLSchema;
  readonly #ids: readonly string[];
  /** Returns a number from 0 to the given one. */
  readonly #upTo: (most: number) => number;
  /** By name; each is written before it is spread, so none contains itself. */
  readonly #fragments = new Map<string, { readonly on: GraphQLCompositeType; readonly text: string }>();
  readonly #declared = new Map<string, string>();
  readonly #variables: Record<string, unknown> = {};

  constructor(schema: GraphQLSchema, ids: readonly string[], upTo: (most: number) => number) {
    this.#schema = schema;
    this.#ids = ids;
    this.#upTo = upTo;
  }

  document(): RandomDocument & { readonly isSubscription: boolean } {
    const isSubscription = this.#upTo(3) === 0;
    const operation = isSubscription ? this.#subscription() : this.#query();
    const declared = [...this.#declared].map(([name, type]) => `$${name}: ${type}`).join(', ');
    const fragments = [...this.#fragments].map(([name, { on, text }]) => `fragment ${name} on ${on} ${text}`);
    return {
      isSubscription,
      query: [
        `${isSubscription ? 'subscription' : 'query'}${declared && ` (${declared})`} ${operation}`,
        ...fragments,
      ].join('\n'),
      variables: this.#variables,
    };
  }

  /** A subscription's root field takes no directive: which field it is must not depend on variables. */
  #subscription(): string {
    return `{ ${this.#call(this.#upTo(this.#ids.length - 1), 'jobUpdated')} }`;
  }

  #query(): string {
    const fields = Array.from({ length: 1 + this.#upTo(2) }, () => {
      const n = this.#upTo(this.#ids.length);
      const field =
        n === this.#ids.length
          ? `jobs(first: ${this.#ids.length}) ${this.#selectionSet(this.#type('JobConnection'))}`
          : this.#call(n, 'job');
      return this.#upTo(2) === 0 ? `...${this.#directives()} { ${field} }` : `${field}`;
    });
    return `{ ${fields.join(' ')} }`;
  }

  /** Under one alias per id: two calls with the same alias must be identical. */
  #call(n: number, field: 'job' | 'jobUpdated'): string {
    const selection = this.#selectionSet(this.#type('Job'));
    if (this.#upTo(1) === 0) return `job${n}: ${field}(id: "${this.#ids[n]}") ${selection}`;
    this.#declare(`id${n}`, 'ID!', this.#ids[n]);
    return `jobOf${n}: ${field}(id: $id${n}) ${selection}`;
  }

  #selectionSet(type: GraphQLCompositeType, depth = MAX_DEPTH): string {
    const selections = Array.from({ length: 1 + this.#upTo(MAX_SELECTIONS - 1) }, () => {
      switch (depth > 0 ? this.#upTo(3) : 0) {
        case 2:
          return this.#inlineFragment(type, depth - 1);
        case 3:
          return this.#spread(type, depth - 1);
        default:
          return this.#field(type, depth - 1);
      }
    });
    return `{ ${selections.join(' ')} }`;
  }

  #field(type: GraphQLCompositeType, depth: number): string {
    if (isUnionType(type)) return `__typename${this.#directives()}`;
    const fields = Object.values(type.getFields()).filter(
      (field) => field.args.length === 0 && (depth > 0 || !isCompositeType(getNamedType(field.type))),
    );
    const field = fields[this.#upTo(fields.length)];
    if (field === undefined) return `__typename${this.#directives()}`;
    const inner = getNamedType(field.type);
    const selection = isCompositeType(inner) ? ` ${this.#selectionSet(inner, depth)}` : '';
    return `${field.name}${this.#directives()}${selection}`;
  }

  #inlineFragment(type: GraphQLCompositeType, depth: number): string {
    if (this.#upTo(2) === 0) return `...${this.#directives()} ${this.#selectionSet(type, depth)}`;
    const on = this.#overlapping(type);
    return `... on ${on}${this.#directives()} ${this.#selectionSet(on, depth)}`;
  }

  /** Spreads the same fragment repeatedly, which is where a compiler's shortcuts show. */
  #spread(type: GraphQLCompositeType, depth: number): string {
    const known = [...this.#fragments].filter(([, { on }]) => doTypesOverlap(this.#schema, type, on));
    const n = this.#upTo(known.length);
    const name = known[n]?.[0] ?? this.#newFragment(this.#overlapping(type), depth);
    return `...${name}${this.#directives()} ...${name}${this.#directives()}`;
  }

  #newFragment(on: GraphQLCompositeType, depth: number): string {
    const text = this.#selectionSet(on, Math.min(depth, MAX_FRAGMENTS - this.#fragments.size));
    const name = `F${this.#fragments.size}`;
    this.#fragments.set(name, { on, text });
    return name;
  }

  /** Never `Upload`: no job is one, and its fields conflict with those of jobs below the same `Node`. */
  #overlapping(type: GraphQLCompositeType): GraphQLCompositeType {
    const types = Object.values(this.#schema.getTypeMap()).filter(
      (one): one is GraphQLCompositeType =>
        isCompositeType(one) &&
        doTypesOverlap(this.#schema, type, one) &&
        !one.name.startsWith('__') &&
        one.name !== 'Upload',
    );
    return types[this.#upTo(types.length - 1)] ?? type;
  }

  #directives(): string {
    const one = (name: string) => ` @${name}(if: ${this.#boolean()})`;
    switch (this.#upTo(5)) {
      case 0:
        return one('include');
      case 1:
        return one('skip');
      case 2:
        return one('include') + one('skip');
      default:
        return '';
    }
  }

  #boolean(): string {
    const n = this.#upTo(BOOLEANS.length + 1);
    const name = BOOLEANS[n];
    if (name === undefined) return String(n === BOOLEANS.length);
    if (!this.#declared.has(name)) this.#declare(name, 'Boolean!', this.#upTo(1) === 0);
    return `$${name}`;
  }

  #declare(name: string, type: string, value: unknown): void {
    this.#declared.set(name, type);
    this.#variables[name] = value;
  }

  #type(name: string): GraphQLCompositeType {
    const type = this.#schema.getType(name);
    if (!isCompositeType(type)) throw new Error(`The schema has no ${name}`);
    return type;
  }
}
