/**
 * Limits what an operation may ask for. Checked on the parsed document before validation, because validation takes
 * quadratic time for hostile documents.
 */
import { type DocumentNode, type FieldNode, GraphQLError, Kind, type SelectionSetNode } from 'graphql';
import { MAX_FACES, MAX_IMAGES } from '../services/jobs/job-request.js';
import { MAX_PAGE_SIZE } from '../services/jobs/job-store.js';

export interface QueryLimits {
  /** UTF-16 units of the document's text. */
  readonly characters: number;
  /** Lines of the document's text: each may be a comment, which stays in memory with the document. */
  readonly lines: number;
  /** Lexical tokens of the document, without comments. */
  readonly tokens: number;
  /** Operations and fragments. */
  readonly definitions: number;
  /** Variables that one operation declares. */
  readonly variables: number;
  /** Fields, fragment spreads and inline fragments, as written. */
  readonly selections: number;
  /** Fields with arguments, as written: comparing them is the slowest part of validation. */
  readonly calls: number;
  /** Levels of fields. */
  readonly depth: number;
  readonly aliases: number;
  /** Fields of all operations, with fragments expanded. */
  readonly fields: number;
  /** Fields, weighted by their cost, times the sizes of the lists that contain them. */
  readonly cost: number;
  /** Values in the variables, including those inside lists and objects. */
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

/** Counts for one part of a document. Parts are added up, except for the depth, where the maximum counts. */
interface Weight {
  readonly depth: number;
  readonly aliases: number;
  readonly fields: number;
  readonly cost: number;
}

const NOTHING: Weight = { depth: 0, aliases: 0, fields: 0, cost: 0 };
const WEIGHED = ['depth', 'aliases', 'fields', 'cost'] as const;

/** The length of a list without `first` or `last`: its maximum, or an estimate if there is none. */
const LIST_FIELDS: ReadonlyMap<string, number> = new Map([
  ['jobs', 20],
  ['uploads', 20],
  ['history', 8],
  ['sourceImage', MAX_IMAGES],
  ['targetImage', MAX_IMAGES],
  ['faceMapping', MAX_FACES],
  ['frames', 10],
  ['faces', 8],
  ['landmarks', 6],
]);
/** A field that is read from the database for each job costs as much as this many fields that come with the job. */
const LOOKED_UP: ReadonlySet<string> = new Set(['queuePosition', 'history', 'metadata']);
const LOOK_UP_COST = 10;
/** Introspection of the whole schema is slow; tools need it once, and at most one more type. */
const INTROSPECTION_COST = 20_000;

/** Returns an error for the first limit that the text exceeds before it is parsed; null if there is none. */
export function tooLong(text: string, limits: QueryLimits): GraphQLError | null {
  if (text.length > limits.characters) return overLimit('length', limits.characters);
  return hasMoreLines(text, limits.lines) ? overLimit('text', limits.lines, 'lines') : null;
}

/** Returns an error for the first limit that the document exceeds; null if there is none. */
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

/** Returns the cost of all operations of a valid document. */
export function costOf(document: DocumentNode): number {
  const cost = costs.get(document) ?? weigh(document)[0]?.cost ?? 0;
  costs.set(document, cost);
  return cost;
}

/** Returns an error if the variables contain too many values. Stops counting at the limit. */
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

/** For documents that can't be inspected, because they are nested deeper than the stack allows. */
export function tooDeep(limits: QueryLimits): GraphQLError {
  return overLimit('depth', limits.depth);
}

function overLimit(name: string, limit: number, unit = ''): GraphQLError {
  return new GraphQLError(
    `The query is too large: its ${name} is over the limit of ${`${limit} ${unit}`.trim()}.`,
    { extensions: { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400 } } },
  );
}

/** Stops counting at the limit. */
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

/** Weighs all operations together, and each fragment, because unused fragments take time too. */
function weigh(document: DocumentNode): readonly Weight[] {
  const fragments = new Map<string, SelectionSetNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition.selectionSet);
    }
  }
  // A fragment is weighed once, however often it is spread; otherwise a few lines could take forever.
  const weighed = new Map<string, Weight>();
  const ofFragment = (name: string): Weight => {
    const known = weighed.get(name);
    if (known !== undefined) return known;
    // Also ends cycles, which validation refuses afterwards.
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

/** A page size in a variable counts as the maximum, because its value is not known yet. */
function listSize(field: FieldNode): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value !== 'first' && name.value !== 'last') continue;
    if (value.kind === Kind.NULL) continue;
    return value.kind === Kind.INT
      ? Math.min(MAX_PAGE_SIZE, Math.max(1, Number(value.value)))
      : MAX_PAGE_SIZE;
  }
  return LIST_FIELDS.get(field.name.value) ?? 1;
}
