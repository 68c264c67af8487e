/** The operations used by these tests: typed documents, generated from test/operations by codegen.yml. */
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type DocumentNode, print } from 'graphql';
import {
  type JobFieldsFragment,
  JobFieldsFragmentDoc,
  type JobsChangedSubscription,
  type JobsQuery,
  type SubmitFaceSwapInput,
} from '../generated/operations.js';

export {
  CancelJobDocument as CANCEL,
  JobDocument as JOB,
  JobsChangedDocument as JOBS_CHANGED,
  JobsDocument as JOBS,
  JobsUpdatedDocument as JOBS_UPDATED,
  JobUpdatedDocument as JOB_UPDATED,
  SubmitFaceSwapDocument as SUBMIT,
} from '../generated/operations.js';

export type Operation<Data, Variables> = TypedDocumentNode<Data, Variables>;
export type SeenJob = JobFieldsFragment;
export type SubmitInput = SubmitFaceSwapInput;
export type Image = SubmitInput['sourceImage'][number];
export type Page = JobsQuery['jobs'];
export type SeenChange = JobsChangedSubscription['jobsChanged'];

/** For a test's own documents. */
export const JOB_FIELDS = print(JobFieldsFragmentDoc);

const texts = new WeakMap<DocumentNode, string>();

/** The document as text, printed once and cached. */
export function textOf(document: DocumentNode): string {
  const text = texts.get(document) ?? print(document);
  texts.set(document, text);
  return text;
}
