/**
 * How much an operation may ask for. Counted on the parsed document before it is validated, because validation
 * itself takes quadratic time on what a hostile query looks like.
 */
import { type DocumentNode, type FieldNode, GraphQLError, Kind, type SelectionSetNode } from 'graphql';

export interface QueryLimits {
  /** UTF-16 units of the document's text. */
  readonly characters: number;
  /** Lines of the document's text: each may be a comment, which the document holds on to. */
  readonly lines: number;
  /** Lexical tokens of the document, but for comments. */
  readonly tokens: number;
  /** Operations and fragments. */
  readonly definitions: number;
  /** Variables that one operation declares. */
  readonly variables: number;
  /** Fields, fragment spreads and inline fragments, as written. */
  readonly selections: number;
  /** Fields with arguments, as written: comparing them with each other is what validation is slowest at. */
  readonly calls: number;
  /** Levels of fields. */
  readonly depth: number;
  readonly aliases: number;
  /** Fields of all operations, fragments spread out. */
  readonly fields: number;
  /** Fields, some of them dear, times the sizes of the lists that they are in. */
  readonly cost: number;
  /** Values in the variables, those inside lists and objects included. */
  readonly values: number;
}

/**
 * Room for the introspection query of tools, for a mutation with 100 pictures written out, and for a page of
 * 100 jobs with all their fields and the `__typename`s that clients with a cache add.
 */
export const DEFAULT_LIMITS: QueryLimits = {
  characters: 512 * 1024,
  lines: 10_000,
  tokens: 4000,
  definitions: 100,
  variables: 100,
  selections: 800,
  calls: 60,
  depth: 16,
  aliases: 50,
  fields: 500,
  cost: 50_000,
  values: 5000,
};

/** What is merely a fact of one part of a document; of several parts the sum, of depths the deepest. */
interface Weight {
  readonly depth: number;
  readonly aliases: number;
  readonly fields: number;
  readonly cost: number;
}

const NOTHING: Weight = { depth: 0, aliases: 0, fields: 0, cost: 0 };
const WEIGHED = ['depth', 'aliases', 'fields', 'cost'] as const;

/** How long a list may be that takes no `first` or `last`, or takes none here; about how long where nothing says it. */
const LIST_FIELDS: ReadonlyMap<string, number> = new Map([
  ['jobs', 20],
  ['history', 8],
  ['sourceImage', 50],
  ['targetImage', 50],
  ['faceMapping', 8],
  ['frames', 10],
  ['faces', 8],
  ['landmarks', 6],
]);
const LARGEST_PAGE = 100;
/** What is read from the database for each job costs as much as so many fields that come with it. */
const LOOKED_UP: ReadonlySet<string> = new Set(['queuePosition', 'history']);
const LOOK_UP_COST = 10;
/** The whole schema takes a while to tell: tools ask once, and for one type more at most. */
const INTROSPECTION_COST = 20_000;

/** The first limit that the text breaks before it is parsed; null when it keeps to all. */
export function tooLong(text: string, limits: QueryLimits): GraphQLError | null {
  if (text.length > limits.characters) return overLimit('length', limits.characters);
  return hasMoreLines(text, limits.lines) ? overLimit('text', limits.lines, 'lines') : null;
}

/** The first limit that the document breaks, as an error; null when it keeps to all. */
export function brokenLimit(document: DocumentNode, limits: QueryLimits): GraphQLError | null {
  const { definitions } = document;
  if (definitions.length > limits.definitions) return overLimit('definitions', limits.definitions);
  for (const definition of definitions) {
    const { variableDefinitions = [] } = 'variableDefinitions' in definition ? definition : {};
    if (variableDefinitions.length > limits.variables) return overLimit('variables', limits.variables);
  }
  const written = countWritten(document);
  for (const name of ['selections', 'calls'] as const) {
    if (written[name] > limits[name]) return overLimit(name, limits[name]);
  }
  for (const weight of weigh(document)) {
    for (const name of WEIGHED) if (weight[name] > limits[name]) return overLimit(name, limits[name]);
  }
  return null;
}

const costs = new WeakMap<DocumentNode, number>();

/** What all operations of a valid document cost together. */
export function costOf(document: DocumentNode): number {
  const cost = costs.get(document) ?? weigh(document)[0]?.cost ?? 0;
  costs.set(document, cost);
  return cost;
}

/** An error when the variables hold more values than they may. Looks no further than the limit. */
export function tooManyValues(variables: unknown, limits: QueryLimits): GraphQLError | null {
  const open: unknown[] = [variables];
  let count = 0;
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const inside = Array.isArray(value) ? value : Object.values(value);
    count += inside.length;
    if (count > limits.values) return overLimit('variables', limits.values, 'values');
    open.push(...inside);
  }
  return null;
}

/** What cannot even be looked at, because it is nested deeper than the stack. */
export function tooDeep(limits: QueryLimits): GraphQLError {
  return overLimit('depth', limits.depth);
}

function overLimit(name: string, limit: number, unit = ''): GraphQLError {
  return new GraphQLError(
    `The query is too large: its ${name} is over the limit of ${`${limit} ${unit}`.trim()}.`,
    { extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400 } } },
  );
}

/** Looks no further than it has to. */
function hasMoreLines(text: string, most: number): boolean {
  let breaks = 0;
  for (const mark of ['\n', '\r']) {
    for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + 1)) {
      if (mark === '\n' || text[at + 1] !== '\n') breaks += 1;
      if (breaks >= most) return true;
    }
  }
  return false;
}

function countWritten(document: DocumentNode): { readonly selections: number; readonly calls: number } {
  let selections = 0;
  let calls = 0;
  const open = document.definitions.flatMap((one) => ('selectionSet' in one ? [one.selectionSet] : []));
  for (let set = open.pop(); set !== undefined; set = open.pop()) {
    selections += set.selections.length;
    for (const one of set.selections) {
      if (one.kind === Kind.FIELD && (one.arguments?.length ?? 0) > 0) calls += 1;
      if (one.kind !== Kind.FRAGMENT_SPREAD && one.selectionSet !== undefined) open.push(one.selectionSet);
    }
  }
  return { selections, calls };
}

/** One weight for all operations together, and one for each fragment: those that are not used take time too. */
function weigh(document: DocumentNode): readonly Weight[] {
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
        const isIntrospection = selection.name.value === '__schema' || selection.name.value === '__type';
        return {
          depth: inside.depth + 1,
          aliases: inside.aliases + (selection.alias === undefined ? 0 : 1),
          fields: inside.fields + 1,
          cost: isIntrospection ? INTROSPECTION_COST : ownCost(selection) + inside.cost * listSize(selection),
        };
      }
    }
  };
  const operations = document.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? ofSelection(definition.selectionSet) : NOTHING,
  );
  return [operations.reduce(together, NOTHING), ...[...fragments.keys()].map(ofFragment)];
}

function together(a: Weight, b: Weight): Weight {
  return {
    depth: Math.max(a.depth, b.depth),
    aliases: a.aliases + b.aliases,
    fields: a.fields + b.fields,
    cost: a.cost + b.cost,
  };
}

function ownCost({ name }: FieldNode): number {
  return LOOKED_UP.has(name.value) ? LOOK_UP_COST : 1;
}

/** A page size that is a variable counts as the largest: what it will be is not known yet. */
function listSize(field: FieldNode): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue;
    if (value.kind === Kind.NULL) continue;
    return value.kind === Kind.INT ? Math.min(LARGEST_PAGE, Math.max(1, Number(value.value))) : LARGEST_PAGE;
  }
  return LIST_FIELDS.get(field.name.value) ?? 1;
}
