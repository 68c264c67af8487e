/**
 * How much an operation may ask for. Counted on the parsed document before it is validated, because validation
 * itself takes quadratic time on what a hostile query looks like.
 */
import { type DocumentNode, GraphQLError, Kind, type SelectionSetNode } from 'graphql';

export interface QueryLimits {
  /** Lexical tokens of the document. */
  readonly tokens: number;
  /** Levels of fields. */
  readonly depth: number;
  readonly aliases: number;
  /** Fields of all operations, fragments spread out. */
  readonly fields: number;
  /** Fields times the sizes of the pages that they are in. */
  readonly cost: number;
}

/** Room for the introspection query of tools, and for a mutation with 100 pictures written out. */
export const DEFAULT_LIMITS: QueryLimits = {
  tokens: 4000,
  depth: 16,
  aliases: 50,
  fields: 500,
  cost: 10_000,
};

interface Weight {
  readonly depth: number;
  readonly aliases: number;
  readonly fields: number;
  readonly cost: number;
}

const NOTHING: Weight = { depth: 0, aliases: 0, fields: 0, cost: 0 };
/** Of a list without `first` or `last`: the page size unless told, and about the length of a history. */
const LIST_FIELDS: ReadonlyMap<string, number> = new Map([
  ['jobs', 20],
  ['history', 8],
]);
const LARGEST_PAGE = 100;

/** The first limit that the document breaks, as an error; null when it keeps to all. */
export function brokenLimit(document: DocumentNode, limits: QueryLimits): GraphQLError | null {
  const weight = weigh(document);
  for (const name of ['depth', 'aliases', 'fields', 'cost'] as const) {
    if (weight[name] > limits[name]) {
      return new OverLimitError(`The query is too large: its ${name} is over the limit of ${limits[name]}.`);
    }
  }
  return null;
}

class OverLimitError extends GraphQLError {
  constructor(message: string) {
    super(message, { extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400 } } });
  }
}

export function isOverLimit(error: GraphQLError): boolean {
  return error instanceof OverLimitError;
}

function weigh(document: DocumentNode): Weight {
  const fragments = new Map<string, SelectionSetNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition.selectionSet);
    }
  }
  // A fragment is weighed once, however often it is spread: else a few lines could take for ever.
  const weighed = new Map<string, Weight>();
  const ofFragment = (name: string): Weight => {
    const known = weighed.get(name);
    if (known !== undefined) return known;
    // Also ends circles, which validation refuses afterwards.
    weighed.set(name, NOTHING);
    const selection = fragments.get(name);
    const weight = selection === undefined ? NOTHING : ofSelection(selection);
    weighed.set(name, weight);
    return weight;
  };
  const ofSelection = ({ selections }: SelectionSetNode): Weight =>
    selections.map(ofOne).reduce(together, NOTHING);
  const ofOne = (selection: SelectionSetNode['selections'][number]): Weight => {
    switch (selection.kind) {
      case Kind.FRAGMENT_SPREAD:
        return ofFragment(selection.name.value);
      case Kind.INLINE_FRAGMENT:
        return ofSelection(selection.selectionSet);
      case Kind.FIELD: {
        const inside = selection.selectionSet === undefined ? NOTHING : ofSelection(selection.selectionSet);
        return {
          depth: inside.depth + 1,
          aliases: inside.aliases + (selection.alias === undefined ? 0 : 1),
          fields: inside.fields + 1,
          cost: 1 + inside.cost * pageSize(selection),
        };
      }
    }
  };
  return document.definitions
    .map((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION ? ofSelection(definition.selectionSet) : NOTHING,
    )
    .reduce(together, NOTHING);
}

function together(a: Weight, b: Weight): Weight {
  return {
    depth: Math.max(a.depth, b.depth),
    aliases: a.aliases + b.aliases,
    fields: a.fields + b.fields,
    cost: a.cost + b.cost,
  };
}

type FieldLike = Extract<SelectionSetNode['selections'][number], { kind: typeof Kind.FIELD }>;

/** A page size that is a variable counts as the largest: what it will be is not known yet. */
function pageSize(field: FieldLike): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue;
    return value.kind === Kind.INT ? Math.min(LARGEST_PAGE, Math.max(1, Number(value.value))) : LARGEST_PAGE;
  }
  return LIST_FIELDS.get(field.name.value) ?? 1;
}
