/**
 * Collects a body in one buffer while it arrives. Node creates an object for each piece that a client sends, which
 * takes hundreds of bytes even for a piece of one byte.
 */
import type { IncomingMessage } from 'node:http';

const REASONS = { 400: 'BROKEN_BODY', 413: 'TOO_LARGE', 415: 'MEDIA_TYPE' } as const satisfies Record<
  number,
  string
>;

/** Thrown for a body that is not read; the status gives the reason. */
export class RefusedBody extends Error {
  readonly statusCode: 400 | 413 | 415;
  /** For the log. */
  readonly code: string;
  /** For the client; undefined if the status is enough. */
  readonly explanation: string | undefined;

  constructor(
    statusCode: RefusedBody['statusCode'],
    explanation?: string,
    code: string = REASONS[statusCode],
  ) {
    super('refused');
    this.statusCode = statusCode;
    this.code = code;
    this.explanation = explanation;
  }
}

/** 8 MiB in the smallest usual packets. Many pieces of a few bytes each would delay everyone. */
const MAX_PIECES = 16_384;
const EMPTY = Buffer.alloc(0);

/**
 * Resolves with the complete body.
 *
 * @param check throws if the body must be refused. The body has at least `size` bytes, and `more` of them are about to
 *   be stored; the buffer takes at most twice as many.
 * @throws RefusedBody if the connection breaks
 */
export function gather(
  payload: IncomingMessage,
  check: (size: number, more: number) => void,
): Promise<Buffer> {
  const declared = Number(payload.headers['content-length'] ?? 0);
  let bytes: Buffer = EMPTY;
  let size = 0;
  let pieces = 0;
  return new Promise((resolve, reject) => {
    const take = (piece: Buffer): void => {
      const needed = size + piece.length;
      pieces += 1;
      try {
        if (pieces > MAX_PIECES) throw new RefusedBody(413, `A body in more than ${MAX_PIECES} pieces`);
        check(needed, piece.length);
      } catch (error) {
        leave();
        // Otherwise all pieces that have already arrived would be processed.
        payload.pause();
        reject(error);
        return;
      }
      if (size === 0 && piece.length === declared) {
        // Most bodies come in one piece.
        bytes = piece;
        size = needed;
        return;
      }
      if (needed > bytes.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * bytes.length));
        bytes.copy(larger, 0, 0, size);
        bytes = larger;
      }
      piece.copy(bytes, size);
      size = needed;
    };
    const end = (): void => {
      resolve(bytes.subarray(0, size));
      leave();
    };
    // The client is gone.
    const fail = (): void => {
      leave();
      reject(new RefusedBody(400));
    };
    // Listeners live as long as the request, and would keep the bytes in memory.
    const leave = (): void => {
      payload.off('data', take).off('end', end).off('error', fail);
      bytes = EMPTY;
    };
    payload.once('error', fail);
    try {
      check(declared, 0);
    } catch (error) {
      reject(error);
      return;
    }
    payload.on('data', take).once('end', end);
  });
}
