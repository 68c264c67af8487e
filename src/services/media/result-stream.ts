/** Measures, hashes and checks a result on its way into the archive. */
import { createHash, type Hash } from 'node:crypto';
import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { HEAD_BYTES } from './media-type.js';

export class ResultContentError extends Error {
  override readonly name = 'ResultContentError';
  readonly code: 'TOO_LARGE' | 'WRONG_TYPE' | 'INCOMPLETE';

  constructor(code: ResultContentError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Reads the first bytes of a stream, and returns them together with the whole stream. */
export async function withHead(source: Readable): Promise<{ head: Buffer; whole: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const chunks: Buffer[] = [];
  let size = 0;
  while (size < HEAD_BYTES) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    chunks.push(value);
    size += value.length;
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* chunks;
      for (;;) {
        const { value, done } = await iterator.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      source.destroy();
    }
  };
  return { head: Buffer.concat(chunks), whole: whole() };
}

/** Passes bytes through; fails if there are too many, or fewer than announced. */
export class Measure extends Transform {
  readonly #most: number;
  readonly #promised: number | null;
  readonly #hash: Hash = createHash('sha256');
  byteSize = 0;

  constructor(most: number, promised: number | null) {
    super();
    this.#most = most;
    this.#promised = promised;
  }

  /** In hex; to be called once, after the end. */
  sha256(): string {
    return this.#hash.digest('hex');
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.byteSize += chunk.length;
    if (this.byteSize > this.#most) {
      done(new ResultContentError('TOO_LARGE', `the result is larger than ${this.#most} bytes`));
      return;
    }
    this.#hash.update(chunk);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    const isComplete = this.byteSize > 0 && (this.#promised === null || this.#promised === this.byteSize);
    done(isComplete ? null : new ResultContentError('INCOMPLETE', 'the result was cut off'));
  }
}
