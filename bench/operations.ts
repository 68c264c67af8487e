/** The operations sent to every contender: as documents, and as the responses that all must give. */

export const JOB = `query Job($id: ID!) {
  job(id: $id) {
    id status version createdAt updatedAt finishedAt providerId
    result { url providerUrl providerUrlExpiresAt archived }
    error { code message retryable }
    ... on FaceSwapJob { sourceImage { path opts } targetImage { path opts } modelName faceEnhance singleFaceMode }
  }
}`;

export const PAGE_SIZE = 50;

export const JOBS = `query Jobs($first: Int) {
  jobs(first: $first) {
    edges { node { id status version createdAt updatedAt finishedAt result { url } error { code message } } }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** Fragments, directives and an omitted variable: what compilers of documents have answered wrongly. */
export const DIRECTIVES = `query Directives($id: ID!, $no: Boolean!, $yes: Boolean = true) {
  job(id: $id) {
    ...Life @include(if: $no) ...Life
    ... @skip(if: $yes) { result { url archived } }
    ... on FaceSwapJob @include(if: $yes) { sourceImage { path @skip(if: $no) opts @include(if: $no) } }
    error @include(if: $yes) { code } error { message @skip(if: $yes) retryable }
  }
  again: job(id: $id) { ...Life @skip(if: $no) }
}
fragment Life on Job { id status @include(if: $yes) ... @skip(if: $no) { version } finishedAt @skip(if: $yes) }`;

export const SUBMIT = `mutation Submit($input: SubmitFaceSwapInput!) {
  submitFaceSwap(input: $input) { job { id status version providerId error { code message } } deduplicated }
}`;

export const FOLLOW = `subscription Follow($id: ID!) {
  jobUpdated(id: $id) { id status version updatedAt result { url } error { code message } }
}`;

/** With every field: one server does not know that a default makes an input field optional. */
export function submitInput(n: number): object {
  return {
    sourceImage: [{ path: `https://pictures.example.com/new-faces/${n}.jpg` }],
    targetImage: [{ path: `https://pictures.example.com/originals/${n}.jpg` }],
    modelName: 'AKOOL_FACESWAP_IMAGE_HQ',
    faceEnhance: true,
    singleFaceMode: false,
    detectOpts: false,
  };
}
