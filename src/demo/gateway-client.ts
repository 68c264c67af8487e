/** The demo's client for the gateway: like any front end, it uses `fetch` and graphql-ws. */
import { createClient, type FormattedExecutionResult } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { LocalFile } from './local-file.js';
import { DemoError } from './options.js';

/** The parts of a job that the demo shows. */
export interface DemoJob {
  readonly id: string;
  readonly status: string;
  readonly version: number;
  readonly queuePosition: number | null;
  readonly result: { readonly url: string } | null;
  readonly error: { readonly code: string; readonly message: string; readonly retryable: boolean } | null;
}

/** An upload that the gateway expects. */
export interface AnnouncedUpload {
  /** The address to use in a submit. */
  readonly url: string;
  /** Null if the bytes are there already. */
  readonly putUrl: string | null;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface GatewayAddress {
  readonly url: string;
  readonly token: string | null;
}

export interface Pictures {
  readonly source: string;
  readonly target: string;
}

const JOB_FIELDS = 'id status version queuePosition result { url } error { code message retryable }';
const SUBMIT = `mutation Demo($input: SubmitFaceSwapInput!) {
  submitFaceSwap(input: $input) { job { ${JOB_FIELDS} } }
}`;
const CREATE_UPLOAD = `mutation Demo($input: CreateUploadInput!) {
  createUpload(input: $input) { upload { url putUrl headers { name value } } }
}`;
const FOLLOW = `subscription Demo($id: ID!, $afterVersion: Int) {
  jobUpdated(id: $id, afterVersion: $afterVersion) { ${JOB_FIELDS} }
}`;

const PROBE_TIMEOUT_MS = 3000;
const MUTATION_TIMEOUT_MS = 60_000;
/** About two minutes, with graphql-ws's growing pauses between attempts. */
const RECONNECTS = 7;

/** Whether a gateway answers at this address. */
export async function isThere(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Returns the sample pictures of the gateway's GraphiQL page; null if there are none to swap. */
export async function samplePictures(url: string): Promise<Pictures | null> {
  try {
    const response = await fetch(`${url}/graphiql`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const [, json] = /<script[^>]*id="gateway"[^>]*>([^<]*)<\/script>/.exec(await response.text()) ?? [];
    const page = JSON.parse(json ?? 'null') as { sampleSource?: unknown; sampleTarget?: unknown } | null;
    const { sampleSource: source, sampleTarget: target } = page ?? {};
    if (typeof source !== 'string' || typeof target !== 'string') return null;
    // Only the sandbox has pictures of its own; with the real Akool the page shows placeholders.
    return new URL(source).pathname.startsWith('/samples/') ? { source, target } : null;
  } catch {
    return null;
  }
}

/** @throws DemoError if the gateway can't be reached or does not accept the job */
export async function submit(gateway: GatewayAddress, pictures: Pictures): Promise<DemoJob> {
  const input = { sourceImage: [{ path: pictures.source }], targetImage: [{ path: pictures.target }] };
  const { submitFaceSwap } = await mutate<{ submitFaceSwap: { job: DemoJob } }>(gateway, SUBMIT, input);
  return submitFaceSwap.job;
}

/** @throws DemoError if the gateway can't be reached or does not take such a file */
export async function createUpload(gateway: GatewayAddress, file: LocalFile): Promise<AnnouncedUpload> {
  const { name, contentType, byteSize, sha256 } = file;
  const { createUpload } = await mutate<{ createUpload: { upload: AnnouncedUpload } }>(
    gateway,
    CREATE_UPLOAD,
    { contentType, byteSize, sha256 },
    ` ${name}`,
  );
  return createUpload.upload;
}

async function mutate<Data>(
  gateway: GatewayAddress,
  query: string,
  input: object,
  subject = '',
): Promise<Data> {
  let response: Response;
  let answer: FormattedExecutionResult<Data>;
  try {
    response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(gateway.token !== null && { authorization: `Bearer ${gateway.token}` }),
      },
      body: JSON.stringify({ query, variables: { input } }),
      signal: AbortSignal.timeout(MUTATION_TIMEOUT_MS),
    });
  } catch (error) {
    throw new DemoError(`The gateway at ${gateway.url} can't be reached: ${reasonOf(error)}`);
  }
  try {
    answer = (await response.json()) as typeof answer;
  } catch {
    throw new DemoError(
      `What answers at ${gateway.url} is not a face-swap gateway (HTTP ${response.status}).`,
    );
  }
  if (answer.data == null) throw new DemoError(refusal(answer.errors, response.status, subject));
  return answer.data;
}

/**
 * Yields each newer state of the job until it is finished. Reconnects if the connection is lost, and continues after
 * the last version that arrived.
 *
 * @throws DemoError if the gateway refuses, or stays unreachable
 */
export async function* follow(gateway: GatewayAddress, job: DemoJob): AsyncGenerator<DemoJob> {
  const client = createClient({
    url: `${gateway.url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: RECONNECTS,
    shouldRetry: () => true,
    ...(gateway.token !== null && { connectionParams: { authorization: `Bearer ${gateway.token}` } }),
  });
  // graphql-ws sends this object again after each reconnect, so it always holds the latest version.
  const variables = { id: job.id, afterVersion: job.version };
  try {
    for await (const { data, errors } of client.iterate<{ jobUpdated: DemoJob }>({
      query: FOLLOW,
      variables,
    })) {
      if (errors !== undefined) throw new DemoError(refusal(errors, 200));
      if (data == null) continue;
      variables.afterVersion = data.jobUpdated.version;
      yield data.jobUpdated;
    }
  } catch (error) {
    if (error instanceof DemoError) throw error;
    if (Array.isArray(error)) throw new DemoError(refusal(error, 200));
    throw new DemoError(`The connection to ${gateway.url} is lost: ${reasonOf(error)}`);
  } finally {
    await client.dispose();
  }
}

type Errors = FormattedExecutionResult['errors'];

function refusal(errors: Errors, status: number, subject = ''): string {
  if (errors === undefined || errors.length === 0) return `The gateway gave no answer (HTTP ${status}).`;
  const lines = errors.flatMap(({ message, extensions }) => {
    const fieldErrors = extensions?.['fieldErrors'];
    const places = Array.isArray(fieldErrors) ? (fieldErrors as { path: string; message: string }[]) : [];
    const code = typeof extensions?.['code'] === 'string' ? ` (${extensions['code']})` : '';
    return places.length > 0 ? places.map((f) => `  ${f.path}: ${f.message}`) : [`  ${message}${code}`];
  });
  return [`The gateway refused${subject}:`, ...lines].join('\n');
}

export function reasonOf(error: unknown): string {
  if (typeof error === 'object' && error !== null) {
    // Errors from fetch have the reason in `cause`; a socket ends with an event.
    if ('cause' in error && error.cause instanceof Error) return error.cause.message;
    if ('reason' in error && typeof error.reason === 'string' && error.reason !== '') return error.reason;
    if ('code' in error && typeof error.code === 'number') return `the socket was closed (${error.code})`;
    if ('message' in error && typeof error.message === 'string') return error.message;
  }
  return String(error);
}
