/**
 * Messages of WebSockets that have begun and not ended: each socket may send one of a megabyte byte by byte, so
 * what all of them hold together is bounded too. Beyond it those go that hold the most.
 */
import type { PingedSocket } from './websocket-transport.js';

/** Of all sockets together. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 250;

/** Returns what ends it. */
export function boundUnfinished(sockets: ReadonlySet<PingedSocket>): () => void {
  const looks = setInterval(() => {
    let all = 0;
    for (const socket of sockets) all += socket.unfinishedBytes;
    if (all <= MAX_UNFINISHED_BYTES) return;
    const largestFirst = [...sockets].sort((one, other) => other.unfinishedBytes - one.unfinishedBytes);
    for (const socket of largestFirst) {
      if (all <= MAX_UNFINISHED_BYTES) return;
      all -= socket.unfinishedBytes;
      socket.terminate();
    }
  }, LOOK_EVERY_MS);
  return () => clearInterval(looks);
}
