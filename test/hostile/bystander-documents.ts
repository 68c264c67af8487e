/** The bystander's documents, which a gateway with trusted documents must know. */
export const LIST = 'query List { jobs(first: 10) { edges { node { id status version } } } }';
export const SUBMIT = `mutation Submit($input: SubmitFaceSwapInput!) { submitFaceSwap(input: $input) { job { id } } }`;

/** Its jobs that have failed or not yet ended. */
export const NOT_COMPLETED = `query NotCompleted { jobs(first: 100, filter: { status:
  [WAITING, SUBMITTING, UNCONFIRMED, QUEUED, PROCESSING, FAILED, CANCELED] }) {
  edges { node { status error { code } } } } }`;

export const BYSTANDER_DOCUMENTS: Readonly<Record<string, string>> = {
  list: LIST,
  submit: SUBMIT,
  notCompleted: NOT_COMPLETED,
};
