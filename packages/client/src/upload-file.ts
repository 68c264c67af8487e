/** Sends a file to the gateway. */
import { CREATE_UPLOAD } from './documents.js';
import { RequestRefused } from './errors.js';
import type { Upload } from './media.js';
import { type Gateway, type Request, refusalOfStatus, repeat } from './request.js';

interface Announced extends Upload {
  /** Null if the gateway has these bytes already. */
  readonly putUrl: string | null;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface FileOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes sent so far, at least at the end. */
  readonly onLoaded: ((loaded: number) => void) | undefined;
}

/** Larger files are not hashed, because that reads them into memory. */
const MAX_HASHED_BYTES = 20 * 1024 * 1024;
/** How long a file may go without progress. */
const MAX_STALL_MS = 30_000;
/** Where progress can't be seen, a file may take as long as at this speed. */
const MIN_BYTES_PER_MS = 20;
const PATIENCE_MS = 180_000;
const STORAGE = ['STORAGE_UNAVAILABLE', 'IN_PROGRESS'];
const GONE = ['NOT_FOUND', 'EXPIRED'];
const MAX_ANNOUNCEMENTS = 3;

/** @throws RequestRefused, or the signal's reason */
export async function uploadFile(
  gateway: Gateway,
  request: Request,
  file: Blob,
  { signal, onLoaded }: FileOptions,
): Promise<Upload> {
  const input = { contentType: file.type, byteSize: file.size, ...(await hashOf(file)) };
  for (let announcements = 1; ; announcements++) {
    const answer = await request<{ upload: Announced }>(CREATE_UPLOAD, { input }, { signal });
    const { putUrl, headers, ...upload } = answer.upload;
    try {
      const sent = putUrl
        ? await repeat(
            gateway,
            { signal, patienceMs: PATIENCE_MS },
            (ending) => put(gateway, putUrl, headers, file, ending, onLoaded),
            ({ code }) => STORAGE.includes(code),
          )
        : {};
      onLoaded?.(file.size);
      return { ...upload, ...sent };
    } catch (error) {
      const isGone = error instanceof RequestRefused && GONE.includes(error.code);
      if (!isGone || announcements === MAX_ANNOUNCEMENTS) throw error;
    }
  }
}

/** Only secure contexts can hash. */
async function hashOf(file: Blob): Promise<{ sha256?: string }> {
  const { subtle } = crypto;
  if (!subtle || file.size > MAX_HASHED_BYTES) return {};
  return { sha256: hexOf(await subtle.digest('SHA-256', await file.arrayBuffer())) };
}

export function hexOf(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function put(
  { fetch }: Gateway,
  url: string,
  headers: Announced['headers'],
  body: Blob,
  signal: AbortSignal,
  onLoaded: FileOptions['onLoaded'],
): Promise<Partial<Upload>> {
  // Only this one tells of progress.
  if (onLoaded && typeof XMLHttpRequest !== 'undefined')
    return putByXhr(url, headers, body, signal, onLoaded);
  const response = await fetch(url, {
    method: 'PUT',
    headers: headers.map(({ name, value }): [string, string] => [name, value]),
    body,
    signal: AbortSignal.any([
      signal,
      AbortSignal.timeout(MAX_STALL_MS + Math.ceil(body.size / MIN_BYTES_PER_MS)),
    ]),
  });
  return answerOf(response, await response.text(), response.headers.get('retry-after'));
}

function putByXhr(
  url: string,
  headers: Announced['headers'],
  body: Blob,
  signal: AbortSignal,
  onLoaded: (loaded: number) => void,
): Promise<Partial<Upload>> {
  return new Promise((resolve, reject) => {
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
      signal.removeEventListener('abort', abort);
      try {
        if (xhr.status === 0) throw new TypeError('The upload was interrupted.');
        resolve(answerOf(xhr, xhr.responseText, xhr.getResponseHeader('retry-after')));
      } catch (error) {
        reject(error);
      }
    };
    signal.addEventListener('abort', abort);
    xhr.send(body);
  });
}

function answerOf(
  response: Response | XMLHttpRequest,
  text: string,
  retryAfter: string | null,
): Partial<Upload> {
  let answer: Partial<Upload> & { code?: string; message?: string } = {};
  try {
    answer = JSON.parse(text);
  } catch {}
  const { code, message = '', ...upload } = answer;
  if (upload.id) return upload;
  throw code
    ? new RequestRefused(code, message, { retryAfter: Number(retryAfter) || undefined })
    : refusalOfStatus(response, retryAfter);
}
