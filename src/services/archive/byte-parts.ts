/** A stream in pieces of a size. */
import type { Readable } from 'node:stream';

/** Some bytes of a stream, in their order. */
export interface BytePart {
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/**
 * Each part but the last has `size` bytes exactly; an empty stream gives one empty part. At most one part is in
 * memory, and what the stream gave at once.
 */
export async function* byteParts(content: Readable, size: number): AsyncGenerator<BytePart, void> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const piece of content as AsyncIterable<Buffer | string>) {
    let rest = Buffer.from(piece as Buffer);
    // A full part goes out only when there is more: so the last one is known to be the last.
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

/** What `body` gives, as it is asked for; fails when a piece that was asked for does not come within `silenceMs`. */
export async function* withoutSilence(
  body: Readable,
  silenceMs: number,
  failure: () => Error,
): AsyncGenerator<Buffer, void> {
  const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const timer = setTimeout(() => body.destroy(failure()), silenceMs);
      const { value, done } = await pieces.next().finally(() => clearTimeout(timer));
      if (done === true) return;
      yield value;
    }
  } finally {
    body.destroy();
  }
}
