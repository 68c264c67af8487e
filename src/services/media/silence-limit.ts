/** A limit on how long a stream may pause. */
import type { Readable } from 'node:stream';

/** Passes `body` on; fails if a requested chunk does not arrive within `silenceMs`. */
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
