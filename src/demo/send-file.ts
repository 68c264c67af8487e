/** Sends a file to the address that `createUpload` gave. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { request } from 'undici';
import { type AnnouncedUpload, reasonOf } from './gateway-client.js';
import type { LocalFile } from './local-file.js';
import { DemoError } from './options.js';

/**
 * @param onSent is told how many bytes were sent so far
 * @throws DemoError if the gateway does not take it
 */
export async function sendFile(
  file: LocalFile,
  { putUrl, headers }: AnnouncedUpload,
  onSent: (bytes: number) => void,
): Promise<void> {
  // The same bytes were sent before.
  if (putUrl === null) return onSent(file.byteSize);
  let status: number;
  let text: string;
  try {
    // Not `fetch`: it can't send a stream together with its length, which some proxies insist on.
    const { statusCode, body } = await request(putUrl, {
      method: 'PUT',
      headers: {
        ...Object.fromEntries(headers.map(({ name, value }) => [name, value])),
        'content-length': String(file.byteSize),
      },
      body: Readable.from(counted(file.path, onSent), { objectMode: false }),
    });
    status = statusCode;
    text = await body.text();
  } catch (error) {
    throw new DemoError(`${file.name} can't be sent to ${new URL(putUrl).origin}: ${reasonOf(error)}`);
  }
  if (status !== 200 && status !== 201) throw new DemoError(refusalOf(file, status, text));
}

async function* counted(path: string, onSent: (bytes: number) => void): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    yield chunk;
    sent += chunk.length;
    onSent(sent);
  }
}

function refusalOf({ name }: LocalFile, status: number, text: string): string {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown };
    if (typeof message === 'string') return `The gateway refused ${name}:\n  ${message} (${code})`;
  } catch {
    // A proxy answers with a page.
  }
  return `${name} was refused (HTTP ${status}).`;
}
