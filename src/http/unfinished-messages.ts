/**
 * Messages of WebSockets that have begun and not ended: each socket may send one of a megabyte byte by byte, so
 * what all of them hold together is bounded too. Beyond it messages go of whoever holds the most in sum, the
 * largest first: many small ones of one sender push out nobody else's.
 */
import type { PingedSocket } from './websocket-transport.js';

/** Of all sockets together. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 250;

interface Sender {
  bytes: number;
  readonly sockets: PingedSocket[];
}

/** @param senderOf whose a socket is. Returns what ends it. */
export function boundUnfinished(
  sockets: ReadonlySet<PingedSocket>,
  senderOf: (socket: PingedSocket) => string,
): () => void {
  const looks = setInterval(() => {
    let all = 0;
    for (const socket of sockets) all += socket.unfinishedBytes;
    if (all <= MAX_UNFINISHED_BYTES) return;
    const senders = sendersOf(sockets, senderOf);
    while (all > MAX_UNFINISHED_BYTES) {
      const most = senders.reduce((one, other) => (other.bytes > one.bytes ? other : one));
      const largest = most.sockets.pop();
      if (largest === undefined) return;
      all -= largest.unfinishedBytes;
      most.bytes -= largest.unfinishedBytes;
      largest.terminate();
    }
  }, LOOK_EVERY_MS);
  return () => clearInterval(looks);
}

/** With the sockets of each, the one with the largest message last. */
function sendersOf(
  sockets: ReadonlySet<PingedSocket>,
  senderOf: (socket: PingedSocket) => string,
): readonly Sender[] {
  const senders = new Map<string, Sender>();
  for (const socket of sockets) {
    const name = senderOf(socket);
    const sender = senders.get(name) ?? { bytes: 0, sockets: [] };
    sender.bytes += socket.unfinishedBytes;
    sender.sockets.push(socket);
    senders.set(name, sender);
  }
  for (const sender of senders.values()) {
    sender.sockets.sort((one, other) => one.unfinishedBytes - other.unfinishedBytes);
  }
  return [...senders.values()];
}
