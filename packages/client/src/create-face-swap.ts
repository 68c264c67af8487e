/** Puts the parts of the client together. */
import type { FaceSwap, FaceSwapOptions } from './face-swap.js';

/**
 * Creates a client. It opens no connection before something is followed or asked, except that it sends again what an
 * earlier page of the same `scope` had not been answered.
 */
export function createFaceSwap(_options: FaceSwapOptions): FaceSwap {
  throw new Error('To be written');
}
