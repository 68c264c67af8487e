/**
 * Putting a stream into a bucket whose length nobody knows beforehand: one put when it fits into one part, else a
 * multipart upload, part by part, that is completed at the end or aborted.
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
import { type BytePart, byteParts } from './byte-parts.js';
import { ANSWER_MS, bounded, isMissing, TRANSFER_MS } from './s3-call.js';

/** As calls to S3 name it. */
export interface S3Object {
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * An upload may have 10,000 parts: so many of these hold more than the largest ARCHIVE_MAX_BYTES. One is in
 * memory for each upload under way.
 */
const PART_BYTES = 10 * 1024 * 1024;

/** @throws S3Error, what `content` fails with, and the reason of `signal`; nothing is to be seen then */
export async function upload(
  s3: S3Client,
  object: S3Object,
  ContentType: string,
  content: Readable,
  signal: AbortSignal,
): Promise<void> {
  const parts = byteParts(content, PART_BYTES);
  const { value: first } = await parts.next();
  if (first === undefined) return;
  if (first.isLast) {
    const input = { ...object, ContentType, Body: first.bytes };
    await bounded('PutObject', TRANSFER_MS, signal, (options) =>
      s3.send(new PutObjectCommand(input), options),
    );
    return;
  }
  // Not ended by `signal`: an upload whose id nobody was told can't be aborted.
  const { UploadId } = await bounded('CreateMultipartUpload', ANSWER_MS, undefined, (options) =>
    s3.send(new CreateMultipartUploadCommand({ ...object, ContentType }), options),
  );
  const begun = { ...object, UploadId };
  try {
    const Parts: CompletedPart[] = [];
    const send = async ({ bytes: Body }: BytePart): Promise<void> => {
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
    // Also after `signal`. What can't be aborted now is swept up later.
    await abortUpload(s3, begun).catch(() => {});
    throw error;
  }
}

/** Does nothing where there is no such upload. */
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
    // Another gateway swept it up, or it was completed after all.
    if (!isMissing(error)) throw error;
  }
}
