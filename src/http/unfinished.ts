/**
 * Limits the total size of requests and messages that have begun to arrive but not ended. Above the limit, the
 * connections of the sender with the largest total are cut, largest first, so that a sender with many small ones does
 * not push out others.
 */
const LOOK_EVERY_MS = 250;

interface Sender<Socket> {
  bytes: number;
  readonly sockets: Socket[];
}

interface Unfinished<Socket> {
  readonly sockets: ReadonlySet<Socket>;
  /** The total for all sockets. */
  readonly maxBytes: number;
  readonly bytesOf: (socket: Socket) => number;
  /** Identifies the sender. */
  readonly senderOf: (socket: Socket) => string;
  readonly cut: (socket: Socket) => void;
}

/** Returns a function that stops it. */
export function boundUnfinished<Socket>(options: Unfinished<Socket>): () => void {
  const { sockets, maxBytes, bytesOf, cut } = options;
  const looks = setInterval(() => {
    let all = 0;
    for (const socket of sockets) all += bytesOf(socket);
    if (all <= maxBytes) return;
    const senders = sendersOf(options);
    while (all > maxBytes) {
      const most = senders.reduce((one, other) => (other.bytes > one.bytes ? other : one));
      const largest = most.sockets.pop();
      if (largest === undefined) return;
      all -= bytesOf(largest);
      most.bytes -= bytesOf(largest);
      cut(largest);
    }
  }, LOOK_EVERY_MS);
  return () => clearInterval(looks);
}

/** Groups the sockets by sender; the sender that holds the most comes last. */
function sendersOf<Socket>({ sockets, bytesOf, senderOf }: Unfinished<Socket>): readonly Sender<Socket>[] {
  const senders = new Map<string, Sender<Socket>>();
  for (const socket of sockets) {
    const name = senderOf(socket);
    const sender = senders.get(name) ?? { bytes: 0, sockets: [] };
    sender.bytes += bytesOf(socket);
    sender.sockets.push(socket);
    senders.set(name, sender);
  }
  for (const sender of senders.values()) {
    sender.sockets.sort((one, other) => bytesOf(one) - bytesOf(other));
  }
  return [...senders.values()];
}
