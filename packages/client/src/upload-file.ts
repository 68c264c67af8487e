/** Sends a file to the gateway. */
import { CREATE_UPLOAD } from './documents.js';
import type { Upload } from './media.js';
import { answerOf, type Gateway, type Request, repeat } from './request.js';

interface Announced extends Upload {
  /** Null if the gateway has these bytes already. */
  readonly putUrl: string | null;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface FileOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes sent so far, at least at the end. */
  readonly onLoaded: (loaded: number) => void;
}

/** Larger files are not hashed, because that reads them into memory. */
const MAX_HASHED_BYTES = 20 * 1024 * 1024;
/** How long a file may go without progress. */
const MAX_STALL_MS = 30_000;
/** Where progress can't be seen, a file may take as long as at this speed. */
const MIN_BYTES_PER_MS = 20;
/** From the last progress. */
const PATIENCE_MS = 180_000;

/** @throws RequestRefused, or the signal's reason */
export function uploadFile(...parts: Parameters<typeof announceAndSend>): Promise<Upload> {
  return announceAndSend(...parts).catch((error) => {
    // What breaks off on a slow line may have begun too long ago to be sent to the same address again.
    if (error.code === 'EXPIRED') return announceAndSend(...parts);
    throw error;
  });
}

async function announceAndSend(
  gateway: Gateway,
  request: Request,
  file: Blob,
  { signal, onLoaded }: FileOptions,
): Promise<Upload> {
  const input = { contentType: file.type, byteSize: file.size, ...(await hashOf(file)) };
  const answer = await request<{ upload: Announced }>(CREATE_UPLOAD, { input }, { signal });
  const { putUrl, headers, ...upload } = answer.upload;
  const options = { signal, until: Date.now() + PATIENCE_MS };
  let most = 0;
  const onMore = (loaded: number): void => {
    // What was lost, and is sent once more, is no progress.
    if (loaded > most) {
      most = loaded;
      options.until = Date.now() + PATIENCE_MS;
      onLoaded(loaded);
    }
  };
  const put = async (url: string, ending: AbortSignal): Promise<Upload> => {
    const maxMs = MAX_STALL_MS + Math.ceil(file.size / MIN_BYTES_PER_MS);
    // Only XMLHttpRequest tells of progress.
    const response = globalThis.XMLHttpRequest
      ? await putByXhr(url, headers, file, ending, onMore)
      : await gateway.fetch(url, {
          method: 'PUT',
          // Name and value: an answer keeps the order of its query.
          headers: headers.map(Object.values) as [string, string][],
          body: file,
          signal: AbortSignal.any([ending, AbortSignal.timeout(maxMs)]),
        });
    return answerOf<Upload>(({ id }) => id, response);
  };
  const sent = putUrl && (await repeat(gateway, options, (ending) => put(putUrl, ending)));
  onLoaded(file.size);
  return { ...upload, ...sent };
}

/** Only secure contexts can hash. */
async function hashOf(file: Blob): Promise<{ sha256?: string }> {
  const { subtle } = crypto;
  if (!subtle || file.size > MAX_HASHED_BYTES) return {};
  const hash = await subtle.digest('SHA-256', await file.arrayBuffer());
  return { sha256: Array.from(new Uint8Array(hash), (byte) => (byte + 256).toString(16).slice(1)).join('') };
}

function putByXhr(
  url: string,
  headers: Announced['headers'],
  body: Blob,
  signal: AbortSignal,
  onLoaded: (loaded: number) => void,
): Promise<Parameters<typeof answerOf>[1]> {
  return new Promise((resolve) => {
    signal.throwIfAborted();
    const xhr = new XMLHttpRequest();
    const abort = (): void => xhr.abort();
    let stall = setTimeout(abort, MAX_STALL_MS);
    xhr.open('PUT', url);
    for (const { name, value } of headers) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      clearTimeout(stall);
      stall = setTimeout(abort, MAX_STALL_MS);
      onLoaded(loaded);
    };
    xhr.onloadend = () => {
      clearTimeout(stall);
      resolve({
        status: xhr.status,
        text: async () => xhr.responseText,
        headers: { get: (name) => xhr.getResponseHeader(name) },
      });
    };
    signal.addEventListener('abort', abort);
    xhr.send(body);
  });
}
