/** Takes the fields of jobs from Apollo's cache where that is newer than an answer. */
import type { ApolloLink } from '@apollo/client';
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { isJob, type JobState } from './jobs-in.js';

type Selected = readonly SelectionSetNode[];
type Fragments = readonly FragmentDefinitionNode[];

/**
 * Returns the data of an answer with each job as the cache knows it, if that is a newer version. Fields that the cache
 * does not have stay as they are in the answer, as if that had come in time.
 */
export function withCachedJobs<Data>(data: Data, { query, variables, client }: ApolloLink.Operation): Data {
  const { definitions } = query;
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const operations = definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);

  const newest = (value: unknown, selected: Selected): unknown => {
    if (Array.isArray(value)) return value.map((entry) => newest(entry, selected));
    if (!isObject(value)) return value;
    if (isJob(value)) return newestOf(value, selected);
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, child]) => [key, newest(child, selectedOf(key, selected, fragments))]),
    );
  };
  const newestOf = (job: JobState, selected: Selected): JobState => {
    const id = client.cache.identify({ ...job });
    if (id === undefined) return job;
    const fragment = fragmentOf(job, selected, fragments);
    const options = {
      id,
      fragment,
      fragmentName: FRAGMENT_NAME,
      variables,
      returnPartialData: true,
    } as const;
    const cached = client.cache.readFragment<Partial<JobState>>(options);
    return (cached?.version ?? 0) > job.version ? overlaid(job, cached) : job;
  };
  const roots = operations.map(({ selectionSet }) => selectionSet);
  return newest(data, roots) as Data;
}

const FRAGMENT_NAME = 'JobAsCached';

/** What an operation selects of one of its jobs, as a document of its own. */
function fragmentOf(job: JobState, selected: Selected, fragments: Fragments): DocumentNode {
  const name = (value: string) => ({ kind: Kind.NAME, value }) as const;
  const definition: FragmentDefinitionNode = {
    kind: Kind.FRAGMENT_DEFINITION,
    name: name(FRAGMENT_NAME),
    typeCondition: { kind: Kind.NAMED_TYPE, name: name(job.__typename) },
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: selected.flatMap(({ selections }) => selections),
    },
  };
  return { kind: Kind.DOCUMENT, definitions: [definition, ...fragments] };
}

/** What is selected, in all places, of the field that an answer has as `key`. */
function selectedOf(key: string, sets: Selected, fragments: Fragments): Selected {
  const ofSelection = (selection: SelectionNode): Selected => {
    switch (selection.kind) {
      case Kind.FIELD: {
        const { alias, name, selectionSet } = selection;
        return (alias ?? name).value === key && selectionSet !== undefined ? [selectionSet] : [];
      }
      case Kind.INLINE_FRAGMENT:
        return selectedOf(key, [selection.selectionSet], fragments);
      case Kind.FRAGMENT_SPREAD: {
        const spread = fragments.filter(({ name }) => name.value === selection.name.value);
        const spreadSets = spread.map(({ selectionSet }) => selectionSet);
        return selectedOf(key, spreadSets, fragments);
      }
    }
  };
  return sets.flatMap(({ selections }) => selections.flatMap(ofSelection));
}

/** `older` with the fields of `newer` in place of its own. */
function overlaid<Fields extends object>(older: Fields, newer: object | null): Fields {
  const fields = { ...older } as Record<string, unknown>;
  for (const [key, value] of Object.entries(newer ?? {})) {
    const own = fields[key];
    fields[key] = isObject(own) && isObject(value) ? overlaid(own, value) : value;
  }
  return fields as Fields;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
