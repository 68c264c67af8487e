/**
 * A body, gathered in one buffer as it comes: Node makes an object of each piece that a client sends, and that takes
 * some hundred bytes where the piece has one.
 */
import type { IncomingMessage } from 'node:http';

/** A body that is not read: the status says why. */
export class RefusedBody extends Error {
  readonly statusCode: 400 | 413;
  /** For the client; undefined where the status says all. */
  readonly explanation: string | undefined;

  constructor(statusCode: RefusedBody['statusCode'], explanation?: string) {
    super('refused');
    this.statusCode = statusCode;
    this.explanation = explanation;
  }
}

/** Of 8 MiB, so many are the smallest that networks make. More of a few bytes each hold up everyone. */
const MAX_PIECES = 16_384;
const EMPTY = Buffer.alloc(0);

/**
 * Resolves with the whole of it.
 *
 * @param check throws what the body is to be refused with, once it is known to have `size` bytes, `more` of which are
 *   to be held now; the buffer takes at most twice as many
 * @throws RefusedBody when it breaks off
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
        // Else the pieces that are here already would all be looked at.
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
    // Nobody is there any more to be answered.
    const fail = (): void => {
      leave();
      reject(new RefusedBody(400));
    };
    // What listens to a request lives as long as the request, and what it could still settle with it: the bytes.
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
