/** Splits a stream into parts of a fixed size. */
import type { Readable } from 'node:stream';

/** Consecutive bytes of a stream. */
export interface UploadPart {
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/**
 * Each part but the last has exactly `size` bytes; an empty stream yields one empty part. At most one part and one
 * chunk of the stream are in memory.
 */
export async function* uploadParts(content: Readable, size: number): AsyncGenerator<UploadPart, void> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const piece of content as AsyncIterable<Buffer | string>) {
    let rest = Buffer.from(piece as Buffer);
    // Yield a full part only once there is more, so that the last one is known to be the last.
    while (length + rest.length > size) {
      const taken = size - length;
      yield { bytes: Buffer.concat([...chunks, rest.subarray(0, taken)]), isLast: false };
      rest = rest.subarray(taken);
      chunks = [];
      length = 0;
    }
    chunks.push(rest);
    length += rest.length;
  }
  yield { bytes: Buffer.concat(chunks), isLast: true };
}
