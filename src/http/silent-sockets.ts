/**
 * WebSockets whose clients have not authenticated yet but take up places. If there are too many from one address, the
 * oldest is closed, so that clients behind the same proxy that authenticate at once still get in.
 */
export class SilentSockets<Socket extends object> {
  readonly #most: number;
  readonly #drop: (socket: Socket) => void;
  /** Oldest first. */
  readonly #byAddress = new Map<string, Set<Socket>>();

  /** @param most the maximum per address */
  constructor(most: number, drop: (socket: Socket) => void) {
    this.#most = most;
    this.#drop = drop;
  }

  add(address: string, socket: Socket): void {
    const silent = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, silent.add(socket));
    const [oldest] = silent;
    if (silent.size <= this.#most || oldest === undefined) return;
    this.delete(address, oldest);
    this.#drop(oldest);
  }

  /** Call it when the client has authenticated or is gone. Safe to call twice. */
  delete(address: string, socket: Socket): void {
    const silent = this.#byAddress.get(address);
    if (silent?.delete(socket) && silent.size === 0) this.#byAddress.delete(address);
  }
}
