/** The operations that these tests send, with the types of what comes back. */
import { type DocumentNode, parse, print } from 'graphql';

export interface SeenJob {
  readonly __typename: 'FaceSwapJob';
  readonly id: string;
  readonly status: string;
  readonly version: number;
  readonly queuePosition: number | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
  readonly providerId: string | null;
  readonly providerJobId: string | null;
  readonly result: { readonly url: string; readonly providerUrl: string; readonly archived: boolean } | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly providerCode: number | null;
    readonly retryable: boolean;
  } | null;
  readonly history: readonly { readonly version: number; readonly status: string; readonly source: string }[];
}

export interface Image {
  readonly path: string;
  readonly opts?: string | null;
}

export interface SubmitInput {
  readonly sourceImage: readonly Image[];
  readonly targetImage: readonly Image[];
  readonly faceEnhance?: boolean;
  readonly singleFaceMode?: boolean;
  readonly detectOpts?: boolean;
  readonly idempotencyKey?: string;
}

/** A document that knows what it answers (the shape that Apollo Client and urql infer their types from). */
export interface Operation<Data, Variables> extends DocumentNode {
  readonly __apiType?: (variables: Variables) => Data;
}

export const JOB_FIELDS = /* GraphQL */ `
  fragment JobFields on Job {
    __typename
    id
    status
    version
    queuePosition
    createdAt
    updatedAt
    finishedAt
    providerId
    providerJobId
    result { url providerUrl archived }
    error { code message providerCode retryable }
    history { version status source }
  }
`;

export const SUBMIT: Operation<
  { submitFaceSwap: { deduplicated: boolean; job: SeenJob } },
  { input: SubmitInput }
> = parse(/* GraphQL */ `
  mutation SubmitFaceSwap($input: SubmitFaceSwapInput!) {
    submitFaceSwap(input: $input) { deduplicated job { ...JobFields } }
  }
  ${JOB_FIELDS}
`);

export const JOB: Operation<{ job: SeenJob | null }, { id: string }> = parse(/* GraphQL */ `
  query Job($id: ID!) { job(id: $id) { ...JobFields } }
  ${JOB_FIELDS}
`);

export interface Page {
  readonly edges: readonly { readonly cursor: string; readonly node: SeenJob }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

export const JOBS: Operation<
  { jobs: Page },
  {
    first?: number;
    after?: string | null;
    last?: number;
    before?: string | null;
    filter?: { status?: string[]; createdAfter?: string; createdBefore?: string };
  }
> = parse(/* GraphQL */ `
  query Jobs($first: Int, $after: String, $last: Int, $before: String, $filter: JobFilter) {
    jobs(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
      edges { cursor node { ...JobFields } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
  ${JOB_FIELDS}
`);

export const CANCEL: Operation<{ cancelJob: SeenJob }, { id: string }> = parse(/* GraphQL */ `
  mutation CancelJob($id: ID!) { cancelJob(id: $id) { ...JobFields } }
  ${JOB_FIELDS}
`);

export const JOB_UPDATED: Operation<{ jobUpdated: SeenJob }, { id: string; afterVersion?: number }> =
  parse(/* GraphQL */ `
  subscription JobUpdated($id: ID!, $afterVersion: Int) {
    jobUpdated(id: $id, afterVersion: $afterVersion) { ...JobFields }
  }
  ${JOB_FIELDS}
`);

export const JOBS_UPDATED: Operation<{ jobsUpdated: SeenJob }, Record<string, never>> = parse(/* GraphQL */ `
  subscription JobsUpdated { jobsUpdated { ...JobFields } }
  ${JOB_FIELDS}
`);

const texts = new WeakMap<DocumentNode, string>();

/** The document as text; printed once. */
export function textOf(document: DocumentNode): string {
  const text = texts.get(document) ?? print(document);
  texts.set(document, text);
  return text;
}
