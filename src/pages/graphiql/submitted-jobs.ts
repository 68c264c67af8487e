import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
} from 'graphql';
import type { ExecutionResult } from 'graphql-ws';

/** A job that a mutation has submitted. */
export interface SubmittedJob {
  /** Where its submit is in the answer: the name of the field, or its alias. Made up if the answer does not say. */
  readonly key: string;
  /** Undefined if the document does not select it. */
  readonly id: string | undefined;
}

/** Finds the jobs in the answer to a mutation, whatever the aliases and fragments of its document. */
export function submittedJobs(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  { data, errors }: ExecutionResult,
): readonly SubmittedJob[] {
  if (operation.operation !== 'mutation') return [];
  if (!isObject(data)) {
    // One of several mutations has failed. Each error names the jobs of the others: docs/errors.md.
    const jobIds: unknown = errors?.[0]?.extensions?.['jobIds'];
    return Array.isArray(jobIds) ? jobIds.map((id, index) => ({ key: `job_${index + 1}`, id })) : [];
  }
  const fragments = new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  );
  const ids = new Map<string, string | undefined>();
  for (const submit of fieldsIn(operation.selectionSet.selections, fragments)) {
    const key = keyOf(submit);
    if (!submit.name.value.startsWith('submit') || !isObject(data[key])) continue;
    const found = valuesAt(['job', 'id'], submit, data[key], fragments);
    // A key may occur several times; the answer has all of its selections.
    ids.set(key, ids.get(key) ?? found.find((value) => typeof value === 'string'));
  }
  return [...ids].map(([key, id]) => ({ key, id }));
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The values of an answer that a path of field names leads to. */
function valuesAt(
  path: readonly string[],
  field: FieldNode,
  value: unknown,
  fragments: Fragments,
): unknown[] {
  const [name, ...rest] = path;
  if (name === undefined) return [value];
  if (!isObject(value)) return [];
  return fieldsIn(field.selectionSet?.selections ?? [], fragments)
    .filter((child) => child.name.value === name)
    .flatMap((child) => valuesAt(rest, child, value[keyOf(child)], fragments));
}

/** The fields of a selection, including those in its fragments. */
function fieldsIn(selections: readonly SelectionNode[], fragments: Fragments): FieldNode[] {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection];
    const fragment =
      selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
    return fieldsIn(fragment?.selectionSet.selections ?? [], fragments);
  });
}

function keyOf({ alias, name }: FieldNode): string {
  return (alias ?? name).value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
