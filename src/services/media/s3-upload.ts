/**
 * Uploads a stream of unknown length to a bucket: with a single put if it fits into one part, otherwise with
 * a multipart upload, which is completed at the end or aborted.
 */
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { ANSWER_MS, bounded, isMissing, TRANSFER_MS } from './s3-call.js';
import { type UploadPart, uploadParts } from './upload-parts.js';

/** An object, in the form that S3 calls take. */
export interface S3Object {
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * An upload may have 10,000 parts, and that many of this size hold more than the largest ARCHIVE_MAX_BYTES.
 * Each upload in progress keeps one part in memory.
 */
const PART_BYTES = 10 * 1024 * 1024;

/** @throws S3Error, the error of `content`, or the reason of `signal`; nothing is visible then */
export async function upload(
  s3: S3Client,
  object: S3Object,
  ContentType: string,
  content: Readable,
  signal: AbortSignal,
): Promise<void> {
  const parts = uploadParts(content, PART_BYTES);
  const { value: first } = await parts.next();
  if (first === undefined) return;
  if (first.isLast) {
    const input = { ...object, ContentType, Body: first.bytes };
    await bounded('PutObject', TRANSFER_MS, signal, (options) =>
      s3.send(new PutObjectCommand(input), options),
    );
    return;
  }
  // `signal` does not end this call, because an upload can't be aborted without its id.
  const { UploadId } = await bounded('CreateMultipartUpload', ANSWER_MS, undefined, (options) =>
    s3.send(new CreateMultipartUploadCommand({ ...object, ContentType }), options),
  );
  const begun = { ...object, UploadId };
  try {
    const Parts: CompletedPart[] = [];
    const send = async ({ bytes: Body }: UploadPart): Promise<void> => {
      const PartNumber = Parts.length + 1;
      const { ETag } = await bounded('UploadPart', TRANSFER_MS, signal, (options) =>
        s3.send(new UploadPartCommand({ ...begun, PartNumber, Body }), options),
      );
      Parts.push({ PartNumber, ETag });
    };
    await send(first);
    for await (const part of parts) await send(part);
    await bounded('CompleteMultipartUpload', TRANSFER_MS, signal, (options) =>
      s3.send(new CompleteMultipartUploadCommand({ ...begun, MultipartUpload: { Parts } }), options),
    );
  } catch (error) {
    // Also after `signal`. `sweep` later removes what can't be aborted now.
    await abortUpload(s3, begun).catch(() => {});
    throw error;
  }
}

/** Does nothing if there is no such upload. */
export async function abortUpload(
  s3: S3Client,
  begun: S3Object & { readonly UploadId: string | undefined },
  signal?: AbortSignal,
): Promise<void> {
  try {
    await bounded('AbortMultipartUpload', ANSWER_MS, signal, (options) =>
      s3.send(new AbortMultipartUploadCommand(begun), options),
    );
  } catch (error) {
    // Another gateway has removed it, or it was completed after all.
    if (!isMissing(error)) throw error;
  }
}
