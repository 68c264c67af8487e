/** A file on this machine that is to be uploaded. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileTypeFromFile } from 'file-type';
import { DemoError } from './options.js';

export interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly byteSize: number;
  /** By its bytes, whatever its name says. */
  readonly contentType: string;
  /** In hex. */
  readonly sha256: string;
}

/** Names of media types at the gateway that file-type calls otherwise. */
const TYPES: Readonly<Record<string, string>> = { 'video/vnd.avi': 'video/x-msvideo' };

/** @throws DemoError if it can't be read, or is a video */
export async function readLocalFile(path: string): Promise<LocalFile> {
  const name = basename(path);
  let file: LocalFile;
  try {
    const { size: byteSize } = await stat(path);
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const { mime = 'application/octet-stream' } = (await fileTypeFromFile(path)) ?? {};
    file = { path, name, byteSize, contentType: TYPES[mime] ?? mime, sha256: hash.digest('hex') };
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = isMissing ? 'there is no such file' : error instanceof Error ? error.message : error;
    throw new DemoError(
      `${path} can't be read: ${reason}. Give a file, or a URL that begins with http:// or https://`,
    );
  }
  if (file.contentType.startsWith('video/')) {
    throw new DemoError(`${name} is a video. The demo swaps pictures; submitFaceSwapPlus swaps videos.`);
  }
  return file;
}
